/** The intervals of one member. Delta and the ring count are the network's and come with the certificate (rule R19). */

export interface Settings {
  /**
   * Milliseconds between two gossip rounds, 1 ms to 24 h. News does not wait for them, it is pushed: rounds repair what pushes
   * missed, and find the lost (rule R15). Shorter heals faster, and costs calls in proportion; half a second made no change
   * known sooner than one second, two seconds made it known in twice the time (docs/claims.md, the settings). Budgets of notes and packets
   * refill by it, so members of one network should agree on it.
   */
  readonly gossipMs: number;
  /**
   * Milliseconds between two visits of the failure detector, 1 ms to 24 h. Each of k monitors visits one of its k rings, so
   * every member is visited about once in this time, whatever k: that is when a crash is noticed. It also bounds how long a
   * pong is waited for. Half a second instead of one: half a second sooner, for twice the bytes and three times the suspicions
   * of members that stand still for a moment; two seconds: 2.5 s later, for half the bytes (docs/claims.md).
   */
  readonly monitorMs: number;
  /**
   * The network's bound on dissemination, milliseconds, 1 ms to 24 h: in this time what one correct member knows reaches all.
   * It must hold a push, and the round that repairs it: 1.5 s among a thousand members with a fifth of liars (docs/claims.md,
   * dissemination). Shorter removes the dead sooner, and the living when it is broken.
   */
  readonly deltaMs: number;
  /**
   * Milliseconds that an accusation must stand before removal, at least 2 Delta (rule R19): one until the accused has heard of
   * it, one until its answer has reached everybody. Longer forgives longer stalls of the accused.
   */
  readonly removalMs: number;
  /**
   * Misses in a row that make a verdict, at least, 1 to 14; measured loss may ask for more, up to 14. Below 3 it changes
   * nothing: a way is taken to lose 1 % of pings at least, for which three misses are one mistake in a million visits.
   */
  readonly pingLimit: number;
  /**
   * Rings visited per monitor interval, 1 or more. Two cost twice the pings and notice a crash a tenth of a second sooner
   * only, because a verdict waits for its misses; a shorter monitorMs is the better buy (docs/claims.md, the settings).
   */
  readonly ringsPerVisit: number;
}

/**
 * How often others admit a note of one member (rule R11), and so how often it signs one (rule R9), milliseconds: an answer that
 * waited longer than Delta would come too late.
 */
export function noteMs({ gossipMs, deltaMs }: Settings): number {
  return Math.min(gossipMs, deltaMs);
}

/** One data centre, and the default: packets take a millisecond, and Delta holds a push and a whole round after it. */
export const LAN: Settings = {
  gossipMs: 1000,
  monitorMs: 1000,
  deltaMs: 1500,
  removalMs: 3000,
  pingLimit: 3,
  ringsPerVisit: 1,
};

/** One machine, for trials: five times as fast. Delta is longer than that by itself, because processes wait for a core. */
export const LOCAL: Settings = { ...LAN, gossipMs: 200, monitorMs: 200, deltaMs: 500, removalMs: 1000 };

/**
 * Several continents: a packet and its answer take up to 0.4 s, and what is lost on a connection is repeated after 0.2 s or
 * more, so Delta holds three rounds. Crashes are looked for a fifth as often, since a removal takes 12 s anyway.
 */
export const WAN: Settings = { ...LAN, gossipMs: 2000, monitorMs: 5000, deltaMs: 6000, removalMs: 12_000 };

/** Throws RangeError when a value is outside its range: that is a programmer's error, not a peer's. */
export function checkSettings(settings: Settings): void {
  const { gossipMs, monitorMs, deltaMs, removalMs, pingLimit, ringsPerVisit } = settings;
  for (const [name, value] of Object.entries({ gossipMs, monitorMs, deltaMs, removalMs })) {
    if (!(value >= 1 && value <= 24 * 3600 * 1000)) throw new RangeError(`${name} must be 1 ms to 24 h, not ${value}`);
  }
  if (removalMs < 2 * deltaMs) {
    throw new RangeError(`removalMs must be at least 2 Delta = ${2 * deltaMs} ms (rule R19), not ${removalMs}`);
  }
  if (!(Number.isInteger(pingLimit) && pingLimit >= 1 && pingLimit <= 14)) {
    throw new RangeError(`pingLimit must be a whole number from 1 to 14, not ${pingLimit}`);
  }
  if (!(Number.isInteger(ringsPerVisit) && ringsPerVisit >= 1)) {
    throw new RangeError(`ringsPerVisit must be a whole number from 1 on, not ${ringsPerVisit}`);
  }
}
