/** What an invariant says when it does not hold, and where such words are gathered. */

/** Invariants of docs/simulator.md: S1-S6 and T2-T5 must hold at every instant, L1-L4 and T1 once faults have stopped. */
export type InvariantName =
  | "S1"
  | "S2"
  | "S3"
  | "S4"
  | "S5"
  | "S6"
  | "L1"
  | "L2"
  | "L3"
  | "L4"
  | "T1"
  | "T2"
  | "T3"
  | "T4"
  | "T5"
  | "T6";

export interface Violation {
  readonly invariant: InvariantName;
  /** Virtual milliseconds. */
  readonly at: number;
  /** The name of the member that it concerns: the one that was lost, that threw, that holds what it must not. */
  readonly member: string;
  /** One sentence, without a full stop. */
  readonly text: string;
}

/** Violations kept: the first ones tell what went wrong, a broken rule makes one per member and event. */
const VIOLATIONS_MAX = 1000;

/** The first violations in their order, and how many there were of each invariant. */
export class Ledger {
  readonly #violations: Violation[] = [];
  readonly #counts = new Map<InvariantName, number>();

  add(violation: Violation): void {
    this.#counts.set(violation.invariant, this.count(violation.invariant) + 1);
    if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push(violation);
  }

  get violations(): readonly Violation[] {
    return this.#violations;
  }

  /** Of one invariant, those beyond the kept ones included. */
  count(invariant: InvariantName): number {
    return this.#counts.get(invariant) ?? 0;
  }
}
