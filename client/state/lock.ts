/**
 * One process per directory. The lock is a file that names its holder; a holder that was killed does not stand in the
 * way of the next, and of several that find such a lock exactly one takes it over.
 *
 * Node has no flock(2), so ownership is decided by link(2), which creates a name or fails. Each lock carries a nonce.
 * Whoever finds the holder of nonce n dead must first create the name "lock.after-n", which only one process can, and
 * only then replace the lock. If that process dies in between, its own nonce continues the chain.
 */
import { randomBytes } from "node:crypto";
import {
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { kindOf, messageOf } from "../../identity/files/files.js";
import { FirefliesError } from "../../identity/index.js";

const LOCK_FILE = "lock";
const SUCCESSION_PREFIX = "lock.after-";
const NONCE_BYTES = 8;
const LOCK_MODE = 0o600;
/** A holder takes some hundred bytes; a larger file is something else. */
const LOCK_BYTES_MAX = 4_096;
/** Takeovers that each died half way, one after the other; more than this means something else is wrong. */
const CHAIN_LENGTH_MAX = 64;
/** A lock that is released and taken again this often while I look is in use. */
const ATTEMPTS_MAX = 3;

/** Who holds a lock. A pid alone may have been given to another process since. */
interface Holder {
  readonly nonce: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot (proc(5), stat field 22); empty where the system does not tell. */
  readonly start: string;
  /** Boot of the machine and pid namespace in which the pid means something; empty where the system does not tell. */
  readonly realm: string;
}

/** What no process of ours puts there. */
class ForeignLock extends Error {}

export interface Lock {
  /** Removes the lock if it is still mine. Never throws. */
  release(): void;
}

/**
 * Takes the lock of `directory`; undefined when nobody holds it and the disk takes no file: full, or read-only. Throws
 * "state-in-use" while its holder lives, "state-unreadable" when it cannot.
 */
export function acquireLock(directory: string): Lock | undefined {
  const holder = myself();
  try {
    return isPlaced(directory, holder) ? { release: () => release(directory, holder) } : undefined;
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    const why = `The directory ${directory} cannot be locked: ${messageOf(cause)}.`;
    const advice = cause instanceof ForeignLock ? "Remove it, if no other process uses the directory." : undefined;
    throw new FirefliesError("state-unreadable", why, { cause, ...(advice && { advice }) });
  }
}

/** False when the disk takes no file. */
function isPlaced(directory: string, holder: Holder): boolean {
  const own = join(directory, `${LOCK_FILE}.${holder.pid}-${holder.nonce}.tmp`);
  try {
    writeFileSync(own, `${JSON.stringify(holder)}\n`, { mode: LOCK_MODE, flag: "wx" });
    take(directory, own);
    return true;
  } catch (error) {
    removed(own);
    if (!isDiskRefusing(error)) throw error;
    const living = livingHolder(directory);
    if (living !== undefined) throw inUse(directory, living);
    return false;
  }
}

/** Who holds the lock, or is about to take it over. */
function livingHolder(directory: string): Holder | undefined {
  let holder = readHolder(join(directory, LOCK_FILE));
  for (let steps = 0; holder !== undefined && steps < CHAIN_LENGTH_MAX; steps++) {
    if (isAlive(holder)) return holder;
    holder = readHolder(join(directory, SUCCESSION_PREFIX + holder.nonce));
  }
  return undefined;
}

/** Full, over a quota, read-only, or broken: what is there may still be read. */
export function isDiskRefusing(error: unknown): boolean {
  return isSystemError(error) && ["ENOSPC", "EDQUOT", "EROFS", "EIO"].includes(error.code ?? "");
}

function take(directory: string, own: string): void {
  const lock = join(directory, LOCK_FILE);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (linked(own, lock)) {
      rmSync(own, { force: true });
      return;
    }
    const first = readHolder(lock);
    if (first !== undefined) {
      takeOver(directory, own, first);
      return;
    }
    // Released between the two calls: try again.
  }
  throw inUse(directory, undefined);
}

