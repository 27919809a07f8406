/**
 * All invariants as one watcher: give it to a simulation, run, ask. S1 to S6 are watched at every event; L1 to L4 are
 * asked for when faults have stopped, with `problems` as often as one likes, and with `judge` once, which notes them.
 */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat, SimEvent, StatementKind, TrafficKind, Watcher } from "../actor.js";
import { Chance } from "../chance.js";
import type { SimCrypto } from "../crypto/crypto.js";
import type { Simulation } from "../simulation.js";
import { BudgetWatch } from "./budgets.js";
import { Certificates } from "./certificates.js";
import { epochs } from "./epochs.js";
import { exceptions } from "./exceptions.js";
import { Links } from "./links.js";
import { liveness, viewersOf } from "./liveness.js";
import { Outsiders } from "./outsiders.js";
import { Removals } from "./removals.js";
import { Signatures } from "./signatures.js";
import { Splits } from "./splits.js";
import { aftermathMs } from "./stops.js";
import { type InvariantName, Ledger, type Violation } from "./violation.js";
import { type Watched, watchedOf } from "./watched.js";

export interface InvariantsOptions {
  /** Check what a member holds after every input that changed it, not now and then. Default false. */
  readonly thorough?: boolean;
  /** Count the removal of members with more than t rings in the hands of liars as a violation too. Default false. */
  readonly countExposed?: boolean;
  /** What signatures are checked with. Default: the simulation's. */
  readonly crypto?: SimCrypto;
  /** Seed of the outsider of S5, 0 to 2^32 - 1. Default 1. */
  readonly outsiderSeed?: number;
}

interface Parts {
  readonly watched: Watched;
  readonly removals: Removals;
  readonly signatures: Signatures;
  readonly budgets: BudgetWatch;
  readonly outsiders: Outsiders;
  readonly certificates: Certificates;
  readonly splits: Splits;
  /** All faults that ever kept two members apart. */
  readonly cuts: Links;
}

/** Views are compared on liars twice per Delta, or so seldom in milliseconds per member: it costs N squared. */
const SAMPLE_MS_PER_MEMBER = 1;

export class Invariants implements Watcher {
  readonly #options: InvariantsOptions;
  readonly #ledger = new Ledger();
  readonly #revoked = new Set<MemberId>();
  #watchers: Watcher[];
  #parts: Parts | undefined;
  #splitsAt = 0;

  constructor(options: InvariantsOptions = {}) {
    this.#options = options;
    this.#watchers = [epochs(this.#ledger), exceptions(this.#ledger)];
  }

  /** The simulation that it was given to as a watcher; to be called before that runs. */
  attach(simulation: Simulation): this {
    const { thorough = false, countExposed = false, outsiderSeed = 1, crypto } = this.#options;
    const watched = watchedOf(simulation, crypto);
    const certificates = new Certificates(aftermathMs(watched.settings));
    certificates.begin(watched.members);
    const removals = new Removals(this.#ledger, watched, certificates, { countExposed });
    const signatures = new Signatures(this.#ledger, watched, thorough);
    const budgets = new BudgetWatch(this.#ledger, watched);
    const outsiders = new Outsiders(this.#ledger, watched, new Chance(outsiderSeed));
    this.#watchers = [...this.#watchers, removals, signatures, budgets];
    const cuts = new Links(watched.settings.deltaMs);
    const splits = new Splits(this.#ledger, watched.settings.deltaMs);
    this.#parts = { watched, removals, signatures, budgets, outsiders, certificates, splits, cuts };
    return this;
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
    return this.#attached().removals.exposed;
  }

  /** Would it be a violation of S1 if this view lost this member now? */
  isPromised(observer: Seat, member: Seat, now: number): boolean {
    return this.#attached().removals.isPromised(observer, member, now);
  }

  /** An outsider tries something on a member (S5): call it as often as outsiders are to be there. */
  outsider(now: number): void {
    this.#attached().outsiders.strike(now);
  }

  /** What is still missing of L1 to L4 at this instant. Notes nothing. */
  problems(): Violation[] {
    const { watched, splits } = this.#attached();
    return [...this.#missing(), ...splits.lasting({ now: watched.now, liars: liarsOf(watched) })];
  }

  /** Of L1 to L4 all but splits, which are noted as they grow too old. */
  #missing(): Violation[] {
    const { watched, cuts, certificates } = this.#attached();
    const wereApart = (a: Seat, b: Seat) => cuts.wereApart(a, b, watched.members, Number.NEGATIVE_INFINITY);
    return liveness(watched, { revoked: this.#revoked, certificates, wereApart });
  }

  /** Have all correct views been seen to agree on each liar since then? */
  haveAgreedOnLiars(since: number): boolean {
    const { watched, splits } = this.#attached();
    return splits.haveAgreed(liarsOf(watched), since);
  }

  #sampleSplits({ watched, certificates, splits, cuts }: Parts): void {
    const { now } = watched;
    const viewers = viewersOf(watched, { revoked: this.#revoked, certificates });
    const isDisturbed = cuts.wereSomeBad(now - splits.boundMs);
    splits.sample({ now, liars: liarsOf(watched), viewers, isDisturbed });
    this.#splitsAt = now + Math.max(watched.settings.deltaMs / 2, SAMPLE_MS_PER_MEMBER * watched.members.length);
  }

  /** At the end: L1 to L4 as they are now, and all that members hold. */
  judge(): readonly Violation[] {
    const { watched, signatures, budgets } = this.#attached();
    this.#sampleSplits(this.#attached());
    for (const violation of this.#missing()) this.#ledger.add(violation);
    for (const seat of watched.members) {
      if (!seat.isCorrect || seat.state === "down") continue;
      signatures.scan(seat, watched.now);
      budgets.scan(seat, watched.now);
    }
    return this.violations();
  }

  afterInput(seat: Seat, now: number): void {
    for (const watcher of this.#watchers) watcher.afterInput?.(seat, now);
    if (this.#parts && now >= this.#splitsAt) this.#sampleSplits(this.#parts);
  }

  told(seat: Seat, output: Output, now: number): void {
    for (const watcher of this.#watchers) watcher.told?.(seat, output, now);
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    for (const watcher of this.#watchers) watcher.signed?.(seat, type, body, now);
  }

  sent(from: Seat, to: Seat, kind: TrafficKind, bytes: number, now: number): void {
    this.#parts?.budgets.sent(from, to, kind, bytes, now);
  }

  threw(seat: Seat, error: unknown, now: number): void {
    for (const watcher of this.#watchers) watcher.threw?.(seat, error, now);
  }

  happened(event: SimEvent, now: number): void {
    for (const watcher of this.#watchers) watcher.happened?.(event, now);
    this.#parts?.certificates.happened(event, now);
    if (event.kind === "revoked") this.#revoked.add(event.seat.id);
    if (event.kind !== "network" || !this.#parts) return;
    const { cuts, watched } = this.#parts;
    cuts.changed(watched.network.faults, now, Number.POSITIVE_INFINITY);
  }

  #attached(): Parts {
    if (!this.#parts) throw new Error("the invariants are attached to no simulation");
    return this.#parts;
  }
}

function liarsOf({ members }: Watched): Seat[] {
  return members.filter(({ isCorrect, state }) => !isCorrect && state === "up");
}

/**
 * All invariants:
 *
 *     const checks = invariants();
 *     const simulation = new Simulation({ members: 20, seed: 1, watchers: [checks] });
 *     checks.attach(simulation);
 */
export function invariants(options?: InvariantsOptions): Invariants {
  return new Invariants(options);
}
