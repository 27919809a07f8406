/**
 * One run of a plan: a phase with faults, in which nothing bad may happen, then a quiet one, in which all good must follow
 * (after TigerBeetle's VOPR). Time is virtual; whoever runs it measures how long that takes.
 */
import type { Behaviour, Seat, Watcher } from "../actor.js";
import { Ensemble } from "../adversaries/ensemble.js";
import { adversary, EVERY_ADVERSARY, RELAY_ADVERSARIES } from "../adversaries/index.js";
import type { SimCrypto } from "../crypto/crypto.js";
import { fakeCrypto } from "../crypto/fake-crypto.js";
import { invariants } from "../invariants/invariants.js";
import type { Violation } from "../invariants/violation.js";
import { Simulation } from "../simulation.js";
import { FalseAccusations } from "./accusations.js";
import { Changes } from "./changes.js";
import { firstDates } from "./endings.js";
import { History } from "./history.js";
import { type CryptoName, LATENCIES, type Plan } from "./plan.js";
import { inSeconds } from "./quantiles.js";
import type { Measured, MemberFigures, Result } from "./result.js";
import { Stage } from "./stage.js";
import { Tally } from "./tally.js";
import { Trace } from "./trace.js";

export interface RunOptions {
  /** For plans that ask for something other than the fake. */
  readonly cryptos?: Readonly<Partial<Record<CryptoName, () => SimCrypto>>>;
  /** Also gather what a report shows: samples, and what the adversaries did. Default false. */
  readonly withHistory?: boolean;
  /** Names of members to trace, such as "m3". */
  readonly trace?: readonly string[];
  /** Also told what happens. */
  readonly watcher?: Watcher;
}

export interface Progress {
  readonly phase: "faults" | "quiet";
  /** Virtual milliseconds so far; the quiet phase ends early when all has settled. */
  readonly now: number;
  readonly end: number;
  readonly events: number;
  readonly violations: number;
}

/** Virtual milliseconds of a step. */
const STEP_MS = 100;
/** An outsider tries something this often (S5), virtual milliseconds. */
const OUTSIDER_EVERY_MS = 1_000;
/** Samples over the phase with faults. */
const SAMPLES = 150;
/**
 * The bound on the quiet phase, in multiples of Delta: 90 s in a LAN. Partitions heal within 20 Delta, a crash is out of all
 * views within 10; a member that was removed for the third time waits 40 Delta for its return (rule R13).
 */
const QUIET_DELTAS = 60;
/** In the quiet phase it is asked this often whether all has settled, in milliseconds per member: asking costs N squared. */
const ASK_MS_PER_MEMBER = 1;
const ASK_MS_MIN = 200;

export class Run {
  readonly plan: Plan;
  readonly simulation: Simulation;
  readonly #checks: ReturnType<typeof invariants>;
  readonly #changes: Changes;
  readonly #accusations = new FalseAccusations();
  readonly #history: History | undefined;
  readonly #tally: Tally;
  readonly #trace: Trace | undefined;
  readonly #stage: Stage;
  readonly #faultsEnd: number;
  readonly #upMs = new Map<Seat, number>();
  #phase: "faults" | "quiet" | "over" = "faults";
  #sampleAt = 0;
  #outsiderAt = OUTSIDER_EVERY_MS;
  #askAt = 0;
  #settledAfter: number | null = null;

  /** Throws RangeError for a plan that names no adversary, crypto or range of values that there is. */
  constructor(plan: Plan, options: RunOptions = {}) {
    let simulation: Simulation | undefined;
    const members = () => simulation?.members ?? [];
    const crypto = cryptoOf(plan, options);
    this.plan = plan;
    this.#faultsEnd = 1_000 * plan.seconds;
    this.#checks = invariants({ outsiderSeed: plan.seed, countExposed: plan.countExposed });
    this.#changes = new Changes(members);
    this.#history = options.withHistory ? new History(members) : undefined;
    this.#tally = new Tally(members);
    this.#trace = options.trace === undefined ? undefined : new Trace(options.trace, members);
    const optional = [this.#history, this.#history && this.#tally, this.#trace, options.watcher];
    simulation = new Simulation({
      ...plan,
      network: {
        ...plan.network,
        latency: LATENCIES[plan.network.latency],
        bytesPerSecond: plan.network.bytesPerSecond ?? Number.POSITIVE_INFINITY,
      },
      behaviours: this.#behaviours(plan, options.withHistory ?? false),
      dates: firstDates(plan),
      watchers: [
        this.#checks,
        this.#changes,
        this.#accusations,
        ...optional.filter((watcher) => watcher !== undefined),
      ],
      crypto,
    });
    this.simulation = simulation;
    this.#checks.attach(simulation);
    this.#accusations.attach(simulation);
    this.#stage = new Stage(simulation, plan, (seat) => this.#changes.described(seat, this.simulation.now));
  }

  /** What they do as members, and what as relays. */
  #behaviours(plan: Plan, isCounted: boolean): () => Behaviour[] {
    const { adversaries, nat = 0 } = plan;
    const isAll = adversaries.includes("all");
    const ofRelays = isAll && nat > 0 ? RELAY_ADVERSARIES : adversaries.filter((name) => isOfRelays(name));
    const ofMembers = isAll ? EVERY_ADVERSARY : adversaries.filter((name) => !isOfRelays(name));
    const parts = [ofMembers, ofRelays].map((names) => this.#together(names, isCounted));
    return () => parts.flatMap((create) => create());
  }

  /** Several at once take turns where only one can answer, as "all" does. */
  #together(names: readonly string[], isCounted: boolean): () => Behaviour[] {
    const made = names.map((name) => {
      const known = adversary(name);
      if (!known) throw new RangeError(`there is no adversary "${name}"`);
      return { name, create: () => known.create() };
    });
    const create = ({ name, create: plain }: (typeof made)[number]) =>
      isCounted ? this.#tally.counted(name, plain()) : plain();
    const [single, ...others] = made;
    if (!single) return () => [];
    return () => [others.length === 0 ? create(single) : new Ensemble("several", made.map(create))];
  }

