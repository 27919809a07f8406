/**
 * Two clocks (rule R18). The protocol runs on monotonic time; dates of certificates need wall time, which may be
 * slewed by a time daemon, may step, and goes on while the machine sleeps. Small steps are followed. A big one is
 * believed when the authority's word shows that the old time is wrong; until then the old time goes on.
 */

/** Tolerated difference between two members' wall clocks, milliseconds (rule R18). */
export const CLOCK_TOLERANCE_MS = 5 * 60 * 1000;
/**
 * A wall clock that is ahead of the newest proof by no more than this is believed, milliseconds. A list of the authority
 * is good for a day (its default), so an authority that is there has signed something within one. A clock that is
 * further ahead is believed as far as the proof goes.
 */
export const PROOF_REACH_MS = 24 * 60 * 60 * 1000;

export class TrustedClock {
  readonly #wallClock: () => number;
  /** Believed time less monotonic time. */
  #offset: number | undefined;
  /** Time cannot be before this one, less monotonic time: the beginning of the latest that the authority signed. */
  #earliest = Number.NEGATIVE_INFINITY;
  #isFrozen = false;

  /** `wallClock` reads the machine's own: unix milliseconds. */
  constructor(wallClock: () => number) {
    this.#wallClock = wallClock;
  }

  /** The wall clock is off the believed time by more than certificates tolerate: its dates are not believed. */
  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** What the wall clock says, believed or not: unix milliseconds. */
  get reading(): number {
    return this.#wallClock();
  }

  /** Believed unix time in milliseconds at the monotonic instant `now`. */
  wall(now: number): number {
    const wall = this.#wallClock() - now;
    this.#offset = believed(this.#offset ?? wall, wall, this.#earliest);
    this.#isFrozen = isApart(wall, this.#offset);
    return now + this.#offset;
  }

  /**
   * The authority has signed something that begins at `begin`, unix milliseconds: it is not earlier. For what is checked
   * up to its dates, and for nothing else. Says something only while the wall clock is not believed.
   */
  proves(begin: number, now: number): void {
    this.#earliest = Math.max(this.#earliest, begin - now);
  }

  /**
   * The authority said a moment ago, over its own connection, that it is `time`, unix milliseconds. It decides between the
   * wall clock and the believed time; where both are wrong, its own word counts.
   */
  heard(time: number, now: number): void {
    const own = this.wall(now) - now;
    const [wall, said] = [this.#wallClock() - now, time - now];
    if (!isApart(wall, own)) return;
    if (!isApart(wall, said)) this.#offset = wall;
    else if (isApart(own, said)) this.#offset = said;
    this.#isFrozen = isApart(wall, this.#offset ?? wall);
  }
}

/** All three are offsets from monotonic time. A proof never moves a clock beyond the wall clock of its machine. */
export function believed(own: number, wall: number, earliest: number): number {
  if (!isApart(wall, own)) return wall;
  if (wall < own || earliest <= own) return own;
  return wall - earliest > PROOF_REACH_MS ? earliest : wall;
}

function isApart(one: number, other: number): boolean {
  return Math.abs(one - other) > CLOCK_TOLERANCE_MS;
}
