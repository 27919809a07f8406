/**
 * How long messages are kept, and how many bytes of them: by the settings for all topics, and by rules for some. A rule counts for the
 * logs that a member holds of others as it does for its own: who is to be served late needs somebody who has kept it.
 */
import { matches } from "./names.js";
import type { Settings } from "./settings.js";

/** What is left out is as the settings have it. */
export interface Kept {
  /** Milliseconds that a batch is kept, from when it came. */
  readonly ms?: number | undefined;
  /** Bytes of one log, that is of one publisher on one topic. What is newest is kept in any case. */
  readonly bytes?: number | undefined;
}

/** Of the topics that a pattern stands for. */
export interface KeepingRule extends Kept {
  readonly topic: string;
}

/** Topics whose rule is remembered: to look through all rules for each message takes longer than the rest of `publish`. */
const REMEMBERED_MAX = 4_096;

/** Rules in their order: the first whose pattern stands for a topic is the topic's. */
export class KeepingRules {
  #rules: readonly KeepingRule[] = [];
  readonly #found = new Map<string, Kept | undefined>();

  /** The caller has checked the patterns (names.ts) and numbers. */
  use(rules: readonly KeepingRule[]): void {
    this.#rules = rules;
    this.#found.clear();
  }

  of(topic: string): Kept | undefined {
    if (this.#rules.length === 0) return undefined;
    if (this.#found.has(topic)) return this.#found.get(topic);
    const rule = this.#rules.find((each) => matches(each.topic, topic));
    if (this.#found.size >= REMEMBERED_MAX) this.#found.clear();
    this.#found.set(topic, rule);
    return rule;
  }
}

/** What counts for each topic. Read anew each time: both may change while the machine runs (`Machine.keepingChanged`). */
export class Keeping {
  readonly #settings: Settings;
  readonly #rule: (topic: string) => Kept | undefined;

  constructor(settings: Settings, rule: (topic: string) => Kept | undefined = () => undefined) {
    this.#settings = settings;
    this.#rule = rule;
  }

  msOf(topic: string): number {
    return this.#rule(topic)?.ms ?? this.#settings.retentionMs;
  }

  /** Of one log; Infinity when only the bytes of all together are bounded. */
  bytesOf(topic: string): number {
    return this.#rule(topic)?.bytes ?? Number.POSITIVE_INFINITY;
  }
}
