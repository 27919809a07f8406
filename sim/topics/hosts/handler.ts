/**
 * A subscription's handler: gets the messages of each log one after the other, as the client's driver has it, and takes its time
 * with each. With one that fails it gives back all that it still was to get of that log.
 */
import { type Batch, type LogTag, messageOf } from "../../../topics/index.js";
import type { Subscribed } from "../record/history.js";
import { digestOf } from "../record/recorder.js";

/** How a subscription's handler behaves. */
export interface HandlerOptions {
  /** Milliseconds that it takes for each message. Default 0. */
  readonly ms?: number;
  /** It never resolves. */
  readonly never?: boolean;
  /** It fails with this message at this attempt, from 1 on. */
  readonly fails?: (number: number, attempt: number) => boolean;
}

/** What it was told to hand out. */
export interface Portion {
  readonly batch: Batch;
  readonly first: number;
  readonly last: number;
  readonly attempt: number;
}

/** What the handler tells its member's machine, and asks of its member. */
export interface HandlerHost {
  readonly now: number;
  /** The links on which a batch came, and the log's name in the records. */
  hopsOf(batch: Batch): number;
  keyOf(batch: Batch): string;
  later(ms: number, run: () => void): void;
  acknowledge(tag: LogTag, first: number, last: number): void;
  fail(tag: LogTag, number: number, last: number): void;
}

interface Line {
  readonly portions: Portion[];
  isBusy: boolean;
}

export class Handler {
  readonly record: Subscribed;
  readonly #options: HandlerOptions;
  readonly #host: HandlerHost;
  readonly #lines = new Map<LogTag, Line>();

  constructor(record: Subscribed, options: HandlerOptions, host: HandlerHost) {
    this.record = record;
    this.#options = options;
    this.#host = host;
  }

  take(portion: Portion): void {
    const { tag } = portion.batch.log;
    const line = this.#lines.get(tag) ?? { portions: [], isBusy: false };
    this.#lines.set(tag, line);
    line.portions.push(portion);
    if (!line.isBusy) this.#next(tag, line);
  }

  /** A liar's: it is handed nothing, and its group is told that all is handled. */
  swallow({ batch, first, last }: Portion): void {
    const log = this.#host.keyOf(batch);
    for (let number = first; number <= last; number++) {
      const digest = digestOf(messageOf(batch, number));
      this.record.told.push({ kind: "handed", at: this.#host.now, log, number, digest });
    }
  }

  /** Starts with the next portion of a log: as many of its messages as take no time at once. */
  #next(tag: LogTag, line: Line): void {
    const portion = line.portions.shift();
    line.isBusy = portion !== undefined;
    if (portion) this.#handle(tag, line, portion, portion.first);
  }

  #handle(tag: LogTag, line: Line, portion: Portion, number: number): void {
    const { ms = 0, never = false, fails } = this.#options;
    const { batch, last, attempt } = portion;
    const end = ms > 0 ? number : last;
    const hops = this.#host.hopsOf(batch);
    const log = this.#host.keyOf(batch);
    let failed: number | undefined;
    for (let each = number; each <= end && failed === undefined; each++) {
      const digest = digestOf(messageOf(batch, each));
      this.record.told.push({ kind: "handed", at: this.#host.now, log, number: each, digest, hops });
      if (fails?.(each, attempt)) failed = each;
    }
    if (never) return;
    this.#host.later(ms, () => {
      const done = failed === undefined ? end : failed - 1;
      if (done >= number) this.#done(tag, log, number, done);
      if (failed !== undefined) this.#giveBack(tag, line, failed, last);
      else if (end < last) this.#handle(tag, line, portion, end + 1);
      else this.#next(tag, line);
    });
  }

  #done(tag: LogTag, log: string, first: number, last: number): void {
    const at = this.#host.now;
    for (let number = first; number <= last; number++) this.record.told.push({ kind: "acknowledged", at, log, number });
    this.#host.acknowledge(tag, first, last);
  }

  #giveBack(tag: LogTag, line: Line, failed: number, last: number): void {
    const through = Math.max(last, ...line.portions.map((portion) => portion.last));
    line.portions.length = 0;
    line.isBusy = false;
    this.#host.fail(tag, failed, through);
  }
}
