/**
 * Messages on their way to NATS, in order: each counts as delivered when NATS has said that it holds it. What fails is sent again
 * with all that came behind it, after growing pauses, until it is held; JetStream takes each once, by its id.
 */
import type { FirefliesError } from "../../../identity/index.js";
import type { Headers } from "./marks.js";

/** One message, ready to be sent. */
export interface Leaving {
  readonly id: string;
  readonly topic: string;
  readonly subject: string;
  readonly headers: Headers;
  readonly data: Uint8Array;
  /** NATS holds it. */
  readonly held: () => void;
}

export interface ExporterOptions {
  /** Resolves when NATS holds it. Rejects with a FirefliesError. The same promise for those that NATS says of at once. */
  readonly send: (leaving: Leaving) => Promise<void>;
  /** NATS holds it. */
  readonly onSent: (leaving: Leaving) => void;
  readonly onTrouble: (error: FirefliesError) => void;
  readonly later: (run: () => void, ms: number) => () => void;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Messages of which NATS says at once that it holds them. */
interface Together {
  readonly sent: Promise<void>;
  readonly leavings: Leaving[];
}

/** Milliseconds after the first failure, and at most. */
const PAUSE_MS = { least: 500, most: 30_000 };
/** Messages that are sent and not held yet: JetStream answers thousands a second. */
const UNDER_WAY_MAX = 1_024;

export class Exporter {
  readonly #options: ExporterOptions;
  /** In order; the subscription bounds them by what it hands out without an acknowledgement. */
  readonly #waiting = new Map<string, Leaving>();
  /** Ids of those that are not sent in this round, from `#next` on. */
  #queue: string[] = [];
  #next = 0;
  #underWay = 0;
  /** What was sent last, in this round. */
  #last: Together | undefined;
  #round = 0;
  #failures = 0;
  #cancel: (() => void) | undefined;
  #isRunning = false;

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  /** Not held yet. */
  get size(): number {
    return this.#waiting.size;
  }

  /** One that is there already, handed out again, is held once for both. */
  add(leaving: Leaving): void {
    const known = this.#waiting.get(leaving.id);
    if (known !== undefined) {
      const held = () => [known, leaving].map((each) => each.held());
      this.#waiting.set(leaving.id, { ...known, held });
      return;
    }
    this.#waiting.set(leaving.id, leaving);
    this.#queue.push(leaving.id);
    this.#pump();
  }

  /** NATS is there: all that waits is sent, in order. */
  begin(): void {
    this.#isRunning = true;
    this.#again();
  }

  /** NATS is away: what comes waits. */
  pause(): void {
    this.#isRunning = false;
    this.#newRound();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #again(): void {
    this.#cancel = undefined;
    this.#newRound();
    this.#pump();
  }

  /** All that waits is to be sent, in order; what becomes of earlier tries counts, and moves nothing on. */
  #newRound(): void {
    this.#round += 1;
    this.#last = undefined;
    this.#underWay = 0;
    this.#queue = [...this.#waiting.keys()];
    this.#next = 0;
  }

  #pump(): void {
    if (!this.#isRunning || this.#cancel !== undefined) return;
    while (this.#underWay < UNDER_WAY_MAX && this.#next < this.#queue.length) {
      const leaving = this.#waiting.get(this.#queue[this.#next++] as string);
      if (leaving !== undefined) this.#send(leaving);
    }
    if (this.#next < this.#queue.length && this.#next < UNDER_WAY_MAX) return;
    this.#queue = this.#queue.slice(this.#next);
    this.#next = 0;
  }

  #send(leaving: Leaving): void {
    this.#underWay += 1;
    const sent = this.#options.send(leaving);
    if (this.#last?.sent === sent) this.#last.leavings.push(leaving);
    else void this.#await({ sent, leavings: [leaving] });
  }

  async #await(together: Together): Promise<void> {
    const round = this.#round;
    this.#last = together;
    try {
      await together.sent;
    } catch (error) {
      if (round === this.#round) this.#failed(error as FirefliesError);
      return;
    }
    for (const leaving of together.leavings) this.#held(leaving);
    if (round !== this.#round) return;
    if (this.#last === together) this.#last = undefined;
    this.#failures = 0;
    this.#underWay -= together.leavings.length;
    this.#pump();
  }

  #held(leaving: Leaving): void {
    const now = this.#waiting.get(leaving.id);
    this.#waiting.delete(leaving.id);
    this.#options.onSent(leaving);
    now?.held();
  }

  #failed(error: FirefliesError): void {
    this.#newRound();
    this.#failures += 1;
    this.#options.onTrouble(error);
    if (!this.#isRunning) return;
    const pause = Math.min(PAUSE_MS.least * 2 ** Math.min(this.#failures - 1, 16), PAUSE_MS.most);
    this.#cancel = this.#options.later(() => this.#again(), pause * (1 - 0.2 * this.#options.random()));
  }
}
