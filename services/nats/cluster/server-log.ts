/** What nats-server says: lines of its log, and where it listens. */
import type { NatsLogLevel } from "./server-config.js";

export interface LogLine {
  readonly level: NatsLogLevel;
  readonly text: string;
}

/** Characters of a line that are kept: traces hold whole messages. */
const LINE_CHARACTERS_MAX = 1_024;
/** "[17] [INF] text", or with the time before the level. */
const LINE = /^\[\d+\] (?:\d\S* \S+ )?\[(\w{3})\] (.*)$/s;
const LEVELS: Readonly<Record<string, NatsLogLevel>> = {
  FTL: "error",
  ERR: "error",
  WRN: "warn",
  INF: "info",
  DBG: "debug",
  TRC: "trace",
};

/** What is no line of the log is what a process says that could not begin. */
export function readLogLine(text: string): LogLine {
  const [, level = "", said = text] = LINE.exec(text) ?? [];
  return { level: LEVELS[level] ?? "error", text: said.slice(0, LINE_CHARACTERS_MAX) };
}

/** The two ports, as the server tells them. */
export function portIn(text: string): { readonly of: "clients" | "routes"; readonly port: number } | undefined {
  const [, what, port] = /^Listening for (client|route) connections on .*:(\d+)$/.exec(text) ?? [];
  return port === undefined ? undefined : { of: what === "client" ? "clients" : "routes", port: Number(port) };
}
