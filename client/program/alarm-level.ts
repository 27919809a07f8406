/** How loud an alarm is. Apart, so that a command may say it without loading a client. */
import type { LogLevel } from "../../identity/logger.js";

/** Alarms that say what a setting means, and that nothing is wrong if it is meant. */
const NOTES: ReadonlySet<string> = new Set(["loopback-only", "authority-awaited", "discovery-restored"]);

export function levelOfAlarm(code: string): Extract<LogLevel, "info" | "warn" | "error"> {
  if (NOTES.has(code)) return "info";
  return code === "handler-failed" ? "error" : "warn";
}
