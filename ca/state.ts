/**
 * The authority's directory: ca.db, root.pem, root.key.pem, issuing.pem, issuing.key.pem. It is created between two
 * steps of a marker file, before anything is issued: after a crash in between it is created anew. Without the marker
 * a missing piece is a loss, and the authority refuses to start: a new database would hand out ids twice.
 */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  atomicWrite,
  certificatesFromPem,
  certificatesToPem,
  createIssuing,
  createRoot,
  dateProblem,
  FirefliesError,
  fingerprintOf,
  messageOf,
  networkOfIssuing,
  PUBLIC_FILE_MODE,
  randomSecret,
  readText,
  requirePrivate,
  sameNetwork,
  spkiOfCertificate,
  syncDirectory,
  validityOfCertificate,
} from "../identity/index.js";
import { equalBytes, toHex } from "../rings/index.js";
import { Issuers } from "./issuers.js";
import { KeyCabinet } from "./key-cabinet.js";
import { constantsOf, invalid, type Settings } from "./options.js";
import { validityAt } from "./policy.js";
import { refusal } from "./refusal.js";
import type { SigningKey } from "./signing-key.js";
import { FIRST_KEY, FIRST_NETWORK } from "./store/migrations.js";
import { openStore } from "./store/open.js";
import type { IssuerRecord, NetworkRecord, NetworkStore, NewNetwork, Store } from "./store.js";

const FILES = {
  database: "ca.db",
  root: "root.pem",
  rootKey: "root.key.pem",
  issuer: "issuing.pem",
  issuerKey: FIRST_KEY,
  marker: "initialising",
} as const;
const DIRECTORY_MODE = 0o700;
const YEAR_MS = 365 * 86_400_000;
/** The root is the anchor that members pin; it signs issuing certificates only. */
const ROOT_LIFETIME_MS = 30 * YEAR_MS;
const ISSUING_LIFETIME_MS = 10 * YEAR_MS;
const NETWORK_ID_BYTES = 32;
const ID_SECRET_BYTES = 32;

export interface AuthorityState {
  readonly store: Store;
  /** The network that this authority serves, and its part of the store. */
  readonly network: NetworkRecord;
  readonly records: NetworkStore;
  /** Trusted root, DER. */
  readonly root: Uint8Array;
  /** The intermediates, and their keys. */
  readonly issuers: Issuers;
  /** The directory's private keys. */
  readonly keys: KeyCabinet;
  /** Lets go of the issuing keys and closes the store. */
  close(): Promise<void>;
}

/** Opens the state of the directory, or creates it when there is none and `create` is set. */
export async function openState(settings: Settings, create: boolean): Promise<AuthorityState> {
  const { directory } = settings;
  return reading(directory, async () => {
    const found = await filesIn(directory);
    if (found.size > 0 && !found.has(FILES.marker)) return load(settings);
    if (!create)
      throw new FirefliesError(
        "ca-state-missing",
        `${directory} holds no authority. Start \`fireflies ca\` there once.`,
      );
    await initialise(settings, found);
    return load(settings);
  });
}

export async function createDirectory(directory: string): Promise<void> {
  await reading(directory, () => mkdir(directory, { recursive: true, mode: DIRECTORY_MODE }));
}

/** Which of our files are there. */
async function filesIn(directory: string): Promise<Set<string>> {
  const names: readonly string[] = Object.values(FILES);
  const entries = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  return new Set(entries.filter((name) => names.includes(name)));
}

async function initialise(settings: Settings, leftOver: ReadonlySet<string>): Promise<void> {
  const { directory } = settings;
  const marker = join(directory, FILES.marker);
  await atomicWrite(marker, "The first start of this authority was not finished; the next one begins anew.\n");
  for (const name of leftOver) if (name !== FILES.marker) await rm(join(directory, name), { force: true });
  for (const suffix of ["-wal", "-shm"]) await rm(join(directory, FILES.database + suffix), { force: true });
  await writeState(settings);
  await rm(marker);
  await syncDirectory(directory);
}

