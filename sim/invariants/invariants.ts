/**
 * All invariants as one watcher: give it to a simulation, run, ask. S1 to S6 are watched at every event; L1 to L4 are
 * asked for when faults have stopped, with `problems` as often as one likes, and with `judge` once, which notes them.
 */
import type { Output } from "../../gossip/index.js";
import type { Seat, SimEvent, StatementKind, TrafficKind, Watcher } from "../actor.js";
import { Chance } from "../chance.js";
import { BudgetWatch } from "./budgets.js";
import { epochs } from "./epochs.js";
import { exceptions } from "./exceptions.js";
import { Links } from "./links.js";
import { liveness } from "./liveness.js";
import { Outsiders } from "./outsiders.js";
import { Removals } from "./removals.js";
import { Signatures } from "./signatures.js";
import { type InvariantName, Ledger, type Violation } from "./violation.js";
import type { Watched } from "./watched.js";

export interface InvariantsOptions {
  /** Check what a member holds after every input that changed it, not now and then. Default false. */
  readonly thorough?: boolean;
  /** Count the removal of members with more than t rings in the hands of liars as a violation too. Default false. */
  readonly countExposed?: boolean;
  /** Seed of the outsider of S5, 0 to 2^32 - 1. Default 1. */
  readonly outsiderSeed?: number;
}

export class Invariants implements Watcher {
  readonly #watched: Watched;
  readonly #ledger = new Ledger();
  readonly #removals: Removals;
  readonly #signatures: Signatures;
  readonly #budgets: BudgetWatch;
  readonly #outsiders: Outsiders;
  readonly #cuts = new Links();
  readonly #watchers: readonly Watcher[];

  constructor(watched: Watched, options: InvariantsOptions = {}) {
    const { thorough = false, countExposed = false, outsiderSeed = 1 } = options;
    this.#watched = watched;
    this.#removals = new Removals(this.#ledger, watched, { countExposed });
    this.#signatures = new Signatures(this.#ledger, watched, thorough);
    this.#budgets = new BudgetWatch(this.#ledger, watched);
    this.#outsiders = new Outsiders(this.#ledger, watched, new Chance(outsiderSeed));
    this.#watchers = [this.#removals, epochs(this.#ledger), this.#signatures, this.#budgets, exceptions(this.#ledger)];
  }

  /** The first violations, in their order. */
  violations(): readonly Violation[] {
    return this.#ledger.violations;
  }

  /** How many there were of one invariant. */
  count(invariant: InvariantName): number {
    return this.#ledger.count(invariant);
  }

  /** Removals of correct members that have more than t rings in the hands of liars: nobody promised them anything. */
  get exposedRemovals(): number {
    return this.#removals.exposed;
  }

  /** An outsider tries something on a member (S5): call it as often as outsiders are to be there. */
  outsider(now: number): void {
    this.#outsiders.strike(now);
  }

  /** What is still missing of L1 to L4 at this instant. Notes nothing. */
  problems(): Violation[] {
    return liveness(this.#watched, (a, b) =>
      this.#cuts.wereApart(a, b, this.#watched.members, Number.NEGATIVE_INFINITY),
    );
  }

  /** At the end: L1 to L4 as they are now, and all that members hold. */
  judge(): readonly Violation[] {
    const { members, now } = this.#watched;
    for (const violation of this.problems()) this.#ledger.add(violation);
    for (const seat of members) {
      if (!seat.isCorrect || seat.state === "down") continue;
      this.#signatures.scan(seat, now);
      this.#budgets.scan(seat, now);
    }
    return this.violations();
  }

  afterInput(seat: Seat, now: number): void {
    for (const watcher of this.#watchers) watcher.afterInput?.(seat, now);
  }

  told(seat: Seat, output: Output, now: number): void {
    for (const watcher of this.#watchers) watcher.told?.(seat, output, now);
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    for (const watcher of this.#watchers) watcher.signed?.(seat, type, body, now);
  }

  sent(from: Seat, to: Seat, kind: TrafficKind, bytes: number, now: number): void {
    this.#budgets.sent(from, to, kind, bytes, now);
  }

  threw(seat: Seat, error: unknown, now: number): void {
    for (const watcher of this.#watchers) watcher.threw?.(seat, error, now);
  }

  happened(event: SimEvent, now: number): void {
    for (const watcher of this.#watchers) watcher.happened?.(event, now);
    if (event.kind === "network") this.#cuts.changed(this.#watched, now, Number.POSITIVE_INFINITY);
  }
}

/** All invariants of a simulation. Hand the result to it as a watcher. */
export function invariants(watched: Watched, options?: InvariantsOptions): Invariants {
  return new Invariants(watched, options);
}
