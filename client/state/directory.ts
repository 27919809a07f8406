/**
 * A member's directory: identity files (identity/), epoch mark, known members and lock. Open means
 * locked: one process and one client at a time. Files are replaced whole; what a crash leaves behind is cleared away.
 */
import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { EPOCH_MAX } from "../../gossip/index.js";
import { atomicWrite, exposureOf, FirefliesError, messageOf, takeDirectory } from "../../identity/index.js";
import { decodeEpoch, EPOCH_FILE, EPOCH_FILE_BYTES_MAX, EPOCH_KIND, encodeEpoch } from "./epoch-mark.js";
import {
  decodeStatements,
  encodeStatements,
  MEMBERS_FILE,
  MEMBERS_FILE_BYTES_MAX,
  MEMBERS_KIND,
} from "./known-members.js";
import { acquireLock, type Lock } from "./lock.js";
import { type Restored, readSealed, seal } from "./sealed.js";

const STATE_FILE_MODE = 0o600;
/** As atomicWrite names its temporary files; those of the lock may be in use by somebody who wants to have it. */
const TEMPORARY = /^(?!lock\.).*\.\d+-[0-9a-f]+\.tmp$/;

export class StateDirectory {
  /** Absolute. */
  readonly path: string;
  /** Undefined where the disk takes no file: then another process may be here as well. */
  #lock: Lock | undefined;
  #closed = false;
  /** Of the epochs known to be on disk the highest. */
  #mark = -1n;
  #epochWrites: Promise<void> = Promise.resolve();
  #membersWrite: Promise<void> | undefined;
  #membersNext: readonly Uint8Array[] | undefined;

  private constructor(path: string, lock: Lock | undefined) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Creates the directory if need be and locks it. Rejects with "directory-unsafe", "state-in-use" or "state-unreadable".
   * A full or read-only disk is an alarm, "state-write-failed": what is there can be read, and every save is refused. That
   * others may replace the directory is one too, "directory-exposed".
   */
  static async open(directory: string, onAlarm: (alarm: FirefliesError) => void = () => {}): Promise<StateDirectory> {
    const path = resolve(directory);
    await takeDirectory(path, "member", "state-unreadable");
    const exposure = await exposureOf(path);
    if (exposure !== undefined) onAlarm(exposure);
    const lock = acquireLock(path);
    if (lock === undefined) onAlarm(notLocked(path));
    const state = new StateDirectory(path, lock);
    try {
      if (lock !== undefined) await clearTemporary(path);
    } catch (cause) {
      lock?.release();
      const why = `The directory ${path} cannot be used: ${messageOf(cause)}.`;
      throw new FirefliesError("state-unreadable", why, { cause });
    }
    return state;
  }

  /** The mark above which a restart begins. A damaged one is kept aside; the wall clock then gives the first epoch (R10). */
  async readEpoch(): Promise<Restored<bigint>> {
    const restored = await readSealed(this.#file(EPOCH_FILE), EPOCH_KIND, EPOCH_FILE_BYTES_MAX, decodeEpoch);
    if (restored.kind === "restored" && restored.value > this.#mark) this.#mark = restored.value;
    return restored;
  }

  /**
   * Resolves once a mark of at least `mark` is on disk, and never lowers it; calls are done in order. Rejects with
   * "state-write-failed": the older mark is then still there.
   */
  async saveEpoch(mark: bigint): Promise<void> {
    if (mark < 0n || mark > EPOCH_MAX) throw new RangeError(`no epoch mark: ${mark}`);
    this.#refuseClosed();
    const write = this.#epochWrites.then(async () => {
      if (mark <= this.#mark) return;
      await this.#write(EPOCH_FILE, seal(EPOCH_KIND, encodeEpoch(mark)));
      this.#mark = mark;
    });
    this.#epochWrites = write.catch(() => {});
    await write;
  }

  /** The statements last saved, in their order. */
  async readMembers(): Promise<Restored<readonly Uint8Array[]>> {
    return await readSealed(this.#file(MEMBERS_FILE), MEMBERS_KIND, MEMBERS_FILE_BYTES_MAX, decodeStatements);
  }

  /**
   * Replaces the known members, the most useful first: what is over the limits of known-members.ts is left out.
   * While one write runs only the newest list waits. Resolves when this list, or a newer one, is on disk; rejects
   * with "state-write-failed".
   */
  async saveMembers(statements: readonly Uint8Array[]): Promise<void> {
    this.#refuseClosed();
    this.#membersNext = statements;
    const running = this.#membersWrite ?? Promise.resolve();
    const write = running.then(
      () => this.#writeMembers(),
      () => this.#writeMembers(),
    );
    this.#membersWrite = write;
    await write;
  }

  async #writeMembers(): Promise<void> {
    const statements = this.#membersNext;
    this.#membersNext = undefined;
    // A newer call's list was written by an older call's turn.
    if (statements === undefined) return;
    try {
      await this.#write(MEMBERS_FILE, seal(MEMBERS_KIND, encodeStatements(statements)));
    } catch (error) {
      this.#membersNext ??= statements; // For the turn of a call that waits for this list.
      throw error;
    }
  }

  /** Waits for the writes under way and unlocks. Never rejects; safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled([this.#epochWrites, this.#membersWrite]);
    this.#lock?.release();
  }

  #file(name: string): string {
    return join(this.path, name);
  }

  #refuseClosed(): void {
    if (this.#closed) throw new FirefliesError("state-write-failed", `The directory ${this.path} was closed.`);
  }

  async #write(name: string, data: Uint8Array): Promise<void> {
    // Once the disk takes files again somebody else may have come first.
    this.#lock ??= acquireLock(this.path);
    if (this.#lock === undefined) throw notLocked(this.path);
    await atomicWrite(this.#file(name), data, STATE_FILE_MODE);
  }
}

async function clearTemporary(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (TEMPORARY.test(name)) await rm(join(path, name), { force: true });
  }
}

function notLocked(path: string): FirefliesError {
  const message = `The disk of ${path} is full or read-only: the member goes on in memory.`;
  const advice = "Make room there, and start no second member on this directory: the disk takes no lock either.";
  return new FirefliesError("state-write-failed", message, { advice });
}
