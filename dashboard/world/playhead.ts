/** Which instant is shown: now, one of the past, or one that moves on as a recording is played. */

export type Playhead =
  | { readonly mode: "live" }
  | { readonly mode: "paused"; readonly at: number }
  | { readonly mode: "playing"; readonly at: number; readonly speed: number };

export interface Extent {
  readonly start: number;
  readonly end: number;
  /** False for a recording, which has no now. */
  readonly isLive: boolean;
}

export const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 30] as const;

export function momentOf(playhead: Playhead, now: number): number {
  return playhead.mode === "live" ? now : playhead.at;
}

/** What it is after some milliseconds: at the end of a recording it stops, at the end of a live feed it follows. */
export function advanced(playhead: Playhead, elapsedMs: number, extent: Extent): Playhead {
  if (playhead.mode !== "playing") return playhead;
  const at = playhead.at + elapsedMs * playhead.speed;
  if (at < extent.end) return { ...playhead, at };
  return extent.isLive ? { mode: "live" } : { mode: "paused", at: extent.end };
}

/** Play from here, or from the start when all has been played; while playing, pause. */
export function toggled(playhead: Playhead, now: number, speed: number, extent: Extent): Playhead {
  if (playhead.mode === "playing") return { mode: "paused", at: playhead.at };
  if (playhead.mode === "live") return { mode: "paused", at: now };
  const at = !extent.isLive && playhead.at >= extent.end ? extent.start : playhead.at;
  return { mode: "playing", at, speed };
}

/** To an instant within what is held. A live feed is followed again from its end. */
export function sought(playhead: Playhead, at: number, extent: Extent): Playhead {
  if (extent.isLive && at >= extent.end) return { mode: "live" };
  const within = Math.min(extent.end, Math.max(extent.start, at));
  return playhead.mode === "playing" ? { ...playhead, at: within } : { mode: "paused", at: within };
}

/** To the next change after an instant, or the last one before it; the same instant when there is none. */
export function stepped(at: number, direction: 1 | -1, moments: readonly number[]): number {
  const found = direction > 0 ? moments.find((each) => each > at) : moments.findLast((each) => each < at);
  return found ?? at;
}
