/** Files that are old or new, never torn, whatever the moment of a crash. */

import { randomBytes } from "node:crypto";
import { type FileHandle, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { FirefliesError } from "./error.js";

/** Of private keys. */
export const KEY_FILE_MODE = 0o600;
export const PUBLIC_FILE_MODE = 0o644;
const GROUP_AND_OTHERS = 0o077;
/** No file of ours comes near; a larger one is something else. */
const FILE_BYTES_MAX = 1 << 20;

/** What is written: at once, or as it comes. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Replaces the file at `path`: a temporary file in the same directory is written, synced and renamed, then the
 * directory is synced. Rejects with "state-write-failed"; the old file is then still whole.
 */
export async function atomicWrite(
  path: string,
  data: string | Uint8Array,
  mode: number = KEY_FILE_MODE,
): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  try {
    await writeSynced(temporary, data, mode);
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new FirefliesError("state-write-failed", `Could not write ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Makes the file, which must not exist, and has the disk take it. Rejects as the system does. */
export async function writeSynced(path: string, data: FileContent, mode: number): Promise<void> {
  const file = await open(path, "wx", mode);
  await closing(file, async () => {
    await writeContent(file, data);
    await file.chmod(mode); // The umask may have taken bits away.
    await file.sync();
  });
}

/** From where the last write ended on. */
export async function writeContent(file: FileHandle, content: FileContent): Promise<void> {
  if (typeof content === "string" || content instanceof Uint8Array) return await file.writeFile(content);
  for await (const chunk of content) await file.writeFile(chunk);
}

/** Makes renames and new names in `directory` durable. Windows cannot, and need not. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  await closing(handle, () => handle.sync());
}

async function closing(file: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await file.close();
  }
}

/** The text of a file, undefined when there is none. Other failures reject as the system gave them. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) throw new Error(`${path} has ${size} bytes: that is no file of ours`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** As `readText`, for a private key: rejects with "key-file-permissions" when group or others may use the file. */
export async function readKeyText(path: string): Promise<string | undefined> {
  const text = await readText(path);
  if (text !== undefined) await requirePrivate(path);
  return text;
}

/** Rejects with "key-file-permissions" when group or others may use the file. Windows has no such bits. */
export async function requirePrivate(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const { mode } = await stat(path);
  if ((mode & GROUP_AND_OTHERS) === 0) return;
  const octal = (mode & 0o777).toString(8);
  throw new FirefliesError("key-file-permissions", `${path} has mode ${octal}: others may use the secret in it.`, {
    advice: "Run chmod 600 on it. If others may have read it, replace the key.",
  });
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
