/**
 * What a command writes to the file or stream that an operator names: the one way of all commands. A file is old or new,
 * never torn. What is no regular file is written through or refused, and never replaced by one.
 */
import { constants, openSync, type Stats } from "node:fs";
import { link, lstat, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { FirefliesError } from "../errors/error.js";
import { type FileContent, isCode, messageOf, replaceFile, writeContent } from "./files.js";
import { holderOf } from "./own-directory.js";

/** A path, or a stream that is there already and stays open, as standard output. */
export type Output = string | Writable;

export interface OutputOptions {
  /** Of a file, such as 0o600. A device or a FIFO keeps its own. */
  readonly mode: number;
  /** Refuse a file that exists. */
  readonly isNew?: boolean | undefined;
}

/** Milliseconds for somebody to open the reading end of a FIFO. */
const READER_TIMEOUT_MS = 10_000;
const READER_LOOK_MS = 50;

type Target =
  /** To be made or replaced. */
  | { readonly kind: "file"; readonly path: string; readonly exists: boolean }
  /** To be written into as it is. */
  | { readonly kind: "fifo" | "device"; readonly path: string };

/**
 * Rejects with "output-failed" for what is refused: directories, sockets, block devices, links that lead nowhere or belong to
 * somebody else, files that exist where `isNew` is asked for, and otherwise files among those of a member or an authority, one
 * of which it might replace. Call it before anything is done that cannot be taken back.
 */
export async function checkOutput(output: Output, { isNew = false }: Pick<OutputOptions, "isNew"> = {}): Promise<void> {
  if (typeof output === "string") await checkedTarget(output, isNew);
}

/** Writes all of it. Rejects with "output-failed"; a file is then as it was. An error of the content's own passes. */
export async function writeOutput(output: Output, content: FileContent, options: OutputOptions): Promise<void> {
  if (typeof output !== "string") return await intoStream(output, content, "The output");
  const target = await checkedTarget(output, options.isNew ?? false);
  try {
    if (target.kind === "fifo") await intoFifo(target.path, content);
    else if (target.kind === "device") await intoDevice(target.path, content);
    else await replaceFile(target.path, content, options.mode, options.isNew ? linkNew : undefined);
  } catch (cause) {
    throw failed(output, cause);
  }
}

async function checkedTarget(path: string, isNew: boolean): Promise<Target> {
  const target = await targetOf(path).catch((cause: unknown) => {
    throw failed(path, cause);
  });
  if (target.kind !== "file") return target;
  if (isNew && target.exists) throw exists(path);
  const holder = isNew ? undefined : await holderOf(dirname(target.path));
  if (holder !== undefined) throw amongTheirs(path, holder);
  return target;
}

async function targetOf(path: string): Promise<Target> {
  const found = await orNothing(lstat(path));
  if (found === undefined) return { kind: "file", path, exists: false };
  if (!found.isSymbolicLink()) return ofKind(path, found);
  const end = await orNothing(stat(path));
  if (end === undefined) throw refused(path, `a symbolic link to ${await readlink(path)}, where nothing is`);
  if (!end.isFile()) return ofKind(path, end);
  // Planted in a directory for all, it would have this user overwrite a file of their own.
  if (!isTrusted(found)) throw refused(path, "a symbolic link of another user");
  return ofKind(await realpath(path), end);
}

function ofKind(path: string, stats: Stats): Target {
  if (stats.isFile()) return { kind: "file", path, exists: true };
  if (stats.isFIFO()) return { kind: "fifo", path };
  if (stats.isCharacterDevice()) return { kind: "device", path };
  if (stats.isDirectory()) throw refused(path, "a directory");
  throw refused(path, stats.isBlockDevice() ? "a whole disk" : "a socket");
}

function isTrusted({ uid }: Stats): boolean {
  return uid === 0 || process.geteuid === undefined || uid === process.geteuid();
}

async function orNothing(looking: Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** File systems that know no second name for a file, as those of memory sticks. */
const LINKLESS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** Fails when the file exists, also when another process has just made it. */
async function linkNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
    await rm(temporary);
  } catch (error) {
    if (isCode(error, "EEXIST")) throw exists(path);
    if (!LINKLESS.some((code) => isCode(error, code))) throw error;
    await rename(temporary, path);
  }
}

/** As they are opened here, nothing is made and nothing cut, whatever is there by now. */
async function intoDevice(path: string, content: FileContent): Promise<void> {
  const file = await open(path, constants.O_WRONLY);
  try {
    if (!(await file.stat()).isCharacterDevice()) throw refused(path, "another file than a moment ago");
    await writeContent(file, content);
  } finally {
    await file.close();
  }
}

/** Through a socket of Node's, which waits for a slow reader without a thread. */
async function intoFifo(path: string, content: FileContent): Promise<void> {
  const fd = await openRead(path);
  const stream = new Socket({ fd, readable: false, writable: true });
  stream.on("error", () => {}); // The write that failed says so.
  try {
    await intoStream(stream, content, path);
    await new Promise<void>((resolve) => stream.end(resolve));
  } finally {
    stream.destroy();
  }
}

/** A descriptor of a FIFO that somebody reads. To open one that nobody reads would be to wait for ever, in a thread that holds the process. */
async function openRead(path: string): Promise<number> {
  for (let left = READER_TIMEOUT_MS; ; left -= READER_LOOK_MS) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!isCode(error, "ENXIO")) throw error;
      if (left <= 0) throw unread(path);
    }
    await sleep(READER_LOOK_MS);
  }
}

async function intoStream(stream: Writable, content: FileContent, name: string): Promise<void> {
  for await (const chunk of piecesOf(content)) await writeChunk(stream, chunk, name);
}

async function* piecesOf(content: FileContent): AsyncGenerator<string | Uint8Array> {
  if (typeof content === "string" || content instanceof Uint8Array) yield content;
  else yield* content;
}

/** Resolves when the system has taken it. */
function writeChunk(stream: Writable, chunk: string | Uint8Array, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (cause) => (cause ? reject(failed(name, cause)) : resolve()));
  });
}

/** An error of ours comes from the content, or says enough already. */
function failed(what: string, cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  return new FirefliesError("output-failed", `${what} could not be written: ${messageOf(cause)}.`, { cause });
}

function refused(path: string, what: string): FirefliesError {
  const advice = "Name a file, a device or a FIFO, or - for standard output.";
  return new FirefliesError("output-failed", `${path} is ${what}. Nothing was written.`, { advice });
}

function amongTheirs(path: string, holder: "authority" | "member"): FirefliesError {
  const whose = holder === "member" ? "a member" : "an authority";
  const message = `${path} is in the directory of ${whose}, and might replace a file of its own. Nothing was written.`;
  return new FirefliesError("output-failed", message, { advice: "Name a file in another directory." });
}

function unread(path: string): FirefliesError {
  const message = `Nobody opened ${path} to read within ${READER_TIMEOUT_MS / 1_000} s.`;
  return new FirefliesError("output-failed", message, { advice: "Start its reader first." });
}

function exists(path: string): FirefliesError {
  return new FirefliesError("output-failed", `${path} exists.`, { advice: "Choose another file." });
}
