/** When something that failed for a member is tried again: after a pause that doubles with each time, up to a longest one. */
import type { MemberId } from "../../rings/index.js";

/** Members remembered: as many as there are links (links.ts). */
const MEMBERS_MAX = 8_192;

interface Tried {
  readonly pauseMs: number;
  /** Monotonic milliseconds. */
  readonly at: number;
}

export class Pauses {
  readonly #firstMs: number;
  readonly #lastMs: number;
  readonly #tried = new Map<MemberId, Tried>();

  constructor(firstMs: number, lastMs: number) {
    this.#firstMs = firstMs;
    this.#lastMs = lastMs;
  }

  /** `now` in monotonic milliseconds, here and below. */
  isDue(id: MemberId, now: number): boolean {
    const tried = this.#tried.get(id);
    return tried === undefined || now - tried.at >= tried.pauseMs;
  }

  tried(id: MemberId, now: number): void {
    const before = this.#tried.get(id);
    const pauseMs = before === undefined ? this.#firstMs : Math.min(this.#lastMs, 2 * before.pauseMs);
    this.#tried.delete(id);
    this.#tried.set(id, { pauseMs, at: now });
    const [oldest] = this.#tried.keys();
    if (this.#tried.size > MEMBERS_MAX && oldest !== undefined) this.#tried.delete(oldest);
  }

  /** There is a reason to try at once: of one member, or of all. */
  forget(id?: MemberId): void {
    if (id === undefined) this.#tried.clear();
    else this.#tried.delete(id);
  }
}
