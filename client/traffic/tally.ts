/**
 * What is counted of one kind of thing that members ask of each other: how many began, how they ended, how long they took, and
 * the bytes of programs that passed. It is counted always, so it is a few additions and nothing that waits to be collected.
 */
import { FirefliesError, ReplyError } from "../../identity/index.js";

/** Upper bounds of the classes of durations, in seconds: from two members on one machine to the longest that a handler may take. */
export const DURATION_BOUNDS = [
  ...[0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
] as const;
const MILLISECONDS = DURATION_BOUNDS.map((seconds) => seconds * 1_000);

/** In place of a code, for what ended as it should. */
export const OK = "ok";
/** In place of the code that a program gave its own reply: those are any number. */
export const REPLY = "reply";
/** Codes that are counted apart. Ours are fewer; but one may be the word of a member of a later version. */
const CODES_MAX = 128;
const FURTHER = "other";

/** Counted so far, of one name. */
export interface TallyInfo {
  readonly begun: number;
  /** By code: "ok", the code of an error, "reply" for the program's own. */
  readonly ended: Readonly<Record<string, number>>;
  /** Of programs, without envelopes and signatures. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Of those that ended, in seconds. */
  readonly durations: Durations;
}

/** How durations are spread. */
export interface Durations {
  readonly sum: number;
  /** How many were at most each of `DURATION_BOUNDS` and more than the one before; last those beyond. */
  readonly counts: readonly number[];
}

export class Tally {
  begun = 0;
  bytesIn = 0;
  bytesOut = 0;
  #ok = 0;
  readonly #failed = new Map<string, number>();
  #milliseconds = 0;
  readonly #counts: number[] = new Array(MILLISECONDS.length + 1).fill(0);

  /** One that was asked for by this many bytes begins. */
  began(bytesOut: number): void {
    this.begun += 1;
    this.bytesOut += bytesOut;
  }

  /** One that came with this many bytes begins. */
  came(bytesIn: number): void {
    this.begun += 1;
    this.bytesIn += bytesIn;
  }

  succeeded(milliseconds: number): void {
    this.#ok += 1;
    this.#took(milliseconds);
  }

  failed(code: string, milliseconds: number): void {
    const known = this.#failed.has(code) || this.#failed.size < CODES_MAX ? code : FURTHER;
    this.#failed.set(known, (this.#failed.get(known) ?? 0) + 1);
    this.#took(milliseconds);
  }

  /** With a code, or `OK`. */
  ended(code: string, milliseconds: number): void {
    if (code === OK) this.succeeded(milliseconds);
    else this.failed(code, milliseconds);
  }

  get info(): TallyInfo {
    const { begun, bytesIn, bytesOut } = this;
    const ended = { ...(this.#ok > 0 && { [OK]: this.#ok }), ...Object.fromEntries(this.#failed) };
    return {
      begun,
      ended,
      bytesIn,
      bytesOut,
      durations: { sum: this.#milliseconds / 1_000, counts: [...this.#counts] },
    };
  }

  /** How many of those that ended did so with this code. */
  count(code: string): number {
    return code === OK ? this.#ok : (this.#failed.get(code) ?? 0);
  }

  #took(milliseconds: number): void {
    this.#milliseconds += milliseconds;
    let at = 0;
    while (at < MILLISECONDS.length && milliseconds > MILLISECONDS[at]!) at += 1;
    this.#counts[at]! += 1;
  }
}

/** Counts a call of this member. Rejects as it does. */
export async function counted(
  tally: Tally | undefined,
  { length }: Uint8Array,
  call: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const since = performance.now();
  tally?.began(length);
  try {
    const answer = await call();
    if (tally) tally.bytesIn += answer.length;
    tally?.succeeded(performance.now() - since);
    return answer;
  } catch (error) {
    tally?.failed(codeOf(error), performance.now() - since);
    throw error;
  }
}

/** Counts a call of another member's. Rejects as it does. */
export async function countedAnswer(
  tally: Tally,
  { length }: Uint8Array,
  answer: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const since = performance.now();
  tally.came(length);
  try {
    const said = await answer();
    tally.bytesOut += said.length;
    tally.succeeded(performance.now() - since);
    return said;
  } catch (error) {
    tally.failed(codeOf(error), performance.now() - since);
    throw error;
  }
}

/** What something that failed is counted as. */
export function codeOf(error: unknown): string {
  if (error instanceof ReplyError) return REPLY;
  return error instanceof FirefliesError ? error.code : "handler-failed";
}
