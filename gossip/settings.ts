/** The intervals of one member. Delta and the ring count are the network's and come with the certificate (rule R19). */

export interface Settings {
  /** Milliseconds between two rounds of exchanges with ring neighbours. Shorter heals faster and sends more. */
  readonly gossipMs: number;
  /** Milliseconds between two visits of the failure detector. A crash is noticed in about this time. */
  readonly monitorMs: number;
  /** The network's bound on dissemination, milliseconds. */
  readonly deltaMs: number;
  /** Milliseconds that an accusation must stand before removal: at least 2 Delta. */
  readonly removalMs: number;
  /** Misses in a row that make a verdict, at least; measured loss may ask for more, up to 14. */
  readonly pingLimit: number;
  /** Rings visited per monitor interval. */
  readonly ringsPerVisit: number;
}

/** Delta and intervals of protocol section 5, to start from. */
export const LAN: Settings = {
  gossipMs: 1000,
  monitorMs: 1000,
  deltaMs: 1500,
  removalMs: 3000,
  pingLimit: 3,
  ringsPerVisit: 1,
};

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
