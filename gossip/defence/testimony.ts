/**
 * Who says that accusations against my present note stand (rule R20). Their words are unsigned. Liars stand directly before
 * me on at most t rings, so when the speakers stand there on more, one of them is correct.
 */
import type { MemberId } from "../../rings/index.js";
import { TELLERS_MAX } from "../limits.js";

export class Testimony {
  readonly #tellers = new Set<MemberId>();
  /** For each ring that they name, those on which the tellers may stand before me. */
  readonly #standing = new Map<number, Set<number>>();

  /** `standingOf`: on which rings the teller may stand directly before me; asked once for each teller. */
  hear(teller: MemberId, named: number, standingOf: () => Iterable<number>): void {
    if (this.#tellers.has(teller) || this.#tellers.size >= TELLERS_MAX) return;
    this.#tellers.add(teller);
    const standing = this.#standing.get(named) ?? new Set();
    for (const ring of standingOf()) standing.add(ring);
    this.#standing.set(named, standing);
  }

  /** The rings that more than `tolerance` of them vouch for. */
  proven(tolerance: number): number[] {
    return [...this.#standing].filter(([, standing]) => standing.size > tolerance).map(([named]) => named);
  }

  /** For a new note: what was said of the one before is answered. */
  clear(): void {
    this.#tellers.clear();
    this.#standing.clear();
  }
}
