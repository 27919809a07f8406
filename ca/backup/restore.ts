/**
 * An authority made of a backup. It must not forget a revocation, nor give an id, a serial or a token twice: ids follow
 * from names and a secret that is in the backup, serials are random, the numbers of lists follow the clock, tokens that
 * were unused are void, and what was revoked after the backup comes from the newest published list. An older state is
 * refused where a newer one was seen, unless the operator says that the difference is lost.
 */
import { readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  atomicWrite,
  FirefliesError,
  fingerprintOf,
  PUBLIC_FILE_MODE,
  readText,
  syncDirectory,
} from "../../identity/index.js";
import { createDirectory, FILES, filesIn, readCertificate } from "../state/directory.js";
import { type Mark, readMark, writeMark } from "../state/high-water.js";
import { type Lock, takeLock } from "../state/lock.js";
import { openStore } from "../store/open.js";
import type { Fence, Store } from "../store/store.js";
import { type ArchiveHead, readArchive } from "./archive.js";
import { keyReferences } from "./backup.js";
import { namedIn } from "./reconcile.js";
import { missingIn, type Survey, survey } from "./survey.js";

export interface RestoreOptions {
  /** The backup. */
  readonly path: string;
  /** Where the authority will be: without a database, with or without the rest. */
  readonly directory: string;
  /** "postgres://..."; ca.db in the directory when left out. */
  readonly store?: string | undefined;
  /** The newest published lists, one of each network: answers of /v1/revocations, or of /v1/crl. */
  readonly lists?: readonly Uint8Array[] | undefined;
  /** Decisions after the backup are lost, and the operator knows it. */
  readonly acceptLoss?: boolean | undefined;
  /** Wall clock, unix milliseconds. */
  readonly now?: (() => number) | undefined;
}

export interface RestoreResult {
  /** When the backup was made, unix milliseconds. */
  readonly createdAt: number;
  readonly epoch: number;
  /** Revocations that the backup did not know, taken from the lists. */
  readonly revocations: number;
  /** Certificates of lists that the backup does not know and that have no serial there: take the X.509 list for them. */
  readonly unknown: number;
  /** Key files that the directory still lacks: the backup has none of them. */
  readonly keysMissing: readonly string[];
}

/**
 * Rejects with "ca-backup-invalid", with "ca-state-locked" while a network is served from the directory, with
 * "ca-state-old" when it has seen a newer state or nothing tells whether there was one, with "ca-state-mismatch" for the
 * backup of another authority, or with "ca-options-invalid" where there is a database already.
 */
