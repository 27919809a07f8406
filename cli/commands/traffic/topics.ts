/** `fireflies publish`, `subscribe` and `topics`: topics of the overlay, by way of a running agent. */
import { createInterface } from "node:readline";
import { type Command, Option } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { publications, publish, type SubscriptionSaid, subscription, TOPICS } from "../../api/caller/calls.js";
import { ANSWER_TIMEOUT_MS, ask, type FrameConnection } from "../../api/caller/client.js";
import { nameOf } from "../../api/place.js";
import { unreadable } from "../../input-file.js";
import { counted, memberTitle, print, shown, table, toJson, writeLine } from "../../output.js";
import { untilTold } from "../../signals.js";
import { type AgentOption, examples, number, withAgent } from "../common.js";
import { opened } from "./stream.js";

/** In place of a text. */
const STANDARD_INPUT = "-";
const TIMEOUT_SECONDS_DEFAULT = 10;
const TIMEOUT_SECONDS_MAX = 3_600;

interface PublishOptions extends AgentOption {
  readonly ack: string;
  readonly durable?: boolean;
  readonly timeout: number;
}

interface SubscribeOptions extends AgentOption, Omit<SubscriptionSaid, "topic"> {}

/** A line of `--json`, and what is told of a message before its bytes. */
interface EventView {
  readonly event: "subscribed" | "message" | "lost" | "forked" | "published";
  readonly topic: string;
  readonly from: string;
  readonly name?: string;
  readonly sequence: number;
  readonly count: number;
}

interface TopicView {
  readonly topic: string;
  readonly subscribers: number;
  readonly published: number;
  readonly settled: number;
  readonly backlog: number;
  readonly heldBytes: number;
  readonly publishedPerSecond: number;
  readonly settledPerSecond: number;
}

export function addTopics(program: Command): void {
  addPublish(program);
  addSubscribe(program);
  addList(program);
}

function addPublish(program: Command): void {
  const command = program.command("publish").description("publish a message on a topic, to all members that subscribe");
  command
    .argument("<topic>", "tokens with dots between them, as orders.eu")
    .argument("[text]", "the message, or - for a message from each line of standard input", STANDARD_INPUT);
  const ack = new Option("--ack <level>", "how safe it is made: sent, held by enough others, acknowledged by all");
  withAgent(command)
    .addOption(ack.choices(["none", "some", "all"]).default("some"))
    .option("--durable", "also on the agent's disk, and sent on after a restart")
    .option(
      "--timeout <seconds>",
      "for each message",
      number(0.001, TIMEOUT_SECONDS_MAX, false),
      TIMEOUT_SECONDS_DEFAULT,
    );
  examples(command, "publish orders.eu '17 bottles'", "publish orders.eu - --ack all --json < orders.txt");
  command.action(async (topic: string, text: string, options: PublishOptions) => {
    const { ack, durable, timeout, json = false } = options;
    const said = { topic, ack, durable, timeoutMs: timeout * 1_000 };
    if (text === STANDARD_INPUT) return await publishLines(await opened(options, publications(said)), json);
    const call = publish(Buffer.from(text), said);
    const answer = (await ask(options, call, said.timeoutMs + ANSWER_TIMEOUT_MS)) as { readonly sequence: number };
    await print(json, answer, `${topic} ${answer.sequence}`);
  });
}

/** Reads on while the agent takes more; each is told when it is safe. */
async function publishLines(connection: FrameConnection, json: boolean): Promise<void> {
  let problem = new FirefliesError("agent-stopped", "The agent ended before all was published.");
  const copied = copyLines(connection).catch((cause: unknown) => {
    problem = unreadable("Standard input", cause);
    connection.close();
  });
  let count = 0;
  try {
    for await (const { kind, data } of connection.frames) {
      if (kind === "end") {
        await copied;
        if (!json) await writeLine(counted(count, "message", "messages"));
        return;
      }
      count += 1;
      if (json) await writeLine(toJson(eventIn(data)));
    }
    throw problem;
  } finally {
    connection.close();
    process.stdin.destroy();
  }
}

