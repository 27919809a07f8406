/** A resource's side of fencing: it takes the token of each change, and refuses those of former leaders. */
import { parseToken } from "./token.js";

/**
 * "admitted": nobody has shown a higher one. "stale": somebody has. "foreign": it is another member's. "future": its term lies
 * further ahead of this clock than clocks differ. "malformed": it is no token.
 */
export type FenceVerdict = "admitted" | "stale" | "foreign" | "future" | "malformed";

/** Ahead of the clock of a resource by more than this, milliseconds, no token of a correct leader is: twice what leaders believe. */
export const FENCE_AHEAD_MS = 120_000;

export interface FenceOptions {
  /** The highest token that was admitted before: a resource that lasts keeps it with what it protects. */
  readonly highest?: string | undefined;
  /** Unix milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** `fence.admit(token, from)` before each change. One for each job. */
export class Fence {
  readonly #now: () => number;
  #highest: string;

  /** Throws a RangeError for a `highest` that is no token. */
  constructor({ highest = "", now = Date.now }: FenceOptions = {}) {
    if (highest !== "" && parseToken(highest) === undefined) throw new RangeError("The highest token is no token.");
    this.#highest = highest;
    this.#now = now;
  }

  /** The highest token that was admitted; empty before the first. */
  get highest(): string {
    return this.#highest;
  }

  /** May a change with this token be made? `from` is the member that sent it, as a handler is told: the token must be its own. */
  admit(token: unknown, from?: { readonly id: string }): FenceVerdict {
    const said = parseToken(token);
    if (said === undefined) return "malformed";
    if (from !== undefined && from.id !== said.leader) return "foreign";
    if ((token as string) < this.#highest) return "stale";
    if (said.term > this.#now() + FENCE_AHEAD_MS) return "future";
    this.#highest = token as string;
    return "admitted";
  }
}
