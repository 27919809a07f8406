/**
 * Contacts from a file that is watched: an entry a line, "#" begins a comment. Some other program writes it, whichever way: by a
 * rename, in place, through the links of a mounted ConfigMap. So it is looked at by its path, and read until it holds still.
 */
import { constants, unwatchFile, watchFile } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { FirefliesError, isCode, messageOf } from "../../identity/index.js";
import { pause } from "../../net/index.js";
import type { Discovery } from "./discovery.js";

/** How often it is looked whether the file is another one, milliseconds. By its status: notices of a file system miss links and NFS. */
const LOOK_MS = 1_000;
/** A file that was not touched for so long is taken to be whole, milliseconds. */
const STILL_MS = 50;
/** Readings of a file that is being written. What the last one says is used; the next look follows. */
const READINGS_MAX = 20;
/** A thousand entries with ids, and comments. */
const FILE_BYTES_MAX = 256 * 1024;

/** Of `fileDiscovery`. */
export interface FileDiscoveryOptions {
  /** Milliseconds between two looks at the file's status. Default 1,000. */
  readonly lookMs?: number | undefined;
}

/** The entries of a file, one a line; "#" begins a comment. It may be written by a rename or in place, and be gone for a while. */
export function fileDiscovery(path: string, { lookMs = LOOK_MS }: FileDiscoveryOptions = {}): Discovery {
  const absolute = resolve(path);
  let listener: (() => void) | undefined;
  return {
    name: `file:${absolute}`,
    contacts: async (signal) => entriesOf(await settledText(absolute, signal)),
    onChange: (changed) => {
      listener = changed;
      watchFile(absolute, { interval: lookMs, persistent: false }, changed);
    },
    close: () => {
      if (listener !== undefined) unwatchFile(absolute, listener);
    },
  };
}

/** One a line, without comments and empty lines. */
export function entriesOf(text: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  return lines.map((line) => line.replace(/(^|\s)#.*$/, "").trim()).filter((line) => line !== "");
}

/** The file's text, once two readings of it are the same file in the same state. Rejects with "discovery-failed". */
async function settledText(path: string, signal: AbortSignal): Promise<string> {
  let reading = await readOnce(path);
  for (let count = 1; count < READINGS_MAX && !signal.aborted; count++) {
    await pause(STILL_MS, signal);
    const next = await readOnce(path);
    if (next.version === reading.version) break;
    reading = next;
  }
  signal.throwIfAborted();
  return reading.text;
}

interface Reading {
  readonly version: string;
  readonly text: string;
}

async function readOnce(path: string): Promise<Reading> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)); // A FIFO would hold a thread.
    const { mtimeNs, size, ino, dev } = await requireFile(file, path);
    const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.length; length += read)
      read = (await file.read(bytes, length, bytes.length - length, length)).bytesRead;
    if (length > FILE_BYTES_MAX) throw refused(`${path} is larger than ${FILE_BYTES_MAX} bytes`, "Name fewer members.");
    return { version: `${dev} ${ino} ${mtimeNs} ${size} ${length}`, text: bytes.toString("utf8", 0, length) };
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    const isGone = isCode(cause, "ENOENT");
    const advice = isGone ? "Write it, or name another one." : "Let the member's user read it.";
    throw refused(isGone ? `${path} is not there` : `${path} cannot be read: ${messageOf(cause)}`, advice, cause);
  } finally {
    await file?.close();
  }
}

async function requireFile(file: FileHandle, path: string) {
  const status = await file.stat({ bigint: true });
  if (status.isFile()) return status;
  throw refused(
    `${path} is ${status.isDirectory() ? "a directory" : "no regular file"}`,
    "Name a file, with an address a line.",
  );
}

function refused(why: string, advice: string, cause?: unknown): FirefliesError {
  return new FirefliesError("discovery-failed", `${why}.`, { cause, advice });
}
