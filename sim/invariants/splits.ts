/**
 * The part of L2 about liars: correct views may differ on whether a liar is a member, but not for long without a break. A
 * liar can say something new at any instant, so that no instant need find all views equal; yet what one view holds against
 * it all views hold within Delta, and then either take it out or have its answer.
 *
 * A view that makes it wait (rule R13) is on neither side: waits are local memory, and may differ by 20 Delta and more.
 * Nothing is asked of views that began, or went on after a stop, less than the bound ago, or while a fault of the network
 * that cuts links is there or was within the bound.
 */
import type { MemberId } from "../../rings/index.js";
import type { Seat } from "../actor.js";
import type { Ledger, Violation } from "./violation.js";

/**
 * The bound, in multiples of Delta. What is said of it reaches all within one, stands for two, and its answer reaches all
 * within one more: twice that, for an answer that comes as late as it may, and is itself accused once.
 */
const SPLIT_DELTAS = 8;

/** Views that differ on one liar. */
interface Split {
  /** Virtual milliseconds; there was no break since. */
  readonly since: number;
  readonly inside: number;
  readonly outside: number;
  readonly isNoted: boolean;
}

/** What correct members are asked at one instant. */
export interface Views {
  readonly now: number;
  readonly liars: readonly Seat[];
  /** Correct ones that count. */
  readonly viewers: readonly Seat[];
  /** A fault of the network cuts links, or did so within the bound. */
  readonly isDisturbed: boolean;
}

export class Splits {
  readonly #ledger: Ledger;
  readonly #boundMs: number;
  readonly #splits = new Map<MemberId, Split>();
  readonly #agreedAt = new Map<MemberId, number>();

  constructor(ledger: Ledger, deltaMs: number) {
    this.#ledger = ledger;
    this.#boundMs = SPLIT_DELTAS * deltaMs;
  }

  get boundMs(): number {
    return this.#boundMs;
  }

  /** Looks at the views, and notes what has lasted too long: each such split once. */
  sample({ now, liars, viewers, isDisturbed }: Views): void {
    const settled = viewers.filter(({ startedAt, backAt }) => now - Math.max(startedAt, backAt) > this.#boundMs);
    // One that is down, and comes again, begins anew.
    for (const id of this.#splits.keys()) if (!liars.some((liar) => liar.id === id)) this.#splits.delete(id);
    for (const liar of liars) {
      const [inside, outside] = sidesOf(liar, settled);
      const isAgreed = inside === 0 || outside === 0;
      if (isAgreed) this.#agreedAt.set(liar.id, now);
      if (isAgreed || isDisturbed) {
        this.#splits.delete(liar.id);
        continue;
      }
      const { since = now, isNoted = false } = this.#splits.get(liar.id) ?? {};
      const isLasting = now - since > this.#boundMs;
      const split = { since, inside, outside, isNoted: isNoted || isLasting };
      this.#splits.set(liar.id, split);
      if (isLasting && !isNoted) this.#ledger.add(violationOf(liar, split, now));
    }
  }

  /** Those that last too long at this instant. */
  lasting({ now, liars }: Pick<Views, "now" | "liars">): Violation[] {
    return liars.flatMap((liar) => {
      const split = this.#splits.get(liar.id);
      return split?.isNoted ? [violationOf(liar, split, now)] : [];
    });
  }

  /** Were all views seen to agree on each of these since then, if not at one instant? */
  haveAgreed(liars: readonly Seat[], since: number): boolean {
    return liars.every(({ id }) => (this.#agreedAt.get(id) ?? Number.NEGATIVE_INFINITY) >= since);
  }
}

/** How many of these views hold it as a member, and how many do not. */
function sidesOf(liar: Seat, viewers: readonly Seat[]): [inside: number, outside: number] {
  let [inside, outside] = [0, 0];
  for (const { machine } of viewers) {
    const standing = machine.standing(liar.id);
    if (standing === "live" || standing === "suspected") inside += 1;
    else if (standing !== "waiting") outside += 1;
  }
  return [inside, outside];
}

function violationOf({ name }: Seat, { since, inside, outside }: Split, at: number): Violation {
  const seconds = (since / 1_000).toFixed(1);
  const text = `a liar, is in ${inside} correct views and not in ${outside} others, without a break since ${seconds} s`;
  return { invariant: "L2", at, member: name, text };
}