async function writeState(settings: Settings): Promise<void> {
  const file = (name: keyof typeof FILES) => join(settings.directory, FILES[name]);
  const keys = new KeyCabinet(settings.directory, settings.keys);
  const [rootKey, issuerKey] = [await keys.create(FILES.rootKey), await keys.createIssuing(FILES.issuerKey)];
  const { root, network } = await newAuthority(settings, rootKey, issuerKey);
  await issuerKey.close();
  await atomicWrite(file("root"), certificatesToPem(root), PUBLIC_FILE_MODE);
  await atomicWrite(file("issuer"), certificatesToPem(network.issuer.certificate), PUBLIC_FILE_MODE);
  await atomicWrite(file("database"), ""); // It holds the id secret; SQLite would make it as the umask says.
  const store = await openStore(file("database"));
  const authority = { root, createdAt: network.network.createdAt, epoch: 0 };
  await store.createAuthority(authority, network).finally(() => store.close());
}

async function newAuthority(
  settings: Settings,
  rootKey: SigningKey,
  issuerKey: SigningKey,
): Promise<{ readonly root: Uint8Array; readonly network: NewNetwork }> {
  const now = settings.now();
  const network = { networkId: randomSecret(NETWORK_ID_BYTES), ...constantsOf(settings) };
  const name = toHex(network.networkId).slice(0, 16);
  const root = await createRoot({
    name: `fireflies root ${name}`,
    spki: rootKey.spki,
    sign: rootKey.sign,
    validity: validityAt(now, ROOT_LIFETIME_MS),
  });
  const certificate = await createIssuing({
    name: `fireflies issuing ${name}`,
    spki: issuerKey.spki,
    network,
    root: { certificate: root, sign: rootKey.sign },
    validity: validityAt(now, ISSUING_LIFETIME_MS),
  });
  const idSecret = randomSecret(ID_SECRET_BYTES);
  const issuer = activeIssuer(certificate, FILES.issuerKey, now);
  return { root, network: { network: { ...network, name: FIRST_NETWORK, idSecret, createdAt: now }, issuer } };
}

/** The record of an intermediate that signs from `now` on. */
function activeIssuer(certificate: Uint8Array, keyReference: string, now: number): IssuerRecord {
  const { notBefore, notAfter } = validityOfCertificate(certificate)!;
  const times = { notBefore, notAfter, preparedAt: now, activatedAt: now, retiredAt: undefined };
  return { fingerprint: fingerprintOf(certificate), certificate, state: "active", keyReference, ...times };
}

async function load(settings: Settings): Promise<AuthorityState> {
  const { directory } = settings;
  const cabinet = new KeyCabinet(directory, settings.keys);
  const keys = await readKeys(directory, cabinet);
  if (!(await filesIn(directory)).has(FILES.database)) {
    throw refusal("ca-state-corrupt", directory, `${FILES.database} is gone`);
  }
  await requirePrivate(join(directory, FILES.database));
  // SQLite takes an empty file for a new database.
  const { size } = await stat(join(directory, FILES.database));
  if (size === 0) throw refusal("ca-state-corrupt", directory, `${FILES.database} is empty`);
  const store = await openStore(join(directory, FILES.database));
  try {
    const [authority, [network]] = [await store.authority(), await store.networks()];
    if (authority === undefined || network === undefined) {
      throw refusal("ca-state-corrupt", directory, `${FILES.database} holds no network`);
    }
    const records = store.network(network.networkId);
    const { root } = authority;
    requireConsistent(directory, { network, root, issuers: await records.issuers() }, keys);
    requireWanted(settings, network);
    const issuers = new Issuers({ records, directory, openKey: (name) => readKey(directory, cabinet, name) });
    const close = async () => {
      await issuers.close();
      await store.close();
    };
    requireInTime(directory, (await issuers.active()).record, settings.now());
    return { store, network, records, root, issuers, keys: cabinet, close };
  } catch (error) {
    await store.close();
    throw error;
  }
}

