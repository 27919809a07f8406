/**
 * Calls about topics: one message, many messages on an upgraded connection, and a subscription that lives as long as its connection.
 * What a reader was sent counts as handled when it says so; what it has not said is handed out again.
 */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { PUBLISH_TIMEOUT_MS } from "../../../client/topics/options.js";
import type {
  AckLevel,
  PublishOptions,
  SubscribeOptions,
  Subscription,
  TopicEvent,
  TopicInfo,
  TopicMessage,
} from "../../../client/topics/types.js";
import { malformed } from "../failure.js";
import type { Hosted } from "../host.js";
import { failureOf } from "../http-failure.js";
import { type AppParts, taken } from "../parts.js";
import { FRAMES, frames, plainJson, type WireFrame, writeFrame } from "../wire.js";
import { addCall, type Call, type CallSpec, requestOf, schemaOf } from "./calling.js";
import {
  ANY_LIST,
  ANY_OBJECT,
  MESSAGE_BODY_BYTES_MAX,
  PUBLICATION,
  PUBLICATION_BODY,
  SUBSCRIPTION,
} from "./schemas.js";
import { upgradeOf, whenClosed } from "./stream-calls.js";

/** What a call may take beside the time of what it asks for, milliseconds. */
const SLACK_MS = 5_000;
/** Messages of one connection that are published and not acknowledged yet: it is read on when there are fewer. */
const PUBLISHING_MAX = 256;
/** Rates are measured over so long, milliseconds. */
const RATE_MS = 1_000;

type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export function addTopicCalls(app: FastifyInstance, parts: AppParts): void {
  const topics: CallSpec = {
    method: "GET",
    path: "/v1/topics",
    summary: "The topics that the member speaks of: subscribers, messages a second, backlog. Takes a second.",
    answer: ANY_LIST,
  };
  addCall(app, parts, topics, ({ member, signal }) => topicViews(member.client, signal));
  const publish: CallSpec = {
    method: "POST",
    path: "/v1/publications",
    body: PUBLICATION_BODY,
    bodyBytesMax: MESSAGE_BODY_BYTES_MAX,
    answer: ANY_OBJECT,
    summary: "Publishes a message on a topic; answers when it is as safe as asked for.",
    deadlineMs: ({ timeoutMs }) => (typeof timeoutMs === "number" ? timeoutMs : PUBLISH_TIMEOUT_MS) + SLACK_MS,
  };
  addCall(app, parts, publish, publishOne);
  const upgraded = (path: string, summary: string, query: Readonly<Record<string, object>>, run: Running) => {
    const schema = schemaOf({
      summary: `${summary} Upgraded to ${FRAMES}: docs/daemon.md.`,
      query,
      answer: ANY_OBJECT,
    });
    app.get(path, { schema }, (request, reply) => begin(request, reply.raw, parts, () => reply.hijack(), run));
  };
  upgraded("/v1/publications", "Publishes many messages on a topic.", PUBLICATION, publishMany);
  upgraded("/v1/subscriptions", "Subscribes to a topic for as long as the connection lasts.", SUBSCRIPTION, subscribe);
}

/** What there is of each topic, with messages a second. */
async function topicViews(client: Hosted["client"], signal: AbortSignal): Promise<object[]> {
  const before = new Map(client.topics().map((each) => [each.topic, each]));
  const startedAt = performance.now();
  await sleep(RATE_MS, undefined, { signal });
  const seconds = (performance.now() - startedAt) / 1_000;
  const rate = (now: number, then = now) => Math.round(((now - then) / seconds) * 10) / 10;
  return client.topics().map((info: TopicInfo) => ({
    ...info,
    publishedPerSecond: rate(info.published, before.get(info.topic)?.published ?? 0),
    settledPerSecond: rate(info.settled, before.get(info.topic)?.settled ?? 0),
  }));
}

async function publishOne({ member, body, signal }: Call): Promise<object> {
  const {
    topic,
    data,
    ack = "some",
    ...rest
  } = body as unknown as {
    readonly topic: string;
    readonly data: string;
    readonly ack?: AckLevel;
    readonly durable?: boolean;
    readonly timeoutMs?: number;
  };
  const { durable = false, timeoutMs } = rest;
  const options = { ack, durable, signal, ...(timeoutMs !== undefined && { timeout: timeoutMs }) };
  return { ...(await member.client.publish(topic, Buffer.from(data, "base64"), options)), ack };
}

/** On its connection: what the caller says, and how to answer. Rejects with what it is told. */
type Running = (member: Hosted, query: Query, connection: Connection) => Promise<void>;

