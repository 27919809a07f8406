/** Who stands where, by static ring order over all seats: to choose attackers and victims. */
import { type MemberId, Rings } from "../../../rings/index.js";
import { sha256 } from "./authority.js";
import type { Overlay, Seat } from "./overlay.js";

export class Geometry {
  readonly #rings: Rings;
  readonly #byId = new Map<MemberId, Seat>();

  constructor(overlay: Overlay) {
    this.#rings = new Rings({ count: overlay.ringCount, sha256 });
    for (const seat of overlay.seats.values()) {
      this.#rings.add(seat.id);
      this.#byId.set(seat.id, seat);
    }
  }

  /** Nearest first. */
  predecessors(ring: number, of: Seat, count: number): Seat[] {
    return this.#rings.predecessors(ring, of.id, count).map((id) => this.#byId.get(id)!);
  }

  predecessor(ring: number, of: Seat): Seat {
    return this.predecessors(ring, of, 1)[0]!;
  }

  /** Rings on which one of these stands directly before the victim. */
  ringsHeldBy(seats: readonly Seat[], victim: Seat): number[] {
    return this.rings.filter((ring) => seats.includes(this.predecessor(ring, victim)));
  }

  get rings(): number[] {
    return Array.from({ length: this.#rings.count }, (_, index) => index + 1);
  }
}
