/** A member as a process: starts a Client, serves its control socket, tells what happens on stdout, leaves when told. */

import { levelOfAlarm } from "../client/alarm-level.js";
import { type MemberConfig, optionsOf } from "../client/config/index.js";
import { Client } from "../client/index.js";
import { claimControlPath, releaseControlPath } from "../client/state/control-path.js";
import { isDiskRefusing } from "../client/state/lock.js";
import { DRAIN_MS_MAX } from "../client/talk/drain-deadline.js";
import type { Change, MessageStream, Sender } from "../client/types.js";
import { containedLogger, FirefliesError, messageOf, sha256 } from "../identity/index.js";
import { onAbort } from "../net/index.js";
import { alarmLines, RecentAlarms } from "./api/recent-alarms.js";
import { ApiServer } from "./api/server.js";
import type { AgentProcess } from "./api/status.js";
import { drained } from "./drained.js";
import { Log, type LogOptions } from "./log/log.js";
import type { LogFeed } from "./log/log-feed.js";
import { memberTitle, shown } from "./output.js";
import { fired, untilTold } from "./signals.js";
import { VERSION } from "./version.js";
import { changeLine, changeView } from "./views.js";

export interface AgentRun {
  readonly config: MemberConfig;
  readonly dir: string;
  readonly log: LogOptions;
  /** What to answer; undefined answers with the message itself. */
  readonly reply: string | undefined;
  readonly whileStdin: boolean;
  /** Milliseconds for what is open when it is told to end. */
  readonly drainMs: number;
  /** The start is over. */
  readonly onReady: () => void;
}

/** Characters of a message that are told: it is a log, not a copy. */
const TOLD_TEXT_MAX = 200;
/** Their bytes in UTF-8, at most. */
const TOLD_BYTES_MAX = 4 * TOLD_TEXT_MAX;

export async function runAgent(run: AgentRun): Promise<void> {
  const { waitMs = Number.POSITIVE_INFINITY } = run.config;
  const entries = new Log(run.log);
  const log = new AgentLog(entries);
  // The rest the agent tells itself, with more of what it knows.
  const logger = { ...containedLogger(undefined), debug: entries.debug.bind(entries) };
  const client = new Client({ ...optionsOf({ ...run.config, waitMs }), logger });
  const startedAt = Date.now();
  let isHurried = false;
  const onSecond = () => {
    isHurried = true;
    void client.stop({ drain: 0 });
  };
  const told = untilTold({ input: run.whileStdin ? process.stdin : undefined, onSecond });
  const alarms = new RecentAlarms();
  registerHandlers(client, log, run.reply);
  client.registerAlarmHandler((alarm) => {
    alarms.add(alarm, Date.now());
    log.alarm(alarm);
  });
  await client.start({ signal: told }).catch((error: unknown) => {
    throw told.aborted && told.reason === "input" ? inputEnded() : error;
  });
  const { dir } = run;
  const agent = { version: VERSION, dir, startedAt, alarms: () => alarms.list() };
  const control = await openControl(client, agent, log);
  const changes = tellChanges(client, log);
  const { id, name, address } = client.self;
  const me = memberTitle({ id, name });
  const members = client.members().length;
  log.event("ready", { id, name, address, members, dir }, `${me} is ready at ${address}, ${companyText(members)}`);
  run.onReady();
  await fired(AbortSignal.any([told, client.stopping]));
  log.event("stopping", { id, name }, `${me} is stopping; what is open may end`);
  control?.stopListening();
  await releaseControlPath(run.dir); // While the lock is still ours.
  await stopped(client, told, run.drainMs);
  const isolated = await changes;
  await control?.close();
  const wasOut = isolated && `; it was isolated (${isolated})`;
  log.event("stopped", { id, name, ...(isolated && { isolated }) }, `${me} has left${wasOut ?? ""}`);
  await entries.close();
  if (isHurried && log.hasCut) throw new FirefliesError("cancelled", "A second signal cut what was still open.");
}

function inputEnded(): FirefliesError {
  return new FirefliesError("cancelled", "Standard input ended before this member was ready.", {
    advice: "Keep it open, or leave out --while-stdin.",
  });
}

/** A signal waits as long as the agent's `--drain` says. `leave` waits as long as its own `--drain` says, until a signal comes. */
async function stopped(client: Client, told: AbortSignal, drainMs: number): Promise<void> {
  const unwatch = onAbort(told, () => void client.stop({ drain: drainMs }));
  await client.stop({ drain: DRAIN_MS_MAX }); // No less than what was asked for.
  unwatch();
}