interface KeyFiles {
  readonly root: Uint8Array;
  readonly issuer: Uint8Array;
  /** Undefined when the operator keeps it elsewhere: it only signs issuing certificates. */
  readonly rootKey: SigningKey | undefined;
}

async function readKeys(directory: string, keys: KeyCabinet): Promise<KeyFiles> {
  const [root, issuer] = [await readCertificate(directory, FILES.root), await readCertificate(directory, FILES.issuer)];
  const rootKey = await readKey(directory, keys, FILES.rootKey);
  return { root, issuer, rootKey };
}

async function readKey(directory: string, keys: KeyCabinet, name: string): Promise<SigningKey | undefined> {
  try {
    return await keys.open(name);
  } catch (cause) {
    if (!(cause instanceof FirefliesError) || cause.code !== "identity-corrupt") throw cause;
    throw refusal("ca-state-corrupt", directory, `${name} holds no readable key that can be used here`, cause);
  }
}

async function readCertificate(directory: string, name: string): Promise<Uint8Array> {
  const pem = await readText(join(directory, name));
  const [der] = certificatesFromPem(pem ?? "") ?? [];
  if (der === undefined) throw refusal("ca-state-corrupt", directory, `${name} is missing or damaged`);
  return der;
}

/** Keys, certificates and database must be those that were made together. */
function requireConsistent(
  directory: string,
  { network, root, issuers }: { network: NetworkRecord; root: Uint8Array; issuers: readonly IssuerRecord[] },
  keys: KeyFiles,
): void {
  const mismatch = (what: string) => refusal("ca-state-mismatch", directory, what);
  if (!equalBytes(root, keys.root)) throw mismatch(`${FILES.root} is not the database's`);
  // The file may be of before the last rotation.
  const isKnown = issuers.some(({ certificate }) => equalBytes(certificate, keys.issuer));
  if (!isKnown) throw mismatch(`${FILES.issuer} is not the database's`);
  if (keys.rootKey !== undefined && !isKeyOf(keys.rootKey, keys.root)) {
    throw mismatch(`${FILES.rootKey} is not the key of ${FILES.root}`);
  }
  const certified = networkOfIssuing(keys.issuer, keys.root);
  if (certified === undefined || !sameNetwork(certified, network)) {
    throw mismatch(`${FILES.issuer} is for another network, or not signed by ${FILES.root}`);
  }
}

function isKeyOf(key: SigningKey, certificate: Uint8Array): boolean {
  const spki = spkiOfCertificate(certificate);
  return spki !== undefined && equalBytes(spki, key.spki);
}

/** Ring count and Delta are in every certificate: asking for others than the stored ones is a mistake. */
function requireWanted(
  { wantedRings, wantedDeltaMs, directory }: Settings,
  { ringCount, deltaMs }: NetworkRecord,
): void {
  if (wantedRings !== undefined && wantedRings !== ringCount) {
    throw invalid(
      `The network in ${directory} has ${ringCount} rings, not ${wantedRings}: that is fixed when it is created.`,
    );
  }
  if (wantedDeltaMs !== undefined && wantedDeltaMs !== deltaMs) {
    throw invalid(
      `The network in ${directory} has a Delta of ${deltaMs} ms, not ${wantedDeltaMs}: that is fixed when it is created.`,
    );
  }
}

function requireInTime(directory: string, issuer: IssuerRecord, now: number): void {
  const problem = dateProblem(issuer, now);
  if (problem === undefined) return;
  throw new FirefliesError(
    "certificate-invalid",
    `${join(directory, FILES.issuer)} is ${problem}. Check this machine's clock.`,
  );
}

async function reading<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    throw new FirefliesError("ca-state-unreadable", `Could not use ${directory}: ${messageOf(cause)}`, { cause });
  }
}
