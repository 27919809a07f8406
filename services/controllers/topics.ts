/**
 * The kind `topics`: messages of a topic go to an HTTP server of another program, one request for each. An answer of 2xx acknowledges
 * a message; after any other, or none, it comes again, and after the last attempt it is published on another topic, if one is named.
 */
import type { Client } from "../../client/client.js";
import { boolean, duration, integer, line, type Parser } from "../../client/config/values.js";
import { requirePattern, requireTokenName, requireTopic } from "../../client/topics/options.js";
import type { Subscription, TopicMessage } from "../../client/topics/types.js";
import { FirefliesError, messageOf } from "../../identity/index.js";
import type { ControllerFigures, ControllerKind } from "./kind.js";
import { checked, parseSettings, type SettingTable } from "./settings.js";

/** Characters of a topic, a name, a URL. */
const TEXT_MAX = 4_096;
const IN_FLIGHT = { min: 1, max: 1_024 };
const ATTEMPTS = { min: 1, max: 1_000 };
/** Milliseconds for an answer: a shorter one cuts what works, a longer one holds up what follows. */
const TIMEOUT_MS = { min: 100, max: 600_000 };
const TIMEOUT_DEFAULT_MS = 30_000;

interface TopicsSettings {
  readonly topic: string;
  readonly post: string;
  readonly durable?: string | undefined;
  readonly queue?: string | undefined;
  readonly last?: boolean | undefined;
  readonly inFlight?: number | undefined;
  readonly attempts?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly deadLetter?: string | undefined;
}

const text = line(TEXT_MAX);
const name = (what: string) => checked(text, (value) => requireTokenName(what, value));
const url: Parser<string> = checked(text, (value) => {
  if (!["http:", "https:"].includes(new URL(value).protocol)) throw new Error("It is no http:// or https:// URL.");
});

const TABLE: SettingTable<TopicsSettings> = {
  topic: { file: "topic", parse: checked(text, requirePattern) },
  post: { file: "post", parse: url },
  durable: { file: "durable", parse: name("durable") },
  queue: { file: "queue", parse: name("queue") },
  last: { file: "last", parse: boolean },
  inFlight: { file: "in_flight", parse: integer(IN_FLIGHT) },
  attempts: { file: "attempts", parse: integer(ATTEMPTS) },
  timeoutMs: { file: "timeout", parse: duration(TIMEOUT_MS) },
  deadLetter: { file: "dead_letter", parse: checked(text, requireTopic) },
};

export const TOPICS: ControllerKind<TopicsSettings> = {
  kind: "topics",
  parse: (raw, at) => parseSettings(TABLE, ["topic", "post"], raw, at),
  async start(client, settings, report) {
    const posting = new Posting(client, settings);
    const { topic, durable, queue, last, attempts, inFlight, deadLetter } = settings;
    const subscription = await client.subscribe(topic, {
      ...{ durable, queue, last, attempts, maxInFlight: inFlight, handlerTimeout: 2 * posting.timeoutMs },
      handler: (message) => posting.post(message),
      deadLetter: deadLetter === undefined ? undefined : (message) => posting.bury(message, deadLetter),
      onEvent: ({ kind, topic: of, from }) =>
        report.event(`topic-${kind}`, { topic: of, from: from.id }, `${of}: ${kind}`),
    });
    return {
      at: `${topic} to ${settings.post}`,
      figures: () => posting.figures(subscription),
      stop: () => subscription.drain(),
    };
  },
};

class Posting {
  readonly timeoutMs: number;
  readonly #client: Client;
  readonly #url: string;
  #bytes = 0;
  #lastError: ControllerFigures["lastError"];

  constructor(client: Client, { post, timeoutMs = TIMEOUT_DEFAULT_MS }: TopicsSettings) {
    this.#client = client;
    this.#url = post;
    this.timeoutMs = timeoutMs;
  }

  figures({ figures: { inFlight } }: Subscription): ControllerFigures {
    return { streams: inFlight, bytesIn: 0, bytesOut: this.#bytes, lastError: this.#lastError };
  }

  async post(message: TopicMessage): Promise<void> {
    try {
      const body = message.data.slice();
      const signal = AbortSignal.timeout(this.timeoutMs);
      const answer = await fetch(this.#url, { method: "POST", body, headers: headersOf(message), signal });
      await answer.body?.cancel();
      if (!answer.ok) throw new FirefliesError("http-status", `${this.#url} answered ${answer.status}.`);
      this.#bytes += body.length;
    } catch (error) {
      const code = error instanceof FirefliesError ? error.code : "target-unreachable";
      this.#lastError = { code, message: messageOf(error), at: Date.now() };
      throw error;
    }
  }

  /** As it came, on another topic. */
  async bury({ data }: TopicMessage, topic: string): Promise<void> {
    await this.#client.publish(topic, data);
  }
}

function headersOf({ topic, from, sequence, at, redelivered }: TopicMessage): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    // A topic may hold any letters, and a header only some of them.
    "fireflies-topic": encodeURIComponent(topic),
    "fireflies-from": from.id,
    ...(from.name !== undefined && { "fireflies-name": from.name }),
    "fireflies-sequence": String(sequence),
    "fireflies-at": String(at),
    "fireflies-redelivered": String(redelivered),
  };
}
