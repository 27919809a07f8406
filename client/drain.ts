/**
 * The end of a member's work: what runs may finish until a deadline, and what has not is cut, with a code for whoever
 * waits for it.
 */
import { FirefliesError } from "../identity/index.js";
import { onAbort } from "./abort.js";
import type { Messenger } from "./messenger.js";
import type { Streams } from "./streams.js";

/** Milliseconds that a stop waits for what runs: most handlers take less, and supervisors kill after ten and more. */
export const DRAIN_MS = 5_000;
/** A stop that waits longer than an hour is a mistake of units. */
export const DRAIN_MS_MAX = 3_600_000;
/** Milliseconds for the codes of what was cut to reach the other side, before the leave note overtakes them. */
const LAST_WORDS_MS = 250;

/** When work must have ended: the earliest of the instants that were asked for. */
export class DrainDeadline {
  readonly #over = new AbortController();
  #at = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** Fires at the deadline. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** At most so many milliseconds from now on; 0 fires at once. Asking for more than what is left changes nothing. */
  within(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#at) return;
    this.#at = at;
    clearTimeout(this.#timer);
    if (ms === 0) this.#over.abort();
    else this.#timer = setTimeout(() => this.#over.abort(), ms);
  }

  /** Leaves no timer behind. */
  clear(): void {
    clearTimeout(this.#timer);
  }
}

export interface Work {
  readonly messenger: Messenger;
  readonly streams: Streams;
}

/** Takes no new work, waits for what is open, and cuts the rest at the deadline. What had to be cut, as "drain-expired". */
export async function drain({ messenger, streams }: Work, deadline: AbortSignal): Promise<FirefliesError | undefined> {
  const done = Promise.all([messenger.drain(), streams.drain()]);
  await Promise.race([done, fired(deadline)]);
  const { handlers, messages } = messenger.cut();
  const cut = { handlers, messages, streams: streams.cut() };
  if (cut.handlers + cut.messages + cut.streams === 0) return undefined;
  await lastWords(done);
  return expired(cut);
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => onAbort(signal, resolve));
}

async function lastWords(done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise((resolve) => {
    timer = setTimeout(resolve, LAST_WORDS_MS);
  });
  await Promise.race([done, enough]);
  clearTimeout(timer);
}

function expired(cut: Readonly<Record<"handlers" | "messages" | "streams", number>>): FirefliesError {
  const parts = Object.entries(cut).filter(([, count]) => count > 0);
  const what = parts.map(([name, count]) => `${count} ${count === 1 ? name.slice(0, -1) : name}`).join(", ");
  return new FirefliesError("drain-expired", `The member stopped before these had ended, and cut them: ${what}.`);
}
