/** Files that are old or new, never torn, whatever the moment of a crash. */

import { randomBytes } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { chmod, type FileHandle, lstat, open, readlink, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { FirefliesError } from "../errors/error.js";

/** Of private keys. */
export const KEY_FILE_MODE = 0o600;
export const PUBLIC_FILE_MODE = 0o644;
const GROUP_AND_OTHERS = 0o077;
/** No file of ours comes near; a larger one is something else. */
const FILE_BYTES_MAX = 1 << 20;

/** What is written: at once, or as it comes. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

/** Replaces a file of ours, as `replaceFile`. Rejects with "state-write-failed"; the old file is then still whole. */
export async function atomicWrite(
  path: string,
  data: string | Uint8Array,
  mode: number = KEY_FILE_MODE,
): Promise<void> {
  try {
    await replaceFile(path, data, mode);
  } catch (cause) {
    throw new FirefliesError("state-write-failed", `Could not write ${path}: ${messageOf(cause)}.`, { cause });
  }
}

/**
 * A temporary file in the same directory is written, synced, and given its name by `put`; then the directory is synced.
 * Rejects as the system does, or as `content`; what was at `path` is then still whole.
 */
export async function replaceFile(
  path: string,
  content: FileContent,
  mode: number,
  put: (temporary: string, path: string) => Promise<void> = rename,
): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  try {
    await writeSynced(temporary, content, mode);
    await put(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/** Makes the file, which must not exist, and has the disk take it. */
async function writeSynced(path: string, data: FileContent, mode: number): Promise<void> {
  const file = await open(path, "wx", mode);
  await closing(file, async () => {
    await writeContent(file, data);
    // The umask may have taken bits away. By its path: Node's permission model forbids fchmod, also where writing is granted.
    await chmod(path, mode);
    await file.sync();
  });
}

/** Writes on from where the last write ended. */
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

/** What is at a path where a file should be: its size, or in words what is there instead. */
export type Found = { readonly size: number } | { readonly instead: string };

/** Looks without opening: to open a FIFO is to wait for its writer. Undefined when there is nothing; rejects as the system does. */
export async function lookAt(path: string): Promise<Found | undefined> {
  try {
    const stats = await stat(path);
    return stats.isFile() ? { size: stats.size } : { instead: kindOf(stats) };
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
    return await danglingLink(path);
  }
}

/** What only looks like nothing: the file that the link names may be back later. */
async function danglingLink(path: string): Promise<Found | undefined> {
  try {
    if (!(await lstat(path)).isSymbolicLink()) return undefined;
    return { instead: `a symbolic link to ${await readlink(path)}, where nothing is` };
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * What a file holds that somebody names, a FIFO and a device among them, which have no size. Rejects with an Error when that is more
 * than `bytesMax`, as of /dev/zero, which has no end; or as the system does.
 */
export async function readAtMost(path: string, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    size += (chunk as Buffer).length;
    if (size > bytesMax) throw new Error(`${path} has more than ${bytesMax} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** What these stats are of, in words. */
export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isSocket()) return "a socket";
  if (stats.isSymbolicLink()) return "a symbolic link";
  return stats.isFile() ? "a file" : "a device";
}

/**
 * The text of a file of ours, undefined when there is none. Rejects for what is no file, a link to nothing among them, and
 * as the system does.
 */
export async function readText(path: string): Promise<string | undefined> {
  const found = await lookAt(path);
  if (found === undefined) return undefined;
  if ("instead" in found) throw ofSystem("read", `${path} is ${found.instead}, where a file should be`);
  if (found.size > FILE_BYTES_MAX) {
    throw ofSystem(
      "read",
      `${path} has ${found.size} bytes, and a file that is read here has ${FILE_BYTES_MAX} at most`,
    );
  }
  return (await readAtMost(path, FILE_BYTES_MAX)).toString("utf8"); // It may have grown since.
}

/** As `readText`, for a private key: rejects with "key-file-permissions" when group or others may use the file. */
export async function readKeyText(path: string): Promise<string | undefined> {
  const text = await readText(path);
  if (text !== undefined) await requirePrivate(path);
  return text;
}

/** As `readKeyText`, of a path that an operator typed: a FIFO, as shells make of `<(command)`, is read to its end. */
export async function readSecret(path: string): Promise<string | undefined> {
  const isFifo = await stat(path).then(
    (stats) => stats.isFIFO(),
    () => false,
  );
  if (!isFifo) return await readKeyText(path);
  await requirePrivate(path);
  return (await readAtMost(path, FILE_BYTES_MAX)).toString("utf8");
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

/** What the system would refuse, had we left it to that: callers take it for an error of this system call. */
export function ofSystem(syscall: "read" | "mkdir", message: string, options?: ErrorOptions): Error {
  return Object.assign(new Error(message, options), { syscall });
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** What an error says in one sentence; of Node's permission model also which flag would grant what it forbids. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isCode(error, "ERR_ACCESS_DENIED") ? forbidden(error) : error.message;
}

const PERMISSION_FLAGS: Readonly<Record<string, string>> = {
  FileSystemRead: "--allow-fs-read",
  FileSystemWrite: "--allow-fs-write",
};

/** Node 20 says no more than that access was restricted. A grant of what is not there yet is one for a file alone. */
function forbidden({ permission, resource }: Error & { permission?: string; resource?: string }): string {
  const flag = PERMISSION_FLAGS[permission ?? ""];
  if (flag === undefined || !resource) return "Node's permission model forbids it";
  return `Node's permission model forbids it (grant ${flag}=${resource}, with /* for a directory that is not there yet)`;
}
