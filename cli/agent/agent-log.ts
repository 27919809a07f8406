/** What an agent tells beside its clients: texts for people that monitors show as well, and the same facts as JSON. */
import { levelOfAlarm } from "../../client/program/alarm-level.js";
import type { Change, Sender } from "../../client/types.js";
import type { FirefliesError, LogLevel } from "../../identity/index.js";
import { alarmLines } from "../api/recent-alarms.js";
import type { Log } from "../log/log.js";
import type { LogFeed } from "../log/log-feed.js";
import { memberTitle, shown } from "../output.js";
import { changeLine, changeView } from "../views.js";

/** Characters of a message that are told: it is a log, not a copy. */
const TOLD_TEXT_MAX = 200;
/** Their bytes in UTF-8, at most. */
const TOLD_BYTES_MAX = 4 * TOLD_TEXT_MAX;

export class AgentLog {
  readonly #log: Log;
  /** Of one of several members: before what is told, and beside it. */
  readonly #as: string | undefined;
  #hasCut = false;

  constructor(log: Log, as?: string) {
    this.#log = log;
    this.#as = as;
  }

  /** The same log, for another member of the agent. */
  of(as: string): AgentLog {
    return new AgentLog(this.#log, as);
  }

  tell(level: LogLevel, event: string, fields: object, lines: string | readonly string[]): void {
    const [first = "", ...more] = [lines].flat();
    const as = this.#as;
    if (as === undefined) this.#log.tell(level, event, fields, lines);
    else this.#log.tell(level, event, { as, ...fields }, [`${as}: ${first}`, ...more]);
  }

  event(event: string, fields: object, text: string): void {
    this.tell("info", event, fields, text);
  }

  alarm(alarm: FirefliesError): void {
    const { code, message, advice, cause } = alarm;
    if (code === "drain-expired") this.#hasCut = true;
    const err = cause instanceof Error && { err: cause };
    this.tell(levelOfAlarm(code), "alarm", { code, message, advice, ...err }, alarmLines(alarm));
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
    this.tell("info", event, view, changeLine({ event, ...view }, this.#log.paint));
  }

  received(event: "message" | "gossip", from: Sender, data: Uint8Array): void {
    const text = Buffer.from(data.subarray(0, TOLD_BYTES_MAX)).toString("utf8").slice(0, TOLD_TEXT_MAX);
    const line = `${event} from ${memberTitle(from)}: ${shown(text)}`;
    this.event(event, { from: from.id, name: from.name, text, bytes: data.length }, line);
  }
}
