/** Writes down what happens with topics while a simulation runs. */
import type { MemberId } from "../../../rings/index.js";
import type { Level, LogName, LogTag } from "../../../topics/index.js";
import { Mixer } from "../../crypto/mixer.js";
import {
  type Fate,
  type History,
  type LogKey,
  logKey,
  type Proven,
  type Published,
  type Subscribed,
} from "./history.js";

/** A member in one life. */
interface Life {
  readonly name: string;
  readonly id: MemberId;
  isCorrect: boolean;
  downAt: number | undefined;
}

export class Recorder {
  readonly #lives: Life[] = [];
  readonly #published: Published[] = [];
  readonly #unsafe = new Map<LogTag, Published[]>();
  readonly #subscriptions: Subscribed[] = [];
  readonly #proven: Proven[] = [];
  readonly #keys = new Map<LogTag, LogKey>();

  /** A life begins. Returns its number. */
  began(life: Life): number {
    this.#lives.push(life);
    return this.#lives.length - 1;
  }

  ended(life: number, at: number): void {
    this.#lives[life]!.downAt ??= at;
  }

  corrupted(life: number): void {
    this.#lives[life]!.isCorrect = false;
  }

  keyOf({ tag, publisher, life, topic }: LogName): LogKey {
    const known = this.#keys.get(tag) ?? logKey(publisher, life, topic);
    this.#keys.set(tag, known);
    return known;
  }

  published(life: number, log: LogName, message: { number: number; data: Uint8Array; level: Level; at: number }): void {
    const { number, data, level, at } = message;
    const published = {
      log: this.keyOf(log),
      topic: log.topic,
      number,
      digest: digestOf(data),
      member: life,
      at,
      level,
    };
    this.#published.push(published);
    if (level === "none") return;
    const waiting = this.#unsafe.get(log.tag) ?? [];
    this.#unsafe.set(log.tag, waiting);
    waiting.push(published);
  }

  safe(log: LogName, level: Level, through: number, at: number): void {
    const waiting = this.#unsafe.get(log.tag) ?? [];
    for (const message of waiting) if (message.level === level && message.number <= through) message.safeAt = at;
    this.#unsafe.set(
      log.tag,
      waiting.filter(({ safeAt }) => safeAt === undefined),
    );
  }

  subscription(
    life: number,
    { pattern, queue, isDurable }: Pick<Subscribed, "pattern" | "queue" | "isDurable">,
    at: number,
  ): Subscribed {
    const subscribed: Subscribed = { member: life, pattern, queue, isDurable: isDurable === true, at, told: [] };
    this.#subscriptions.push(subscribed);
    return subscribed;
  }

  proven(log: LogName, at: number): void {
    this.#proven.push({ publisher: log.publisher, log: this.keyOf(log), at });
  }

  history(end: number): History {
    const fates: readonly Fate[] = this.#lives;
    return { end, fates, published: this.#published, subscriptions: this.#subscriptions, proven: this.#proven };
  }
}

export function digestOf(data: Uint8Array): string {
  return new Mixer().bytes(data).digest();
}
