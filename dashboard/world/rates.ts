/** Counters as rates per second, for the lines of the traffic page. */
import type { Figures } from "../feed/forms.js";

export interface Series {
  /** Unix seconds, as uPlot wants them. */
  readonly at: readonly number[];
  readonly messagesIn: readonly (number | null)[];
  readonly messagesOut: readonly (number | null)[];
  readonly bytesIn: readonly (number | null)[];
  readonly bytesOut: readonly (number | null)[];
  readonly streams: readonly (number | null)[];
  readonly lagMs: readonly (number | null)[];
}

const COUNTERS = ["messagesIn", "messagesOut", "bytesIn", "bytesOut"] as const;
/** A longer silence is a gap in the line: nobody knows what was between. */
const GAP_MS = 10_000;

/** Of the figures up to an instant and from another one on. A counter that falls belongs to a new life: a gap. */
export function ratesOf(figures: readonly Figures[], from: number, to: number): Series {
  const rows = figures.flatMap((now, index) => {
    const before = figures[index - 1];
    return before !== undefined && now.at >= from && now.at <= to ? [{ before, now }] : [];
  });
  const rate = (key: (typeof COUNTERS)[number]) =>
    rows.map(({ before, now }) => {
      const ms = now.at - before.at;
      const difference = (now[key] ?? Number.NaN) - (before[key] ?? Number.NaN);
      return Number.isNaN(difference) || ms <= 0 || ms > GAP_MS || difference < 0 ? null : (difference * 1_000) / ms;
    });
  return {
    at: rows.map(({ now }) => now.at / 1_000),
    messagesIn: rate("messagesIn"),
    messagesOut: rate("messagesOut"),
    bytesIn: rate("bytesIn"),
    bytesOut: rate("bytesOut"),
    streams: rows.map(({ now }) => now.streams),
    lagMs: rows.map(({ now }) => now.lagMs),
  };
}

/** The last figures at or before an instant. */
export function figuresAt(figures: readonly Figures[], at: number): Figures | undefined {
  return figures.findLast((each) => each.at <= at);
}