function takeOver(directory: string, own: string, first: Holder): void {
  let dead: Holder | undefined = first;
  for (let steps = 0; dead !== undefined && steps < CHAIN_LENGTH_MAX; steps++) {
    if (isAlive(dead)) throw inUse(directory, dead);
    const claim = join(directory, SUCCESSION_PREFIX + dead.nonce);
    if (linked(own, claim)) {
      succeed(directory, own, claim, first);
      return;
    }
    dead = readHolder(claim);
  }
  throw inUse(directory, undefined);
}

/** The claim is mine, so that nobody else may replace the lock of this chain: unless it was replaced before I claimed. */
function succeed(directory: string, own: string, claim: string, first: Holder): void {
  const lock = join(directory, LOCK_FILE);
  const current = readHolder(lock);
  if (current?.nonce !== first.nonce) {
    rmSync(claim, { force: true });
    throw inUse(directory, current);
  }
  renameSync(own, lock);
  for (const name of readdirSync(directory)) {
    if (name.startsWith(SUCCESSION_PREFIX)) rmSync(join(directory, name), { force: true });
  }
}

function release(directory: string, { nonce }: Holder): void {
  const lock = join(directory, LOCK_FILE);
  try {
    if (readHolder(lock)?.nonce === nonce) rmSync(lock, { force: true });
  } catch {
    // The directory may be gone, and the lock with it.
  }
}

/** Where nothing may be written, nothing was. */
function removed(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What went wrong before is what matters.
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isSystemError(error) && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Undefined when the file is gone. Junk is a holder that nobody can be: it is dead, and has a nonce of its own. */
function readHolder(path: string): Holder | undefined {
  const text = lockText(path);
  if (text === undefined) return undefined;
  try {
    const { nonce, pid, start, realm } = JSON.parse(text) as Record<string, unknown>;
    if (typeof nonce === "string" && /^[0-9a-f]+$/.test(nonce) && Number.isSafeInteger(pid)) {
      return { nonce, pid: pid as number, start: String(start), realm: String(realm) };
    }
  } catch {
    // No JSON: junk as well.
  }
  return { nonce: "junk", pid: 0, start: "", realm: "" };
}

/** Throws for what no process of ours has put there: to open a FIFO is to wait for its writer. */
function lockText(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (!stats.isFile()) throw new ForeignLock(`${path} is ${described(path, stats)}, no lock of ours`);
  if (stats.size > LOCK_BYTES_MAX) return "";
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function described(path: string, stats: Stats): string {
  if (!stats.isSymbolicLink()) return kindOf(stats);
  return `${kindOf(stats)} to ${readlinkSync(path)}${existsSync(path) ? "" : ", where nothing is"}`;
}

function isAlive(holder: Holder): boolean {
  if (holder.pid <= 0 || holder.realm !== realm()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (!isSystemError(error) || error.code !== "EPERM") return false;
  }
  return holder.start === startOf(holder.pid);
}

function myself(): Holder {
  const nonce = randomBytes(NONCE_BYTES).toString("hex");
  return { nonce, pid: process.pid, start: startOf(process.pid), realm: realm() };
}

function startOf(pid: number): string {
  const stat = systemText(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  // The second field is the program's name in brackets and may hold blanks and brackets; count from behind it.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function realm(): string {
  const boot = systemText(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
  return `${boot} ${systemText(() => readlinkSync("/proc/self/ns/pid"))}`.trim();
}

function systemText(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}

function inUse(directory: string, holder: Holder | undefined): FirefliesError {
  const { pid } = holder ?? {};
  const isMine = pid === process.pid;
  const by = isMine ? "another client of this process" : pid === undefined ? "another process" : `process ${pid}`;
  return new FirefliesError("state-in-use", `The directory ${directory} is in use by ${by}.`);
}
