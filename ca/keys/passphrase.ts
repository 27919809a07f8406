/** Putting all keys of a directory under another passphrase, or under none. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  anyKeyFromPem,
  atomicWrite,
  encryptedKeyToPem,
  FirefliesError,
  isEncryptedPem,
  messageOf,
  privateKeyToPem,
  readKeyText,
  requireOwnDirectory,
} from "../../identity/index.js";
import { requirePassphrase } from "./key-cabinet.js";
import { isKeyUri } from "./pkcs11-uri.js";

const KEY_FILE = /\.key\.pem$/;

export interface PassphraseChange {
  /** Asked once, when a file is encrypted. */
  readonly current: () => Promise<string>;
  /** Undefined: the keys are left unencrypted. */
  readonly next: string | undefined;
}

/**
 * The files that were written. All are opened before the first is written; after a crash in between, call it again: what has
 * the new passphrase already is taken as it is. Keys in security modules have a PIN of their own and are left alone.
 */
export async function changePassphrase(directory: string, { current, next }: PassphraseChange): Promise<string[]> {
  if (next !== undefined) requirePassphrase(next);
  const names = await keyFiles(directory);
  let asked: Promise<string> | undefined;
  const ask = () => (asked ??= current());
  const changed: { readonly path: string; readonly pem: string }[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const text = (await readKeyText(path)) ?? "";
    if (isKeyUri(text)) continue;
    const key = await opened(text, next, ask);
    changed.push({ path, pem: next === undefined ? privateKeyToPem(key) : await encryptedKeyToPem(key, next) });
  }
  for (const { path, pem } of changed) await atomicWrite(path, pem);
  return changed.map(({ path }) => path);
}

async function opened(text: string, next: string | undefined, ask: () => Promise<string>) {
  if (!isEncryptedPem(text)) return anyKeyFromPem(text);
  try {
    return anyKeyFromPem(text, await ask());
  } catch (error) {
    const isWrong = error instanceof FirefliesError && error.code === "passphrase-wrong";
    if (!isWrong || next === undefined) throw error;
    return anyKeyFromPem(text, next); // A change before was cut short.
  }
}

async function keyFiles(directory: string): Promise<string[]> {
  try {
    await requireOwnDirectory(directory);
    const names = (await readdir(directory)).filter((name) => KEY_FILE.test(name));
    if (names.length > 0) return names.toSorted();
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    throw new FirefliesError("ca-state-unreadable", `Could not use ${directory}: ${messageOf(cause)}.`, { cause });
  }
  throw new FirefliesError("ca-state-missing", `${directory} holds no keys of an authority.`);
}