/** A member that sees nobody is the first one, or has raised an alarm. */
function companyText(members: number): string {
  if (members === 0) return "and sees nobody yet";
  return members === 1 ? "with one other member" : `with ${members} other members`;
}

/** Undefined where the disk takes no socket: the member is there for the others all the same. */
async function openControl(client: Client, agent: AgentProcess, log: AgentLog): Promise<ApiServer | undefined> {
  const { dir } = agent;
  const leave = (drainMs: number) => client.stop({ drain: drainMs });
  try {
    const member = { client, agent, leave };
    const tell = (event: string, facts: object, text: string) => log.warning(event, facts, text);
    const host = { member: () => member, log: log.feed, tell };
    return await ApiServer.listen({ path: await claimControlPath(dir), host });
  } catch (error) {
    await releaseControlPath(dir);
    const { cause = error } = error as Error;
    if (!isDiskRefusing(cause)) {
      await client.stop();
      throw error;
    }
    log.alarm(new FirefliesError("control-unavailable", `No command reaches this agent: ${messageOf(cause)}.`));
    return undefined;
  }
}

function registerHandlers(client: Client, log: AgentLog, reply: string | undefined): void {
  client.registerMessageHandler((data, { from }) => {
    log.received("message", from, data);
    return reply === undefined ? data : Buffer.from(reply);
  });
  const lastGossip = new LatestBySender();
  client.registerGossipHandler((data, { from }) => {
    if (lastGossip.isNew(from.id, data)) log.received("gossip", from, data);
    return undefined;
  });
  client.registerStreamHandler(async (stream, { from }) => {
    log.event("stream", { from: from.id, name: from.name }, `stream from ${memberTitle(from)}`);
    await echo(stream);
  });
}

/** Sends every message of a stream back, as fast as they are taken; how the stream ends is its sender's business. */
async function echo(stream: MessageStream): Promise<void> {
  try {
    for await (const message of stream.iterator({ destroyOnReturn: false })) {
      if (!stream.write(message)) await drained(stream);
    }
    stream.end();
  } catch {
    // It broke: the sender's end says so.
  }
}

/** Ends when the client has stopped; resolves to why it was isolated then, if it was. */
async function tellChanges(client: Client, log: AgentLog): Promise<string | undefined> {
  let isolated: string | undefined;
  for await (const change of client.changes()) {
    log.change(change);
    if (change.kind === "isolated") isolated = change.reason;
    if (change.kind === "back") isolated = undefined;
  }
  return isolated;
}

/** Gossip comes again with every round; only what differs from a sender's last is news. */
class LatestBySender {
  static readonly #SENDERS_MAX = 10_000;
  readonly #latest = new Map<string, string>();

  isNew(sender: string, data: Uint8Array): boolean {
    const content = Buffer.from(sha256(data)).toString("base64");
    if (this.#latest.get(sender) === content) return false;
    if (this.#latest.size >= LatestBySender.#SENDERS_MAX) this.#latest.clear();
    this.#latest.set(sender, content);
    return true;
  }
}

/** What an agent tells beside its client: texts for people that monitors show as well, and the same facts as JSON. */
class AgentLog {
  readonly #log: Log;
  #hasCut = false;

  constructor(log: Log) {
    this.#log = log;
  }

  event(event: string, fields: object, text: string): void {
    this.#log.tell("info", event, fields, text);
  }

  warning(event: string, fields: object, text: string): void {
    this.#log.tell("warn", event, fields, text);
  }

  alarm(alarm: FirefliesError): void {
    const { code, message, advice, cause } = alarm;
    if (code === "drain-expired") this.#hasCut = true;
    const err = cause instanceof Error && { err: cause };
    this.#log.tell(levelOfAlarm(code), "alarm", { code, message, advice, ...err }, alarmLines(alarm));
  }

  /** For those who follow it. */
  get feed(): LogFeed {
    return this.#log.feed;
  }

  /** The agent has ended something that was open. */
  get hasCut(): boolean {
    return this.#hasCut;
  }

  change(change: Change): void {
    const { event, ...view } = changeView(change);
    this.#log.tell("info", event, view, changeLine({ event, ...view }, this.#log.paint));
  }

  received(event: "message" | "gossip", from: Sender, data: Uint8Array): void {
    const text = Buffer.from(data.subarray(0, TOLD_BYTES_MAX)).toString("utf8").slice(0, TOLD_TEXT_MAX);
    const line = `${event} from ${memberTitle(from)}: ${shown(text)}`;
    this.event(event, { from: from.id, name: from.name, text, bytes: data.length }, line);
  }
}
