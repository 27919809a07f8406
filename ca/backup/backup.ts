/** Backups of an authority that goes on meanwhile. */
import { join } from "node:path";
import { checkOutput, fingerprintOf, isEncryptedPem, type Output, readText } from "../../identity/index.js";
import { isKeyUri } from "../keys/pkcs11-uri.js";
import { type AuthorityOptions, settingsOf } from "../options.js";
import { FILES } from "../state/directory.js";
import { type AuthorityState, openState } from "../state/state.js";
import type { AuditHead, Store } from "../store/store.js";
import { writeArchive } from "./archive.js";

export interface BackupOptions extends AuthorityOptions {
  /**
   * The file to write, or a stream. An older file is replaced; a device or a FIFO is written into; anything else than a file is
   * refused.
   */
  readonly output: Output;
  /** Also keys that are not encrypted: whoever has the file is the authority then. */
  readonly withKeys?: boolean | undefined;
}

export interface BackupResult {
  readonly rows: number;
  /** Where the audit ended at least. */
  readonly audit: AuditHead;
  /** Files of keys that are not in the backup, because they are not encrypted: keep them apart. */
  readonly keysLeftOut: readonly string[];
}

/** Beside a running authority, or without one. Rejects with "output-failed", or as `CertificateAuthority.attach`. */
export async function backUpAuthority(options: BackupOptions): Promise<BackupResult> {
  await checkOutput(options.output); // Before the audit tells of a copy.
  const settings = settingsOf(options);
  const state = await openState(settings, false);
  try {
    return await written(state, options, settings.now());
  } finally {
    await state.close();
  }
}

async function written(
  { store, root }: AuthorityState,
  { directory, output, withKeys = false }: BackupOptions,
  now: number,
): Promise<BackupResult> {
  const keys = await textsOf(directory, [FILES.rootKey, ...(await keyReferences(store))]);
  const isSafe = (text: string) => isEncryptedPem(text) || isKeyUri(text);
  const kept = Object.entries(keys).filter(([, text]) => withKeys || isSafe(text));
  const keysLeftOut = Object.keys(keys).filter((name) => !kept.some(([each]) => each === name));
  const files = { ...(await textsOf(directory, [FILES.root, FILES.issuer])), ...Object.fromEntries(kept) };
  // Before: there is no copy of the id secrets, or of keys, that nobody was told of.
  await store.append([{ kind: "backed-up", at: now, fields: { keys: kept.map(([name]) => name).join(" ") } }]);
  const [audit, authority] = [await store.auditHead(), await store.authority()];
  const head = { createdAt: now, fingerprint: fingerprintOf(root), epoch: authority?.epoch ?? 0, audit, files };
  return { rows: await writeArchive(output, head, store.dump()), audit, keysLeftOut };
}

/** Files of the keys of all intermediates. */
export async function keyReferences(store: Store): Promise<Set<string>> {
  const names = new Set<string>();
  for (const { networkId } of await store.networks()) {
    for (const { keyReference } of await store.network(networkId).issuers()) names.add(keyReference);
  }
  return names;
}

/** Those of the files that are there. */
async function textsOf(directory: string, names: readonly string[]): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const name of names) {
    const text = await readText(join(directory, name));
    if (text !== undefined) texts[name] = text;
  }
  return texts;
}
