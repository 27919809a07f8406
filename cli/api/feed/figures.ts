/** What runs through a member, read while somebody looks: counts, lag of the event loop, topics, links. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { AgentClient } from "../../agent-client.js";
import type { Figures } from "./form.js";

/** Between two readings, milliseconds. */
export const FIGURES_MS = 2_000;
/** Topics told, those with the most backlog first: a page shows no more. */
const TOPICS_MAX = 64;
/** How often the event loop's lag is looked at, milliseconds. */
const LAG_LOOK_MS = 20;

export type Counted = Pick<AgentClient, "info" | "topics">;

/** Reads the figures every FIGURES_MS from now on, the first at once, until `close`. */
export class FigureClock {
  readonly #client: Counted;
  readonly #now: () => number;
  readonly #delay = monitorEventLoopDelay({ resolution: LAG_LOOK_MS });
  readonly #timer: NodeJS.Timeout;
  #before: { readonly at: number; readonly published: ReadonlyMap<string, number> } | undefined;

  constructor(client: Counted, now: () => number, onFigures: (figures: Figures) => void) {
    this.#client = client;
    this.#now = now;
    this.#delay.enable();
    this.#timer = setInterval(() => onFigures(this.#read()), FIGURES_MS).unref();
    onFigures(this.#read());
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #read(): Figures {
    const at = this.#now();
    const topics = this.#client.topics();
    const before = this.#before;
    const seconds = before === undefined ? 0 : (at - before.at) / 1_000;
    const rateOf = (topic: string, published: number) =>
      seconds <= 0 ? 0 : rounded(Math.max(0, published - (before?.published.get(topic) ?? 0)) / seconds);
    this.#before = { at, published: new Map(topics.map(({ topic, published }) => [topic, published])) };
    const { traffic, paths } = this.#client.info();
    const { messagesIn, messagesOut, bytesIn, bytesOut, streams } = traffic;
    return {
      ...{ at, messagesIn, messagesOut, bytesIn, bytesOut, streams },
      lagMs: this.#lag(),
      topics: topics
        .map(({ topic, backlog, published }) => ({ topic, backlog, rate: rateOf(topic, published) }))
        .sort((a, b) => b.backlog - a.backlog)
        .slice(0, TOPICS_MAX),
      links: paths,
    };
  }

  /** The monitor's own pause is part of what it measures. */
  #lag(): number {
    const worst = this.#delay.max / 1e6 - LAG_LOOK_MS;
    this.#delay.reset();
    return Number.isFinite(worst) ? Math.max(0, rounded(worst)) : 0;
  }
}

function rounded(value: number): number {
  return Math.round(10 * value) / 10;
}
