/** What paths know of a member: where it stands, whom it can be reached through, and what it does with what it relays. */
import type { Seat } from "../actor.js";

export interface Host extends Seat {
  /** Counts its machines: a session belongs to one life of either side. */
  readonly life: number;
  /** Its host answers for it while it is down: nobody listens there. */
  readonly refuses: boolean;
  /** It sits behind a NAT: nobody can dial it. */
  readonly isBehindNat: boolean;
  /** Counts the mappings of its NAT: what was made under an earlier one is dead, and neither side is told. */
  readonly mapping: number;
  /** The members through which it can be reached, by its latest note. */
  readonly relays: readonly Host[];
  /** What it does with traffic between these two that it is to relay. */
  relaying(from: Host, to: Host): Relaying;
}

/**
 * What a relay does with what it is handed: "pass" it on; "drop" it without a word; "refuse" it, as if it were not for this
 * caller; say that the other one is "gone"; or pass it on so many milliseconds later.
 */
export type Relaying = "pass" | "drop" | "refuse" | "gone" | number;
