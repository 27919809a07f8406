/** A small overlay with liars in it, and what became of it: who lost whom, what was refused and why, what was checked. */
import type { Output } from "../../../gossip/index.js";
import { tolerance } from "../../../rings/index.js";
import type { Actor, Behaviour, Seat, Watcher } from "../../../sim/actor.js";
import { adversary } from "../../../sim/adversaries/index.js";
import { orderOf } from "../../../sim/adversaries/tools/order.js";
import type { SimCrypto } from "../../../sim/crypto/crypto.js";
import { fakeCrypto } from "../../../sim/crypto/fake-crypto.js";
import type { SimulationOptions } from "../../../sim/options.js";
import { Simulation } from "../../../sim/simulation.js";

export interface TrialOptions extends Partial<SimulationOptions> {
  /** Behaviours of every liar, by name, or made by the test. */
  readonly liars: readonly string[] | (() => readonly Behaviour[]);
}

/** Liars of 24 by default: a sixth. */
const MEMBERS = 24;
const BYZANTINE = 4;

export class Trial implements Watcher {
  readonly sim: Simulation;
  /** "what: reason" of all that correct members refused, and how often. */
  readonly refused = new Map<string, number>();
  /** "observer: victim reason" for each correct member that left a correct view while it was up. */
  readonly losses: string[] = [];
  readonly errors: unknown[] = [];
  /** What correct machines told. */
  readonly outputs: Output[] = [];
  /** Signatures and certificates that were checked, by type. */
  readonly checks = new Map<string, number>();

  constructor(options: TrialOptions) {
    const { liars, ...rest } = options;
    const make =
      typeof liars === "function" ? liars : () => liars.map((name) => adversary(name)?.create() as Behaviour);
    this.sim = new Simulation({
      members: MEMBERS,
      byzantine: BYZANTINE,
      seed: 1,
      behaviours: make,
      watchers: [this],
      crypto: this.#counting(options.crypto ?? fakeCrypto()),
      ...rest,
    });
  }

  get correct(): Seat[] {
    return this.sim.members.filter((seat) => seat.isCorrect && seat.state === "up");
  }

  get liars(): Actor[] {
    return this.sim.members.filter((seat) => !seat.isCorrect) as Actor[];
  }

  /** Correct members with more than t rings in liars' hands: nothing is promised to them, and a trial should have none. */
  get exposed(): Seat[] {
    const [liar] = this.liars;
    if (!liar) return [];
    const order = orderOf(liar);
    const isHeld = (seat: Seat) => order.all().filter((ring) => order.last(ring, seat)?.isCorrect === false).length;
    return this.correct.filter((seat) => isHeld(seat) > tolerance(this.sim.ringCount));
  }

  seconds(count: number): this {
    this.sim.run(1000 * count);
    return this;
  }

  count(kind: Output["kind"]): number {
    return this.outputs.filter((output) => output.kind === kind).length;
  }

  refusals(what: string): number {
    return this.refused.get(what) ?? 0;
  }

  checked(type: string): number {
    return this.checks.get(type) ?? 0;
  }

  /** Does every correct view hold every correct member? */
  get isWhole(): boolean {
    return this.correct.every((seat) => this.correct.every(({ id }) => id === seat.id || seat.machine.member(id)));
  }

  /** How many correct members hold this one as live. */
  holders({ id }: Seat): number {
    return this.correct.filter(({ machine }) => machine.member(id) !== undefined).length;
  }

  told(seat: Seat, output: Output): void {
    if (!seat.isCorrect) return;
    this.outputs.push(output);
    if (output.kind === "rejected") add(this.refused, `${output.what}: ${output.reason}`);
    if (output.kind !== "failed" && output.kind !== "left") return;
    const lost = this.sim.members.find(({ id }) => id === output.member.id);
    if (lost?.isCorrect && lost.state === "up") this.losses.push(`${seat.name}: ${lost.name} ${output.kind}`);
  }

  threw(_seat: Seat, error: unknown): void {
    this.errors.push(error);
  }

  #counting(crypto: SimCrypto): SimCrypto {
    const check: SimCrypto["check"] = (asked, wall) => {
      add(this.checks, asked.kind === "signature" ? asked.type : asked.kind);
      return crypto.check(asked, wall);
    };
    return {
      sha256: crypto.sha256,
      issue: (name, dates) => crypto.issue(name, dates),
      rotate: () => crypto.rotate(),
      signRevocations: (list) => crypto.signRevocations(list),
      check,
    };
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
