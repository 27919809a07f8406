/**
 * The names that this member tells the others that it offers, of protocols and services alike. They change as handlers come
 * and go; notes do not follow each change: those of one turn go in one note, and notes for names have a pause between them.
 */
import { FirefliesError } from "../../identity/index.js";
import type { Extension } from "../../rings/index.js";
import { NAMES_BYTES_MAX, nameBytes, namesExtensions } from "./names.js";

/**
 * From one note for names to the next, in the time in which others take one note of a member (rule R11): what is left, and the
 * burst, are for answers to accusations.
 */
export const NAMES_PAUSE = 2;

export class Announced {
  /** How many handlers stand behind a name. */
  readonly #counts = new Map<string, number>();
  readonly #tell: () => void;
  readonly #pauseMs: () => number;
  readonly #now: () => number;
  #bytes = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `tell` has the member say what `extensions` are now; `pauseMs` passes between two times, in milliseconds. */
  constructor(tell: () => void, pauseMs: () => number, now: () => number = () => performance.now()) {
    this.#tell = tell;
    this.#pauseMs = pauseMs;
    this.#now = now;
  }

  /** Sorted. */
  get names(): readonly string[] {
    return [...this.#counts.keys()].sort();
  }

  get extensions(): readonly Extension[] {
    return namesExtensions(this.#counts.keys());
  }

  /** Throws "names-too-large". */
  add(name: string): void {
    const count = this.#counts.get(name) ?? 0;
    const bytes = count === 0 ? nameBytes(name) : 0;
    if (this.#bytes + bytes > NAMES_BYTES_MAX) {
      throw new FirefliesError(
        "names-too-large",
        `With ${JSON.stringify(name)} the names that this member offers have ${this.#bytes + bytes} bytes; ${NAMES_BYTES_MAX} are the most.`,
      );
    }
    this.#bytes += bytes;
    this.#counts.set(name, count + 1);
    if (count === 0) this.#changed();
  }

  remove(name: string): void {
    const count = this.#counts.get(name);
    if (count === undefined) return;
    if (count > 1) {
      this.#counts.set(name, count - 1);
      return;
    }
    this.#counts.delete(name);
    this.#bytes -= nameBytes(name);
    this.#changed();
  }

  /** Nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #changed(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    const wait = Math.max(0, this.#toldAt + this.#pauseMs() - this.#now());
    this.#timer = setTimeout(() => this.#say(), wait).unref();
  }

  #say(): void {
    this.#timer = undefined;
    this.#toldAt = this.#now();
    this.#tell();
  }
}
