/**
 * The directory of a member or of an authority: made if need be, and writable by its user alone. Another user who may write
 * to it could put a key in place, or remove the lock, whatever the modes of the files are.
 */
import type { Stats } from "node:fs";
import { lstat, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { FirefliesError, type FirefliesErrorOptions } from "../errors/error.js";
import { isCode, kindOf, lookAt, messageOf, ofSystem } from "./files.js";

const DIRECTORY_MODE = 0o700;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_OTHERS = 0o002;
const STICKY = 0o1000;
/** No path has more parts: Linux takes 4,096 bytes. */
const DEPTH_MAX = 2_048;

/**
 * Makes the directory with all above it, mode 0700. Rejects as the system does. Not mkdir's own `recursive`: where nothing
 * can be made, as in /proc, Node tries again without end and hears no signal.
 */
export async function makeDirectory(path: string): Promise<void> {
  const missing: string[] = [];
  let at = resolve(path);
  while (!(await isMade(at))) {
    if (missing.push(at) > DEPTH_MAX) throw ofSystem("mkdir", `${path} has too many parts`);
    at = dirname(at);
  }
  for (const next of missing.reverse()) await makeOne(next);
}

/** False when what is above it is missing. */
async function isMade(path: string): Promise<boolean> {
  try {
    await makeOne(path);
    return true;
  } catch (error) {
    if (isCode(error, "ENOENT") && dirname(path) !== path) return false;
    throw error;
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: DIRECTORY_MODE });
  } catch (error) {
    // What is there already is named in other ways on other systems, and a read-only one says so first.
    if (await isDirectory(path)) return;
    if (!isCode(error, "EEXIST")) throw error;
    throw ofSystem("mkdir", `${path} is ${await whatIsAt(path)}, not a directory`, { cause: error });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

async function whatIsAt(path: string): Promise<string> {
  const found = await lookAt(path).catch(() => undefined); // A loop of links, for one.
  if (found === undefined) return kindOf(await lstat(path));
  return "instead" in found ? found.instead : "a file";
}

/** Rejects with "directory-unsafe" when other users may change what is in it, or as the system does. Windows has no such bits. */
export async function requireOwnDirectory(path: string): Promise<void> {
  const { mode, uid } = await stat(path);
  const self = process.geteuid?.();
  if (self === undefined) return;
  if (uid !== self) throw unsafe(path, `belongs to user ${uid}, and this process runs as user ${self}`);
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw unsafe(path, `may be written by everybody (mode ${octal(mode)})`);
  if ((mode & WRITABLE_BY_GROUP) !== 0) throw unsafe(path, `may be written by its group (mode ${octal(mode)})`);
}

/**
 * The alarm "directory-exposed" when others may write to a directory above `path`, or own it: they could move it away and put
 * one of their own in its place. It is no refusal: volumes that are shared are mounted so. Undefined when all is well.
 */
export async function exposureOf(path: string): Promise<FirefliesError | undefined> {
  if (process.geteuid === undefined) return undefined;
  const self = { uid: process.geteuid(), gid: process.getegid?.() };
  for (const above of await allAbove(path)) {
    const stats = await stat(above).catch(() => undefined); // Node's permission model may forbid the look.
    const found = stats && exposedBy(stats, self);
    if (found !== undefined) return exposed(path, above, found);
  }
  return undefined;
}

async function allAbove(path: string): Promise<string[]> {
  const above: string[] = [];
  let at = await realpath(path).catch(() => resolve(path));
  while (dirname(at) !== at) {
    at = dirname(at);
    above.push(at);
  }
  return above;
}

/** A group of this process is its user's own, as most systems have it. In a sticky directory, as /tmp, each moves its own things only. */
function exposedBy(
  { mode, uid, gid }: Pick<Stats, "mode" | "uid" | "gid">,
  self: { readonly uid: number; readonly gid: number | undefined },
): string | undefined {
  if (uid !== self.uid && uid !== 0) return `belongs to user ${uid}`;
  if ((mode & STICKY) !== 0) return undefined;
  if ((mode & WRITABLE_BY_OTHERS) !== 0) return `may be written by everybody (mode ${octal(mode)})`;
  return (mode & WRITABLE_BY_GROUP) !== 0 && gid !== self.gid ? `may be written by group ${gid}` : undefined;
}

function exposed(path: string, above: string, what: string): FirefliesError {
  return new FirefliesError("directory-exposed", `The directory ${above}, above ${path}, ${what}.`);
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8);
}

function unsafe(path: string, what: string): FirefliesError {
  return new FirefliesError("directory-unsafe", `The directory ${path} ${what}.`);
}

/** What only an authority has, and what only a member has. */
const AUTHORITYS: readonly string[] = ["issuing.pem", "ca.db"];
const MEMBERS: readonly string[] = ["certificate.pem", "key.pem", "key.next.pem"];

/** Whose directory it is; undefined for nobody's yet. */
export async function holderOf(directory: string): Promise<"authority" | "member" | undefined> {
  const names = await readdir(directory).catch((): string[] => []);
  if (names.some((name) => AUTHORITYS.includes(name))) return "authority";
  return names.some((name) => MEMBERS.includes(name)) ? "member" : undefined;
}

/**
 * Makes the directory of a member or of an authority, or takes the one that is there. Rejects with "directory-unsafe", or
 * with `code` and what the system says, also when it is the other one's.
 */
export async function takeDirectory(
  path: string,
  whose: "authority" | "member",
  code: "state-unreadable" | "ca-state-unreadable",
): Promise<void> {
  const unusable = (why: string, options: FirefliesErrorOptions) =>
    new FirefliesError(code, `The directory ${path} cannot be used: ${why}.`, options);
  try {
    await makeDirectory(path);
    await requireOwnDirectory(path);
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    const isForbidden = isCode(cause, "EACCES") || isCode(cause, "EPERM") || isCode(cause, "ERR_ACCESS_DENIED");
    const advice = isForbidden ? undefined : "Take another directory, or move away what is in its place.";
    throw unusable(messageOf(cause), { cause, ...(advice && { advice }) });
  }
  const holder = await holderOf(path);
  if (holder === undefined || holder === whose) return;
  const other = holder === "member" ? "a member" : "an authority";
  throw unusable(`it is the directory of ${other}`, {
    advice: "Give each member and each authority a directory of its own.",
  });
}
