/**
 * What others say of accusations against my present note (rule R20). Their words are unsigned, so one of them proves
 * nothing; but liars stand directly before me on t rings at most, so what members say who stand there on more rings than
 * that, one correct judge says.
 */
import type { MemberId } from "../rings/index.js";
import { TELLERS_MAX } from "./limits.js";

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
