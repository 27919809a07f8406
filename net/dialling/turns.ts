/**
 * Who may look a name up next. Few look-ups run at once; each asker has few of them, and the askers take turns, so that
 * one with many names does not hold up the others. Askers whose look-ups have failed of late share half of the places:
 * however many they are, the others find one.
 */

export interface TurnLimits {
  /** At once, in all. */
  readonly runningMax: number;
  /** At once, of one asker. */
  readonly perAskerMax: number;
  /** Waiting, of one asker. */
  readonly waitingPerAskerMax: number;
  /** Waiting, in all. */
  readonly waitingMax: number;
}

/** A look-up. Several askers may wait for it; it runs in the first turn that one of them gets. */
export interface Job {
  started: boolean;
  /** Never rejects. False when it failed, which counts against the asker in whose turn it ran. */
  run(asker: string): Promise<boolean>;
}

/** How long a failure counts against its asker, milliseconds: longer than the longest pause of a name. */
const BAD_MS = 10 * 60_000;
/** Askers whose failures are remembered. */
const BAD_MAX = 4_096;

export class Turns {
  readonly #limits: TurnLimits;
  readonly #self: string;
  readonly #now: () => number;
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Job[]>();
  readonly #running = new Map<string, number>();
  readonly #bad = new Map<string, number>();
  #waitingCount = 0;
  #runningCount = 0;
  #runningOfBad = 0;

  /** `self` is the asker of names of the configuration: never bad, with half of the places for its own. */
  constructor(limits: TurnLimits, self: string, now: () => number) {
    this.#limits = limits;
    this.#self = self;
    this.#now = now;
  }

  /** Jobs under way and waiting. */
  get figures(): { readonly running: number; readonly waiting: number } {
    return { running: this.#runningCount, waiting: this.#waitingCount };
  }

  /** False when too many wait already. */
  add(asker: string, job: Job): boolean {
    const own = this.#waiting.get(asker) ?? [];
    if (own.includes(job)) return true;
    const { waitingPerAskerMax, waitingMax } = this.#limits;
    const isOver = asker !== this.#self && own.length >= waitingPerAskerMax;
    if (isOver || this.#waitingCount >= waitingMax) return false;
    this.#waiting.set(asker, own);
    own.push(job);
    this.#waitingCount++;
    this.#startNext();
    return true;
  }

  /** Has a look-up of this asker failed of late? */
  isBad(asker: string): boolean {
    return this.#now() < (this.#bad.get(asker) ?? Number.NEGATIVE_INFINITY);
  }

  clear(): void {
    this.#waiting.clear();
    this.#waitingCount = 0;
  }

  #startNext(): void {
    for (;;) {
      const asker = this.#next();
      if (asker === undefined) return;
      const job = this.#take(asker);
      if (!job.started) void this.#run(asker, job);
    }
  }

  #next(): string | undefined {
    if (this.#runningCount >= this.#limits.runningMax) return undefined;
    let bad: string | undefined;
    for (const asker of this.#waiting.keys()) {
      if ((this.#running.get(asker) ?? 0) >= this.#placesOf(asker)) continue;
      if (!this.isBad(asker)) return asker;
      bad ??= asker;
    }
    return this.#runningOfBad < this.#half ? bad : undefined;
  }

  #placesOf(asker: string): number {
    return asker === this.#self ? this.#half : this.#limits.perAskerMax;
  }

  get #half(): number {
    return Math.max(1, Math.floor(this.#limits.runningMax / 2));
  }

  /** Its first job; the asker goes to the end of the line. */
  #take(asker: string): Job {
    const own = this.#waiting.get(asker) as Job[];
    const job = own.shift() as Job;
    this.#waitingCount--;
    this.#waiting.delete(asker);
    if (own.length > 0) this.#waiting.set(asker, own);
    return job;
  }

  async #run(asker: string, job: Job): Promise<void> {
    job.started = true;
    const isBad = Number(this.isBad(asker));
    this.#count(asker, 1, isBad);
    const succeeded = await job.run(asker);
    this.#count(asker, -1, -isBad);
    if (succeeded) this.#bad.delete(asker);
    else if (asker !== this.#self) this.#remember(asker);
    this.#startNext();
  }

  #count(asker: string, by: number, ofBad: number): void {
    const running = (this.#running.get(asker) ?? 0) + by;
    if (running === 0) this.#running.delete(asker);
    else this.#running.set(asker, running);
    this.#runningCount += by;
    this.#runningOfBad += ofBad;
  }

  #remember(asker: string): void {
    this.#bad.delete(asker);
    this.#bad.set(asker, this.#now() + BAD_MS);
    const oldest = this.#bad.keys().next().value;
    if (this.#bad.size > BAD_MAX && oldest !== undefined) this.#bad.delete(oldest);
  }
}
