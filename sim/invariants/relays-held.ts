/** Which relays members behind NATs named, and when: who lost all of them was reached by nobody, until it had others. */
import type { Seat } from "../actor.js";

/** A time with the same relays; virtual milliseconds, `until` is not of it. */
export interface RelaysHeld {
  readonly relays: readonly Seat[];
  readonly since: number;
  readonly until: number;
}

/** Times of one member remembered, oldest forgotten first. */
const TIMES_MAX = 32;

export class RelayTimes {
  readonly #times = new Map<Seat, RelaysHeld[]>();

  /** This member names these relays now. To be told as soon as they are others: the same list is no news. */
  saw(seat: Seat, relays: readonly Seat[], now: number): void {
    const times = this.#times.get(seat) ?? [];
    const last = times.at(-1);
    if (last?.relays === relays) return;
    const ended = last ? [...times.slice(0, -1), { ...last, until: now }] : [];
    // Before it was seen first, it had no others.
    const since = last ? now : Number.NEGATIVE_INFINITY;
    this.#times.set(seat, [...ended, { relays, since, until: Number.POSITIVE_INFINITY }].slice(-TIMES_MAX));
  }

  /** All that it named at some instant since then. */
  since(seat: Seat, since: number): readonly RelaysHeld[] {
    return (this.#times.get(seat) ?? []).filter(({ until }) => until > since);
  }
}
