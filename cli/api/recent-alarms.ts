/** Alarms of an agent: as its log shows them, and the latest of them for those who ask later. */
import { levelOfAlarm } from "../../client/program/alarm-level.js";
import type { FirefliesError } from "../../identity/errors/error.js";
import { frames, shown } from "../output.js";

/** Enough to see what goes on; the log has them all. */
const ALARMS_KEPT_MAX = 20;

export function wordFor(code: string): "note" | "alarm" {
  return levelOfAlarm(code) === "info" ? "note" : "alarm";
}

/** For people. Where a handler threw is news for its programmer; for anything else the first line says all that is of use. */
export function alarmLines({ code, message, advice, cause }: FirefliesError): string[] {
  const places = code === "handler-failed" ? frames(cause) : [];
  return [`${wordFor(code)}: ${shown(`${message} ${advice}`)} (${code})`, ...places];
}

export interface RecentAlarm {
  readonly code: string;
  readonly message: string;
  /** Unix milliseconds. */
  readonly at: number;
}

export class RecentAlarms {
  readonly #kept: RecentAlarm[] = [];

  add({ code, message }: Pick<FirefliesError, "code" | "message">, at: number): void {
    this.#kept.push({ code, message, at });
    if (this.#kept.length > ALARMS_KEPT_MAX) this.#kept.shift();
  }

  /** The latest first. */
  list(): readonly RecentAlarm[] {
    return [...this.#kept].reverse();
  }
}
