/**
 * How fast sessions have answered, and so how long an answer to a probe is waited for: a silent host should not cost the full
 * deadline where calls take milliseconds.
 */
import type { Session } from "../session/session.js";

/** A call on a session that was this many times slower than those before it is no longer waited for ... */
const PACES = 8;
/**
 * ... but for at least so many milliseconds: TCP sends a lost packet again after 200 ms, at the latest, and both loops may
 * stand still for a moment.
 */
const PATIENCE_MIN_MS = 500;
/** How much a quicker call moves the estimate; a slower one is believed at once. */
const GAIN = 1 / 8;

export class Paces {
  /** Milliseconds. */
  readonly #paces = new WeakMap<Session, number>();

  /** A call on this session was answered after so many milliseconds. */
  answered(session: Session, ms: number): void {
    const before = this.#paces.get(session) ?? 0;
    this.#paces.set(session, Math.max(ms, before + GAIN * (ms - before)));
  }

  /** Milliseconds to wait for an answer on this session, `atMost` when nothing is known of it, not even a round trip. */
  patience(session: Session, atMost: number): number {
    const pace = this.#paces.get(session) ?? session.roundTripMs;
    return pace === undefined ? atMost : Math.min(atMost, Math.max(PATIENCE_MIN_MS, PACES * pace));
  }
}