  /** Goes on a little. False: it is over. */
  step(): boolean {
    if (this.#phase === "over") return false;
    const { simulation } = this;
    simulation.run(STEP_MS);
    this.#countUp();
    const { now } = simulation;
    if (now >= this.#outsiderAt) {
      this.#outsiderAt += OUTSIDER_EVERY_MS;
      this.#checks.outsider(now);
    }
    this.#sample(now);
    if (this.#phase === "faults" && now >= this.#faultsEnd) {
      this.#phase = "quiet";
      this.#stage.end();
      this.#askAt = now;
    }
    if (this.#phase === "quiet" && now >= this.#askAt) this.#ask(now);
    return this.#goesOn();
  }

  /** To its end. */
  finish(): this {
    while (this.step());
    return this;
  }

  get progress(): Progress {
    const { now, events } = this.simulation;
    const isQuiet = this.#phase !== "faults";
    return {
      phase: isQuiet ? "quiet" : "faults",
      now,
      end: isQuiet ? this.#faultsEnd + this.#quietMs() : this.#faultsEnd,
      events,
      violations: this.violations().length,
    };
  }

  /** So far, in their order. */
  violations(): readonly Violation[] {
    return this.#checks.violations();
  }

  /** All that was measured so far; of a run that is over its result. */
  measured(): Measured {
    const { plan } = this;
    const isByzantine = ({ isCorrect }: Seat) => !isCorrect;
    return {
      plan,
      result: this.result(),
      changes: this.#changes.records(),
      samples: this.#history?.samples ?? [],
      members: this.simulation.members.map((seat) => this.#figuresOf(seat)),
      adversaries: this.simulation.members.some(isByzantine) ? this.#tally.adversaries() : [],
      rejections: this.#tally.rejections(),
      trace: this.#trace?.lines() ?? [],
    };
  }

  result(): Result {
    const { simulation } = this;
    const changes = this.#changes.records();
    const crashes = changes.filter(({ kind }) => kind === "crashed");
    const others = changes.filter(({ kind }) => kind !== "crashed");
    const correct = simulation.members.filter(({ isCorrect }) => isCorrect).map((seat) => this.#figuresOf(seat));
    const upSeconds = sum(correct.map((figures) => figures.upSeconds));
    return {
      digest: simulation.digest(),
      violations: this.violations(),
      falseRemovals: this.#checks.count("S1") + this.#checks.exposedRemovals,
      exposedRemovals: this.#checks.exposedRemovals,
      falseAccusations: this.#accusations.count,
      detectionFirst: inSeconds(crashes.flatMap(({ accusedAfter }) => accusedAfter ?? [])),
      detectionAll: inSeconds(crashes.flatMap(({ everywhereAfter }) => everywhereAfter ?? [])),
      dissemination: inSeconds(others.flatMap(({ learnt }) => learnt)),
      bytesPerMemberSecond: upSeconds > 0 ? round(sum(correct.map(({ bytes }) => bytes)) / upSeconds, 1) : 0,
      events: simulation.events,
      correctMemberHours: round(upSeconds / 3_600, 4),
      simulatedSeconds: round(simulation.now / 1_000, 3),
      settledAfter: this.#settledAfter,
    };
  }

  #figuresOf(seat: Seat): MemberFigures {
    const bytes = sum(Object.values(this.simulation.traffic(seat)));
    return { name: seat.name, isCorrect: seat.isCorrect, bytes, upSeconds: (this.#upMs.get(seat) ?? 0) / 1_000 };
  }

  /** By steps: a member that went down within one counts for all or nothing of it. */
  #countUp(): void {
    for (const seat of this.simulation.members) {
      if (seat.state === "up") this.#upMs.set(seat, (this.#upMs.get(seat) ?? 0) + STEP_MS);
    }
  }

  #sample(now: number): void {
    if (!this.#history || now < this.#sampleAt) return;
    this.#sampleAt = now + Math.max(STEP_MS, this.#faultsEnd / SAMPLES);
    this.#history.sample(now);
  }

  #quietMs(): number {
    return QUIET_DELTAS * this.plan.settings.deltaMs;
  }

  #ask(now: number): void {
    this.#askAt = now + Math.max(ASK_MS_MIN, ASK_MS_PER_MEMBER * this.simulation.members.length);
    const isSettled = this.#checks.problems().length === 0 && this.#checks.haveAgreedOnLiars(this.#faultsEnd);
    if (isSettled) this.#settledAfter = (now - this.#faultsEnd) / 1_000;
    if (isSettled || now >= this.#faultsEnd + this.#quietMs()) this.#end();
  }

  #end(): void {
    this.#phase = "over";
    this.#checks.judge();
  }

  #goesOn(): boolean {
    return this.#phase !== "over";
  }
}

function isOfRelays(name: string): boolean {
  return RELAY_ADVERSARIES.includes(name);
}

/** Runs a plan to its end. */
export function simulate(plan: Plan, options?: RunOptions): Measured {
  return new Run(plan, options).finish().measured();
}

function cryptoOf({ crypto }: Plan, { cryptos = {} }: RunOptions): SimCrypto {
  const make = cryptos[crypto] ?? (crypto === "fake" ? fakeCrypto : undefined);
  if (!make) throw new RangeError(`nothing brings the crypto "${crypto}"`);
  return make();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(factor * value) / factor;
}
