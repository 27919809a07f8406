/** How much happened in each piece of a span of time. */
import type { Extent } from "./playhead.js";
import type { Step } from "./timeline.js";

export interface Bin {
  /** Joined, came back, rebutted. */
  good: number;
  /** Missed, suspected, accused, and alarms. */
  bad: number;
  /** Removed, revoked, left. */
  gone: number;
}

const KINDS: Readonly<Record<string, keyof Bin | undefined>> = {
  joined: "good",
  back: "good",
  rebutted: "good",
  suspected: "bad",
  accused: "bad",
  missed: "bad",
  equivocated: "bad",
  isolated: "bad",
  removed: "gone",
  revoked: "gone",
  expired: "gone",
  left: "gone",
};

export function binsOf(changes: readonly Step[], { start, end }: Extent, count: number): readonly Bin[] {
  const bins: Bin[] = Array.from({ length: count }, () => ({ good: 0, bad: 0, gone: 0 }));
  const width = Math.max(1, end - start) / Math.max(1, count);
  for (const event of changes) {
    const kind = event.event === "alarm" ? "bad" : event.event === "path" ? undefined : KINDS[event.kind];
    const bin = bins[Math.min(count - 1, Math.floor((event.at - start) / width))];
    if (kind !== undefined && bin !== undefined) bin[kind]++;
  }
  return bins;
}
