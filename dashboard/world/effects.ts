/** What moves in the picture at an instant: a function of the events just before it, so that time can be stopped and turned. */
import type { Change } from "./timeline.js";

export type EffectKind =
  | "accusation"
  | "suspicion"
  | "rebuttal"
  | "removal"
  | "arrival"
  | "leaving"
  | "miss"
  | "summons";

export interface Effect {
  readonly kind: EffectKind;
  /** The id of who did it; "" for nobody. */
  readonly from: string;
  /** The id of whom it is about. */
  readonly to: string;
  readonly ring: number | undefined;
  /** 0 at the event, 1 at the effect's end. */
  readonly progress: number;
}

/** How long an effect is seen, in ms of the clock on the wall. */
export const EFFECT_MS = 2_400;
/** More at once would be a flicker; the newest are shown. */
export const EFFECTS_MAX = 250;

const KINDS: Readonly<Partial<Record<string, EffectKind>>> = {
  accused: "accusation",
  suspected: "suspicion",
  rebutted: "rebuttal",
  removed: "removal",
  revoked: "removal",
  expired: "removal",
  equivocated: "removal",
  joined: "arrival",
  back: "arrival",
  left: "leaving",
  missed: "miss",
  summoned: "summons",
};

/** `events` in order, none after `now`; `lastsMs` in the feed's time, which runs faster than the wall's when played so. */
export function effectsAt(events: readonly Change[], now: number, lastsMs: number): readonly Effect[] {
  return events.flatMap((event) => {
    const kind = event.event === "history" ? KINDS[event.kind] : undefined;
    if (event.event !== "history" || kind === undefined) return [];
    const progress = (now - event.at) / lastsMs;
    if (progress < 0 || progress >= 1) return [];
    return [{ kind, from: event.by, to: event.member, ring: event.ring, progress }];
  });
}
