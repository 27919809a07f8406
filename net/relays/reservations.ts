/** Who has a reservation at this relay, until when, and who gets the next one. A table on a clock that its caller reads. */
import type { MemberId } from "../../rings/index.js";
import { RESERVATION_MS } from "./limits.js";
import type { Refusal } from "./messages.js";
import { refused } from "./refusal.js";

export interface ReservationsOptions {
  /** Members at once. */
  readonly max: number;
  /**
   * Am I one of the relays that the view gives this member? Asked only when half of the places are taken: then the others are
   * kept for those, so that members who reserve everywhere do not take them all.
   */
  readonly isMine: (id: MemberId) => boolean;
}

export class Reservations {
  /** Members at once; those beyond a smaller one keep theirs until it ends. */
  max: number;
  readonly #isMine: ReservationsOptions["isMine"];
  /** When each ends, milliseconds; in the order of that, since all last equally long. */
  readonly #until = new Map<MemberId, number>();

  constructor({ max, isMine }: ReservationsOptions) {
    this.max = max;
    this.#isMine = isMine;
  }

  get size(): number {
    return this.#until.size;
  }

  has(id: MemberId, now: number): boolean {
    return now < (this.#until.get(id) ?? Number.NEGATIVE_INFINITY);
  }

  /** Makes or renews one. Returns when it ends, or the refusal. */
  take(id: MemberId, now: number): number | Refusal {
    this.#tidy(now);
    const { max } = this;
    const isNew = !this.#until.has(id);
    if (isNew && this.size >= max) return refused("full", this.#firstEnd - now);
    if (isNew && this.size >= max / 2 && !this.#isMine(id)) return refused("full", RESERVATION_MS);
    const until = now + RESERVATION_MS;
    this.#until.delete(id);
    this.#until.set(id, until);
    return until;
  }

  release(id: MemberId): void {
    this.#until.delete(id);
  }

  clear(): void {
    this.#until.clear();
  }

  get #firstEnd(): number {
    return this.#until.values().next().value ?? Number.POSITIVE_INFINITY;
  }

  #tidy(now: number): void {
    for (const [id, until] of this.#until) {
      if (now < until) return;
      this.#until.delete(id);
    }
  }
}