interface Connection {
  readonly said: AsyncGenerator<WireFrame, void>;
  /** Fires when the caller has gone, or the agent ends. */
  readonly gone: AbortSignal;
  readonly event: (event: object) => Promise<void>;
  readonly data: (data: Uint8Array) => Promise<void>;
  readonly end: () => Promise<void>;
}

async function begin(
  request: FastifyRequest,
  response: Parameters<typeof taken>[1],
  parts: AppParts,
  hijack: () => void,
  run: Running,
): Promise<void> {
  const upgrade = upgradeOf(request, parts);
  const { member, query } = requestOf(request, parts);
  hijack();
  const socket: Socket = taken(upgrade, response, FRAMES);
  const gone = whenClosed(socket, parts.closing);
  try {
    await run(member, query, {
      ...{ said: frames(socket), gone },
      event: (event) => writeFrame(socket, "event", Buffer.from(plainJson(event))),
      data: (data) => writeFrame(socket, "data", data),
      end: () => writeFrame(socket, "end"),
    });
  } catch (error) {
    await writeFrame(socket, "error", Buffer.from(plainJson(failureOf(error).body)));
  } finally {
    socket.end();
  }
}

// --- Many messages ---

async function publishMany({ client }: Hosted, query: Query, { said, gone, event, end }: Connection): Promise<void> {
  const topic = String(query.topic ?? "");
  const { timeoutMs } = query;
  const options: PublishOptions = {
    ...{ ack: ackOf(query), durable: query.durable === "true", signal: gone },
    ...(timeoutMs !== undefined && { timeout: Number(timeoutMs) }),
  };
  const under: Promise<void>[] = [];
  for await (const { kind, data } of said) {
    if (kind === "end") break;
    if (kind !== "data") throw malformed(`A publication carries data, not ${kind}.`);
    // In their order, and each told when those before it are.
    const published = client.publish(topic, data, options);
    const before = under.at(-1);
    const told = published.then(async (of) => {
      await before;
      await event({ event: "published", ...of });
    });
    told.catch(() => {}); // Awaited below.
    under.push(told);
    if (under.length >= PUBLISHING_MAX) await under.shift();
  }
  await Promise.all(under);
  await end();
}

function ackOf({ ack }: Query): AckLevel {
  return ack === "none" || ack === "all" ? ack : "some";
}

// --- A subscription ---

async function subscribe({ client }: Hosted, query: Query, connection: Connection): Promise<void> {
  const { durable, queue } = query;
  const topic = String(query.topic ?? "");
  const options: SubscribeOptions = {
    ...(durable !== undefined && { durable: String(durable) }),
    ...(queue !== undefined && { queue: String(queue) }),
    ...{ last: query.last === "true", signal: connection.gone },
    onEvent: (event) => void connection.event(eventView(event)),
  };
  const subscription = await client.subscribe(topic, options);
  try {
    await connection.event({ event: "subscribed", topic, durable, queue });
    await Promise.race([pass(subscription, connection), over(connection.gone)]);
  } finally {
    await subscription.unsubscribe();
  }
}

/** Sends messages; the caller says how many of them it has handled so far. Resolves when it has enough. */
async function pass(subscription: Subscription, { said, event, data }: Connection): Promise<void> {
  const sent: TopicMessage[] = [];
  let handled = 0;
  const sending = (async () => {
    for await (const message of subscription) {
      sent.push(message);
      await event(messageView(message));
      await data(message.data);
    }
  })();
  sending.catch(() => {}); // Awaited below.
  const reading = (async () => {
    for await (const frame of said) {
      if (frame.kind === "end") return;
      for (const count = handledIn(frame); handled < count && sent.length > 0; handled++) sent.shift()?.ack();
    }
  })();
  await Promise.race([reading, sending]);
  await subscription.unsubscribe();
  await sending;
}

function handledIn({ kind, data }: WireFrame): number {
  const said =
    kind === "event" ? (JSON.parse(Buffer.from(data).toString("utf8")) as { readonly handled?: unknown }) : {};
  if (typeof said?.handled === "number") return said.handled;
  throw malformed('A reader of a subscription says { "handled": NUMBER }.');
}

/** The bytes follow in a frame of their own. */
function messageView({ topic, from: { id, name }, sequence, at, redelivered }: TopicMessage): object {
  return { event: "message", topic, from: id, name, sequence, at, redelivered };
}

function eventView(event: TopicEvent): object {
  const { topic, from } = event;
  const about = { topic, from: from.id, name: from.name };
  if (event.kind === "lost") return { event: "lost", ...about, count: event.count };
  return { event: "forked", ...about, sequence: event.sequence, proof: Buffer.from(event.proof).toString("base64") };
}

function over(gone: AbortSignal): Promise<void> {
  if (gone.aborted) return Promise.resolve();
  return new Promise((resolve) => gone.addEventListener("abort", () => resolve(), { once: true }));
}