async function copyLines(connection: FrameConnection): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    await connection.send("data", Buffer.from(line));
  }
  await connection.send("end");
}

function addSubscribe(program: Command): void {
  const command = program.command("subscribe").description("print the messages of a topic as they come");
  command.argument("<topic>", "a topic, or a pattern: * is one token, > the rest");
  withAgent(command)
    .option("--durable <name>", "goes on where the last one of this name was, also after a restart of the agent")
    .option("--queue <name>", "the group that shares the messages: each goes to one of this name")
    .option("--last", "first the newest message of each publisher");
  examples(command, "subscribe orders.eu", "subscribe 'orders.*' --durable billing --json");
  command.action(async (topic: string, options: SubscribeOptions) => {
    const { durable, queue, last, json = false } = options;
    const told = untilTold();
    const connection = await opened(options, subscription({ topic, durable, queue, last }));
    told.addEventListener("abort", () => void connection.send("end"), { once: true });
    try {
      await show(connection, json);
    } finally {
      connection.close();
    }
    if (!told.aborted) throw new FirefliesError("agent-stopped", `${nameOf(options)} has ended.`);
  });
}

/** What is printed counts as handled. */
async function show(connection: FrameConnection, json: boolean): Promise<void> {
  let head: EventView | undefined;
  let handled = 0;
  for await (const { kind, data } of connection.frames) {
    if (kind === "end") return;
    const event = kind === "data" ? undefined : eventIn(data);
    if (event?.event === "message") head = event;
    else if (event !== undefined) await writeLine(json ? toJson(event) : eventLine(event));
    else if (head !== undefined) {
      await writeLine(json ? toJson({ ...head, ...contentOf(data) }) : messageLine(head, data));
      handled += 1;
      await connection.send("event", Buffer.from(JSON.stringify({ handled })));
    }
  }
}

function eventIn(data: Uint8Array): EventView {
  return JSON.parse(Buffer.from(data).toString("utf8")) as EventView;
}

/** As text where it is text. */
function contentOf(data: Uint8Array): { readonly text: string } | { readonly base64: string } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data) };
  } catch {
    return { base64: Buffer.from(data).toString("base64") };
  }
}

function messageLine({ topic, from, name, sequence }: EventView, data: Uint8Array): string {
  const content = contentOf(data);
  const text = "text" in content ? shown(content.text) : `(${data.length} bytes)`;
  return `${topic} ${memberTitle({ id: from, name })} ${sequence}: ${text}`;
}

function eventLine(event: EventView): string {
  const { topic } = event;
  if (event.event === "subscribed") return `subscribed to ${topic}`;
  const from = memberTitle({ id: event.from, name: event.name });
  if (event.event === "lost") return `${topic}: ${counted(event.count, "message", "messages")} of ${from} lost`;
  return `${topic}: ${from} has signed two messages ${event.sequence}`;
}

function addList(program: Command): void {
  const command = withAgent(
    program.command("topics").description("the topics that the agent speaks of: subscribers, rates, backlog"),
  );
  examples(command, "topics", "topics --json");
  command.action(async (options: AgentOption) => {
    const topics = (await ask(options, TOPICS)) as readonly TopicView[];
    await print(options.json ?? false, topics, topicTable(topics));
  });
}

function topicTable(topics: readonly TopicView[]): string {
  const rows = topics.map((each) => [
    each.topic,
    String(each.subscribers),
    ...[each.published, each.publishedPerSecond, each.settled, each.settledPerSecond].map(String),
    ...[each.backlog, each.heldBytes].map(String),
  ]);
  return table([["TOPIC", "SUBSCRIBERS", "PUBLISHED", "PER S", "HANDLED", "PER S", "BACKLOG", "BYTES"], ...rows]);
}
