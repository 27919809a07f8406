/**
 * Runs the machine of topics in a process: inputs with the time, effects carried out in their order, one timer for its deadline.
 * What is published in one turn of the event loop is sealed at its end.
 */
import type { Effect, Machine } from "../../topics/index.js";

/** What is published behind a batch that is under way waits for it so long, milliseconds: on a busy machine many go together. */
const GATHER_MS = 4;
/** Signatures checked in one turn of the event loop, at .05 ms each: a flood of batches leaves time for others. */
const CHECKS_PER_TURN = 32;

type Handler<Kind extends Effect["kind"]> = (effect: Extract<Effect, { readonly kind: Kind }>) => void;
/** Who carries out what. */
export type EffectHandlers = { readonly [Kind in Exclude<Effect["kind"], "verify">]: Handler<Kind> };
type Check = Extract<Effect, { readonly kind: "verify" }>;

export interface TopicsDriverOptions {
  readonly machine: Machine;
  readonly handlers: EffectHandlers;
  /** Undefined where no certificate of the signer is known: that is no lie of who passed it on. */
  readonly isSigned: (check: Check) => boolean | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class TopicsDriver {
  readonly #options: TopicsDriverOptions;
  readonly #machine: Machine;
  readonly #checks: Check[] = [];
  #checked = 0;
  #isDraining = false;
  #isFlushing = false;
  /** In this turn it was flushed already: what comes now goes with all that comes until the turn's end. */
  #wasFlushed = false;
  #gathering: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(options: TopicsDriverOptions) {
    this.#options = options;
    this.#machine = options.machine;
  }

  /** What it tells follows at once, unless this is called while effects are carried out: then after those before it. */
  input<T>(run: (machine: Machine, now: number) => T): T {
    const result = run(this.#machine, this.#options.now());
    this.settle();
    return result;
  }

  /** After an input that was made without `input`. `gather`: what is due at the end of the turn may wait for others of its kind. */
  settle(gather = false): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let effects = this.#take(); effects.length > 0; effects = this.#take()) {
        for (const effect of effects) this.#carryOut(effect);
      }
    } finally {
      this.#isDraining = false;
    }
    this.#schedule(gather);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#gathering);
  }

  #take(): readonly Effect[] {
    return this.#isStopped ? [] : this.#machine.takeEffects();
  }

  #carryOut(effect: Effect): void {
    if (effect.kind !== "verify") (this.#options.handlers[effect.kind] as (effect: Effect) => void)(effect);
    else if (this.#checks.push(effect) === 1) this.#check();
  }

  /** At once while there are few; the rest in the next turns. */
  #check(): void {
    while (this.#checks.length > 0 && !this.#isStopped) {
      if (this.#checked === 0) setImmediate(() => this.#nextTurn());
      if (this.#checked >= CHECKS_PER_TURN) return;
      this.#checked += 1;
      const check = this.#checks[0]!;
      const isValid = this.#options.isSigned(check);
      this.#checks.shift();
      this.#machine.verified(check.check, isValid, this.#options.now());
    }
  }

  #nextTurn(): void {
    this.#checked = 0;
    if (this.#checks.length === 0) return;
    this.#check();
    this.settle();
  }

  #schedule(gather: boolean): void {
    const { deadline } = this.#machine;
    if (deadline === undefined || this.#isStopped) return;
    const now = this.#options.now();
    if (deadline <= now && gather) this.#gathering ??= setTimeout(() => this.#flushSoon(), GATHER_MS);
    else if (deadline <= now) this.#flushSoon();
    else if (deadline < this.#timerAt) {
      clearTimeout(this.#timer);
      this.#timerAt = deadline;
      this.#timer = setTimeout(() => this.#tick(), deadline - now);
    }
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    if (this.#wasFlushed) return; // At the turn's end.
    process.nextTick(() => {
      this.#wasFlushed = true;
      setImmediate(() => {
        this.#wasFlushed = false;
        if (this.#isFlushing) this.#flush();
      });
      this.#flush();
    });
  }

  #flush(): void {
    this.#isFlushing = false;
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (!this.#isStopped) this.input((machine, now) => machine.tick(now));
  }

  #tick(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.input((machine, now) => machine.tick(now));
  }
}