export async function restoreAuthority(options: RestoreOptions): Promise<RestoreResult> {
  const { directory } = options;
  await createDirectory(directory);
  const locks: Lock[] = [];
  try {
    for (const name of await lockFiles(directory)) locks.push(await takeLock(join(directory, name)));
    return await restored(options);
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** Of every network's process: one that goes on with the lost database would issue what nobody finds again. */
async function lockFiles(directory: string): Promise<ReadonlySet<string>> {
  const names = await readdir(directory);
  return new Set(["ca.lock", ...names.filter((name) => /^ca-[a-z0-9-]+\.lock$/.test(name))]);
}

async function restored(options: RestoreOptions): Promise<RestoreResult> {
  const { path, directory, lists = [], now = Date.now } = options;
  const { head, rows } = await readArchive(path);
  await requireRoom(directory, options.store);
  await requireSameAuthority(directory, head);
  const mark = await readMark(directory);
  const found = await survey({ head, rows }, mark?.sequence ?? 0);
  requireNewest(options, { mark, head, found });
  const published = await Promise.all(lists.map((list) => namedIn(list, found.issuers)));
  const missing = await missingIn(await readArchive(path), published, now());
  const epoch = Math.max(head.epoch, mark?.epoch ?? 0) + 1;
  const { revocations, unknown } = missing;
  const fields = { backup: head.createdAt, entries: found.audit.sequence, epoch, revocations: revocations.length };
  const fence = { at: now(), epoch, revocations, lists: published, note: { kind: "restored", at: now(), fields } };
  await writeFiles(directory, head);
  const keysMissing = await fill(options, fence);
  return { createdAt: head.createdAt, epoch, revocations: revocations.length, unknown, keysMissing };
}

/** Never over a database: whoever is sure moves it away. */
async function requireRoom(directory: string, url: string | undefined): Promise<void> {
  const isThere = url === undefined ? (await filesIn(directory)).has(FILES.database) : await hasAuthority(url);
  if (!isThere) return;
  const where = url === undefined ? join(directory, FILES.database) : "The PostgreSQL database";
  throw new FirefliesError(
    "ca-options-invalid",
    `${where} holds an authority already, which may be newer than the backup.`,
    { advice: "If it is damaged, move it away first." },
  );
}

async function hasAuthority(url: string): Promise<boolean> {
  const store = await openStore(url);
  return (await store.authority().finally(() => store.close())) !== undefined;
}

async function requireSameAuthority(directory: string, { fingerprint }: ArchiveHead): Promise<void> {
  if (!(await filesIn(directory)).has(FILES.root)) return;
  if (fingerprintOf(await readCertificate(directory, FILES.root)) === fingerprint) return;
  throw new FirefliesError("ca-state-mismatch", `${directory} belongs to another authority than the backup.`);
}

function requireNewest(
  { acceptLoss = false, lists = [], directory }: RestoreOptions,
  { mark, head, found }: { mark: Mark | undefined; head: ArchiveHead; found: Survey },
): void {
  if (acceptLoss) return;
  if (mark === undefined) {
    if (lists.length > 0) return;
    throw old("Nothing here tells whether somebody was revoked after the backup.", GIVE_LISTS);
  }
  const isOlder = mark.epoch > head.epoch || mark.weighty > found.audit.sequence;
  const isFork = found.hashAt !== undefined && found.hashAt !== mark.hash;
  if (!isOlder && !isFork) return;
  const { sequence } = found.audit;
  const seen = `${directory} has seen an operator's act at audit entry ${mark.weighty}; the backup ends at ${sequence}.`;
  throw old(seen, lists.length > 0 ? LISTS_ARE_NOT_ALL : ACCEPT_LOSS);
}

const GIVE_LISTS =
  "or give the newest revocation lists with --list. If decisions after the backup are lost for good, say so with --accept-loss.";
const ACCEPT_LOSS =
  "or, if what was decided since is lost for good, say so with --accept-loss, and give the newest revocation lists with --list.";
const LISTS_ARE_NOT_ALL =
  "or, if what was decided since is lost for good, say so with --accept-loss: the lists tell of revocations only.";

function old(what: string, otherwise: string): FirefliesError {
  return new FirefliesError("ca-state-old", what, { advice: `Take the newest backup, ${otherwise}` });
}

/** What the directory has already is kept: it is as new at least. */
async function writeFiles(directory: string, { files }: ArchiveHead): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    if (!/^[a-z0-9][a-z0-9.-]*\.pem$/.test(name)) throw new FirefliesError("ca-backup-invalid");
    const path = join(directory, name);
    if ((await readText(path)) !== undefined) continue;
    await atomicWrite(path, text, name.endsWith(".key.pem") ? undefined : PUBLIC_FILE_MODE);
  }
}

/** SQLite's file gets its name when it is whole; PostgreSQL has one transaction. Resolves with the keys that are missing. */
async function fill({ path, directory, store: url }: RestoreOptions, fence: Fence): Promise<string[]> {
  const database = join(directory, FILES.database);
  const part = `${database}.part`;
  for (const suffix of ["", "-wal", "-shm"]) await rm(part + suffix, { force: true });
  for (const suffix of ["-wal", "-shm"]) await rm(database + suffix, { force: true });
  if (url === undefined) await atomicWrite(part, "");
  const store = await openStore(url ?? part);
  try {
    await load(store, path, fence);
    const names = [...(await keyReferences(store))];
    const texts = await Promise.all(names.map((name) => readText(join(directory, name))));
    const { sequence, hash } = await store.auditHead();
    await writeMark(directory, { sequence, hash, epoch: fence.epoch, weighty: sequence });
    await store.close();
    if (url === undefined) await settle(part, database);
    return names.filter((_, index) => texts[index] === undefined);
  } finally {
    await store.close();
  }
}

/** The file gets its name when it is whole. */
async function settle(part: string, database: string): Promise<void> {
  await rename(part, database);
  await syncDirectory(dirname(database));
  for (const suffix of ["-wal", "-shm"]) await rm(part + suffix, { force: true }); // Empty, since the store is closed.
}

async function load(store: Store, path: string, fence: Fence): Promise<void> {
  const { rows } = await readArchive(path);
  if ((await store.load(rows, fence)) === "recorded") return;
  throw new FirefliesError("ca-options-invalid", "Somebody else made an authority in this database at the same time.");
}
