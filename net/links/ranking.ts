/**
 * Which of the sessions with a member is the best one. Pure: functions of values. Both ends come to the same answer, as a
 * rule; where they do not, each opens on another session, and both go on.
 */
import type { Path } from "../session/path.js";

/** What a session is judged by. */
export interface Ranked {
  readonly path: Path;
  /** When it came up, in monotonic milliseconds. */
  readonly since: number;
  /** Milliseconds; undefined while it is not measured. */
  readonly roundTripMs: number | undefined;
}

/**
 * Sessions that each end has dialled within this time, in milliseconds, have crossed: a dial and its handshake take no
 * longer. Of those that come later the new one was made because the old one was of no use.
 */
const CROSSED_MS = 3_000;
/** A round trip is shorter only by this factor ... */
const SHORTER_FACTOR = 2;
/** ... and by so many milliseconds; less is the weather of a path. */
const SHORTER_MS = 10;

/**
 * 0 is the best: a connection between the two hosts, by whomever it was dialled; 1 is one through their NATs; 2 is a conduit of a
 * relay; 3 and 4 are ways over sessions with one and two other members.
 */
export function rankOf({ kind, via = [], isConduit }: Path): number {
  if (kind === "relayed") return isConduit ? 2 : 2 + Math.max(1, via.length);
  return kind === "punched" ? 1 : 0;
}

/**
 * Does the newer one of two sessions serve what is opened from now on? `dialsFirst`: when both have dialled at once, the
 * session that I dialled is the one to keep, at both ends; so it is for one of any two members.
 */
export function takesOver(newer: Ranked, older: Ranked, dialsFirst: boolean): boolean {
  const difference = rankOf(newer.path) - rankOf(older.path);
  if (difference !== 0) return difference < 0;
  const haveCrossed = newer.path.direction !== older.path.direction && newer.since - older.since < CROSSED_MS;
  if (haveCrossed) return (newer.path.direction === "dialled") === dialsFirst;
  return !isShorter(older, newer);
}

/** The best of sessions that are given in the order in which they came up. */
export function bestOf<R extends Ranked>(sessions: readonly R[], dialsFirst: boolean): R | undefined {
  let best: R | undefined;
  for (const each of sessions) if (best === undefined || takesOver(each, best, dialsFirst)) best = each;
  return best;
}

function isShorter({ roundTripMs: a }: Ranked, { roundTripMs: b }: Ranked): boolean {
  return a !== undefined && b !== undefined && a * SHORTER_FACTOR < b && b - a >= SHORTER_MS;
}
