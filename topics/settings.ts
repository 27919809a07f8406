/** The intervals and sizes of one member's topics. Members of one network may differ in them. */

export interface Settings {
  /** Milliseconds that a batch is kept for others to pull, and for durable subscribers that are away. 1 s to 24 h. */
  readonly retentionMs: number;
  /** Bytes of batches that a member keeps, its own and others' each. 1 MiB to 16 GiB. */
  readonly retentionBytes: number;
  /** Milliseconds after which what was announced and did not come is pulled. Longer than a round trip. */
  readonly pullMs: number;
  /**
   * Milliseconds in which progress and announcements are gathered into one packet. Adds to the time until a message is known
   * to be acknowledged by all; what is urgent waits for the end of the turn only.
   */
  readonly gatherMs: number;
  /** Milliseconds after a change of a log until neighbours compare what they have of it; then twice as long, and again. */
  readonly repairMs: number;
  /** Milliseconds that a new subscription waits for the heads of logs from others. */
  readonly baselineMs: number;
  /** Subscribers up to which a publisher sends to each itself. */
  readonly directMax: number;
  /** Members that one passes a batch on to, among more subscribers. Depth is the logarithm to this base. */
  readonly fanOut: number;
}

/** One data centre, and the default. */
export const LAN: Settings = {
  retentionMs: 5 * 60_000,
  retentionBytes: 64 * 1024 * 1024,
  pullMs: 100,
  gatherMs: 20,
  repairMs: 500,
  baselineMs: 500,
  directMax: 16,
  fanOut: 8,
};

/** Several continents: a round trip takes up to 0.4 s. */
export const WAN: Settings = { ...LAN, pullMs: 800, gatherMs: 100, repairMs: 2000, baselineMs: 2000 };

/** Throws RangeError when a value is outside its range: a programmer's error, not a peer's. */
export function checkSettings(settings: Settings): void {
  const ranges: Readonly<Record<keyof Settings, readonly [number, number]>> = {
    retentionMs: [1000, 24 * 3600_000],
    retentionBytes: [1024 * 1024, 16 * 1024 ** 3],
    pullMs: [1, 60_000],
    gatherMs: [0, 60_000],
    repairMs: [1, 3600_000],
    baselineMs: [1, 60_000],
    directMax: [0, 256],
    fanOut: [2, 64],
  };
  for (const [name, [low, high]] of Object.entries(ranges)) {
    const value = settings[name as keyof Settings];
    if (!(value >= low && value <= high)) throw new RangeError(`${name} must be ${low} to ${high}, not ${value}`);
  }
}
