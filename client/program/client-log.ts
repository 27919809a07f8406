/** What a member tells the logger of its program. */
import { containedLogger, type FirefliesError, type Logger, type LogLevel, shown } from "../../identity/index.js";
import { titleOf } from "../../identity/title.js";
import type { Change, Sender } from "../types.js";
import { levelOfAlarm } from "./alarm-level.js";

const LEVELS: Readonly<Partial<Record<Change["kind"], LogLevel>>> = {
  failed: "warn",
  isolated: "warn",
  dropped: "warn",
};

export class ClientLog {
  readonly #logger: Logger;
  #self: Sender | undefined;

  /** Throws a TypeError for what is no logger. */
  constructor(logger: Logger | undefined) {
    this.#logger = containedLogger(logger);
  }

  /** From now on it is known who it is. */
  ready(self: Sender): void {
    this.#self = self;
    this.life("ready");
  }

  life(event: "ready" | "stopping" | "stopped"): void {
    if (this.#self === undefined) return; // It never was ready: `start` has rejected.
    const { id, name, address } = this.#self;
    this.#logger.info({ event, id, name, address }, shown(`${event}: ${titleOf(this.#self)} at ${address}`));
  }

  /** With the alarm as `err`: its stack and its cause show where it comes from. */
  alarm(alarm: FirefliesError): void {
    const { code, message, advice } = alarm;
    this.#logger[levelOfAlarm(code)]({ event: "alarm", code, advice, err: alarm }, `${message} (${code})`);
  }

  /** The program's own alarm handler threw. */
  unheard(err: unknown): void {
    this.#logger.error({ event: "alarm-handler-failed", err }, "The alarm handler threw.");
  }

  change(change: Change): void {
    const { kind: event } = change;
    this.#logger[LEVELS[event] ?? "info"](fieldsOf(change), shown(sentenceOf(change)));
  }

  /** What a partner sent and was not taken, as "what: reason". */
  rejected(what: string): void {
    this.#logger.debug({ event: "rejected", what }, shown(`not taken: ${what}`));
  }
}

function fieldsOf({ kind: event, ...facts }: Change): object {
  if (!("member" in facts)) return { event, ...facts };
  const { member, ...more } = facts;
  const { id, name, address, metadata } = member;
  return { event, id, name, address, metadata, ...more };
}

function sentenceOf(change: Change): string {
  if (change.kind === "isolated") return `isolated: ${change.reason}`;
  if (change.kind === "back") return `among the others again (was ${change.reason})`;
  if (change.kind === "moved") return `now at ${change.addresses.join(", ")}`;
  if (change.kind === "dropped") return `${change.count} changes were not read in time`;
  if (change.kind === "path") return `path ${change.what}: ${titleOf(change.member)}`;
  const why = change.kind === "failed" ? ` (${change.reason})` : "";
  return `${change.kind}: ${titleOf(change.member)} at ${change.member.address}${why}`;
}
