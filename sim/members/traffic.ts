/** What a member has sent, in bytes by kind, without the headers of the layers below. */
import type { TrafficKind } from "../actor.js";

/** The place of each kind. Counted for every packet, so in an array and not in a map. */
const PLACES: Readonly<Record<TrafficKind, number>> = {
  call: 0,
  answer: 1,
  ping: 2,
  pong: 3,
  summons: 4,
  gossip: 5,
  message: 6,
  relayed: 7,
};
const KINDS = Object.keys(PLACES) as readonly TrafficKind[];

export class Traffic {
  readonly #bytes = new Float64Array(KINDS.length);

  count(kind: TrafficKind, bytes: number): void {
    this.#bytes[PLACES[kind]]! += bytes;
  }

  byKind(): Readonly<Record<TrafficKind, number>> {
    const entries = KINDS.map((kind) => [kind, this.#bytes[PLACES[kind]]!] as const);
    return Object.fromEntries(entries) as Record<TrafficKind, number>;
  }
}
