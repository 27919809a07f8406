/**
 * Files that tell whether they are whole: a line with kind and version, the SHA-256 of the content, the content.
 * A file that is not is kept aside under another name, and said so, because what is damaged may still be wanted.
 */
import { lstat, readFile, rename } from "node:fs/promises";
import { FirefliesError, lookAt, messageOf, sha256 } from "../../identity/index.js";

const VERSION = 1;
const HASH_BYTES = 32;
/** Damaged files kept beside each other; the newest one replaces the last of them. */
export const CORRUPT_KEPT_MAX = 8;

/** What a file held. Damage is data: a member goes on without, and says so. */
export type Restored<T> =
  | { readonly kind: "absent" }
  | { readonly kind: "restored"; readonly value: T }
  | { readonly kind: "corrupt"; readonly reason: string; readonly kept: string };

export type Unsealed =
  | { readonly ok: true; readonly content: Uint8Array }
  | { readonly ok: false; readonly reason: string };

function header(kind: string): Buffer {
  return Buffer.from(`fireflies ${kind} ${VERSION}\n`, "ascii");
}

export function seal(kind: string, content: Uint8Array): Uint8Array {
  return Buffer.concat([header(kind), sha256(content), content]);
}

export function unseal(kind: string, file: Uint8Array): Unsealed {
  const expected = header(kind);
  const content = file.subarray(expected.length + HASH_BYTES);
  if (file.length < expected.length + HASH_BYTES) return { ok: false, reason: "it is cut short" };
  if (!expected.equals(file.subarray(0, expected.length)))
    return { ok: false, reason: "it is no such file, or of another version" };
  const sum = Buffer.from(file.subarray(expected.length, expected.length + HASH_BYTES));
  return sum.equals(sha256(content))
    ? { ok: true, content }
    : { ok: false, reason: "its content does not fit its checksum" };
}

/**
 * Reads the file at `path` and parses its content; `parse` returns undefined for what it cannot read. Rejects with
 * "state-unreadable" when there is a file that the system does not give.
 */
export async function readSealed<T>(
  path: string,
  kind: string,
  bytesMax: number,
  parse: (content: Uint8Array) => T | undefined,
): Promise<Restored<T>> {
  const file = await readBounded(path, bytesMax);
  if (file === undefined) return { kind: "absent" };
  const unsealed: Unsealed = file === "too-large" ? { ok: false, reason: "it is far too large" } : unseal(kind, file);
  if (!unsealed.ok) return { kind: "corrupt", reason: unsealed.reason, kept: await keepAside(path) };
  const value = parse(unsealed.content);
  if (value !== undefined) return { kind: "restored", value };
  return { kind: "corrupt", reason: "its content has no meaning", kept: await keepAside(path) };
}

async function readBounded(path: string, bytesMax: number): Promise<Uint8Array | "too-large" | undefined> {
  try {
    const found = await lookAt(path);
    if (found === undefined) return undefined;
    // Nothing of ours, so nothing that is damaged: a link to a disk that is not there is mended by that disk.
    if ("instead" in found) throw new Error(`it is ${found.instead}`);
    return found.size > bytesMax ? "too-large" : await readFile(path);
  } catch (cause) {
    throw new FirefliesError("state-unreadable", `${path} cannot be read: ${messageOf(cause)}.`, { cause });
  }
}

/** Moves the damaged file out of the way of the next save. Returns the path it is kept at. */
async function keepAside(path: string): Promise<string> {
  let kept = path;
  for (let number = 1; number <= CORRUPT_KEPT_MAX; number++) {
    kept = `${path}.corrupt-${number}`;
    if (!(await exists(kept))) break;
  }
  try {
    await rename(path, kept);
    return kept;
  } catch {
    return path; // Nothing can be written here: it stays where it is.
  }
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
