/**
 * When members did not run: crashed, stalled, starting. For how long one was away decides whether others may have taken
 * it for dead.
 */
import type { Settings } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat, SimEvent } from "../actor.js";

/** One time of not running; `to` is infinite while it lasts. Virtual milliseconds. */
interface Stop {
  readonly from: number;
  readonly to: number;
  readonly isCrash: boolean;
}

/** Stops of one member remembered; those long past are forgotten first. */
const STOPS_MAX = 64;

/**
 * The longest stall that may cost nobody its place. An accusation may be made when it begins, and stands removalMs until
 * the removal; once awake, the accused must hear of it and its answer must reach all, which takes Delta at most.
 */
export function harmlessStallMs({ removalMs, deltaMs }: Settings): number {
  return removalMs - deltaMs;
}

/**
 * How long after its end a fault may still show: the last accusation that it caused reaches all within Delta, and
 * removes removalMs later; verdicts under way when it ends take one interval of the detector.
 */
export function aftermathMs({ removalMs, deltaMs, monitorMs }: Settings): number {
  return removalMs + deltaMs + monitorMs;
}

export class Stops {
  readonly #settings: Settings;
  readonly #stops = new Map<MemberId, Stop[]>();
  /** Whom the authority or its own word has put out for good. */
  readonly #outcasts = new Set<MemberId>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  happened(event: SimEvent, now: number): void {
    if (!("seat" in event)) return;
    const { kind, seat } = event;
    if (kind === "stalled" || kind === "crashed") this.#begin(seat, now, kind === "crashed");
    else if (kind === "resumed" || kind === "restarted") this.#end(seat, now);
    else if (kind === "leaving" || kind === "left" || kind === "revoked") this.#outcasts.add(seat.id);
    // Who left may come again, under the same id.
    if (kind === "restarted") this.#outcasts.delete(seat.id);
  }

  /** Was it told to go, or did it say that it goes? */
  isOutcast(seat: Seat): boolean {
    return this.#outcasts.has(seat.id);
  }

  /** May others take it for dead at this moment, for what it did itself? */
  isExcused(seat: Seat, now: number): boolean {
    if (this.isOutcast(seat)) return true;
    const since = now - aftermathMs(this.#settings);
    const stops = (this.#stops.get(seat.id) ?? []).filter((stop) => stop.to > since);
    if (stops.some((stop) => stop.isCrash)) return true;
    // Many short stalls in a row are one long one.
    const total = stops.reduce((sum, { from, to }) => sum + Math.min(to, now) - from, 0);
    return total > Math.max(0, harmlessStallMs(this.#settings));
  }

  /**
   * Since when has it heard nothing, if it heard nothing at some instant since then? Of a stop that is over for less than that
   * the beginning; infinite when there was none.
   */
  deafSince(seat: Seat, since: number): number {
    const stops = (this.#stops.get(seat.id) ?? []).filter(({ to }) => to > since);
    return Math.min(Number.POSITIVE_INFINITY, ...stops.map(({ from }) => from));
  }

  #begin(seat: Seat, now: number, isCrash: boolean): void {
    this.#end(seat, now);
    const stops = [...(this.#stops.get(seat.id) ?? []), { from: now, to: Number.POSITIVE_INFINITY, isCrash }];
    this.#stops.set(seat.id, stops.slice(-STOPS_MAX));
  }

  #end(seat: Seat, now: number): void {
    const stops = this.#stops.get(seat.id) ?? [];
    const ended = stops.map((stop) => (stop.to > now ? { ...stop, to: now } : stop));
    if (stops.length > 0) this.#stops.set(seat.id, ended);
  }
}
