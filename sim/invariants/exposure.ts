/**
 * Members that nobody promises anything: those with liars directly before them on more rings than a mask may disable.
 * A ring count makes that improbable (docs/protocol.md, section 2), never impossible, and small networks least of all.
 */

import { parseStatement } from "../../gossip/index.js";
import { type MemberId, Rings, tolerance } from "../../rings/index.js";
import type { Seat } from "../actor.js";
import { dateProblem } from "../crypto/crypto.js";
import type { Watched } from "./watched.js";
import type { NextTo } from "./ways.js";

export class Exposure {
  readonly #watched: Watched;
  #rings: Rings | undefined;
  readonly #seats = new Map<MemberId, Seat>();

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /**
   * On more than t rings the first before it that is not down, or past its dates, is Byzantine. A Byzantine one counts also then,
   * and so does a further identity of one, when the observer holds its certificate.
   */
  isExposed(seat: Seat, observer: Seat): boolean {
    const rings = this.#built(observer);
    let held = 0;
    for (let ring = 1; ring <= rings.count; ring++) {
      const before = rings.predecessor(ring, seat.id, this.#isDown);
      if (before && this.#seats.get(before)?.isCorrect !== true) held += 1;
    }
    return held > tolerance(rings.count);
  }

  /**
   * Of each member the correct ones among the first before and after it on each ring that are not down. To be asked at this
   * instant only.
   */
  correctNeighbours(observer: Seat): NextTo<Seat> {
    const rings = this.#built(observer);
    const known = new Map<Seat, readonly Seat[]>();
    const find = ({ id }: Seat) =>
      [...rings.neighbours(id, this.#isDown)].flatMap((other) => this.#seats.get(other) ?? []).filter(isCorrect);
    return (seat) => {
      const neighbours = known.get(seat) ?? find(seat);
      known.set(seat, neighbours);
      return neighbours;
    };
  }

  readonly #isDown = (id: MemberId): boolean => {
    const other = this.#seats.get(id);
    if (other?.isCorrect !== true) return false;
    return other.state !== "up" || dateProblem(other.certificate, this.#watched.wall) !== undefined;
  };

  /** Identities only ever come. */
  #built(observer: Seat): Rings {
    const { members, ringCount, crypto } = this.#watched;
    this.#rings ??= new Rings({ count: ringCount, sha256: crypto.sha256 });
    for (const seat of members.slice(this.#seats.size)) {
      this.#rings.add(seat.id);
      this.#seats.set(seat.id, seat);
    }
    for (const bytes of observer.machine.statements()) {
      const claim = parseStatement(bytes);
      if (claim?.kind !== "certificate") continue;
      const verdict = crypto.check({ kind: "certificate", chain: claim.chain }, this.#watched.wall);
      if (verdict.ok && verdict.certificate) this.#rings.add(verdict.certificate.id);
    }
    return this.#rings;
  }
}

function isCorrect(seat: Seat): boolean {
  return seat.isCorrect;
}
