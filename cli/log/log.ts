/** The one log of the command's processes, agents and authorities: entries with a level and a name, as text for people or as JSON. */
import type { LogForm } from "../../client/config/keys.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { LOG_LEVELS, type Logger, type LogLevel } from "../../identity/logger.js";
import { coloured, counted, frames, painter, type Style, shown, toJson } from "../output.js";
import { LogFeed } from "./log-feed.js";
import { Sink, standardOutlet } from "./sink.js";

export interface LogOptions {
  readonly form: LogForm;
  /** Entries below it are not told. */
  readonly level: LogLevel;
  readonly sink?: Sink;
}

/** Milliseconds for a reader to take what waits at the end. */
const CLOSE_MS = 1_000;
/** Causes of an error that are told. */
const CAUSES_MAX = 8;
const STYLES: Readonly<Partial<Record<LogLevel, Style>>> = { debug: "dim", warn: "yellow", error: "red" };

export class Log implements Logger {
  readonly form: LogForm;
  readonly #rank: number;
  readonly #sink: Sink;
  /** What is told, for those who follow it elsewhere. */
  readonly feed = new LogFeed();
  readonly paint = painter(coloured(process.stdout));

  constructor({ form, level, sink = standardSink(form) }: LogOptions) {
    this.form = form;
    this.#rank = LOG_LEVELS.indexOf(level);
    this.#sink = sink;
  }

  debug(fields: object, message: string): void {
    this.#entry("debug", fields, message);
  }
  info(fields: object, message: string): void {
    this.#entry("info", fields, message);
  }
  warn(fields: object, message: string): void {
    this.#entry("warn", fields, message);
  }
  error(fields: object, message: string): void {
    this.#entry("error", fields, message);
  }

  /** An entry whose text is laid out by its caller: lines in which all that others wrote is `shown`. */
  tell(level: LogLevel, event: string, fields: object, lines: string | readonly string[]): void {
    if (LOG_LEVELS.indexOf(level) < this.#rank) return;
    if (!this.feed.isIdle) this.feed.publish(plainEntry(level, { event, ...fields }));
    if (this.form === "json") this.#sink.write(jsonLine(level, { event, ...fields }));
    else this.#sink.write([lines].flat().join("\n"));
  }

  /** Waits a moment for a slow reader. What nobody has told by then goes to standard error. */
  async close(): Promise<void> {
    await this.#sink.close(CLOSE_MS);
    if (this.#sink.missing > 0) complain(`${leftOutText(this.#sink.missing)}.`);
  }

  #entry(level: LogLevel, fields: object, message: string): void {
    const { event = "log", err, at = Date.now(), ...facts } = fields as { event?: string; err?: unknown; at?: number };
    if (this.form === "json") {
      this.tell(level, event, { ...facts, at, message, ...(err !== undefined && { err }) }, "");
      return;
    }
    const style = STYLES[level];
    const line = `${new Date(at).toISOString().slice(11, 23)}  ${shown(message)}`;
    this.tell(level, event, facts, [style ? this.paint(style, line) : line, ...frames(err)]);
  }
}

/** Time, level and event first; an error as its text and the places of its stack, since JSON has none. */
function jsonLine(level: LogLevel, entry: Readonly<Record<string, unknown>>): string {
  return toJson(plainEntry(level, entry));
}

function plainEntry(level: LogLevel, entry: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { at = Date.now(), ...fields } = entry as { readonly at?: number };
  const plain = Object.entries(fields).map(([name, value]: [string, unknown]) => [
    name,
    value instanceof Error ? plainError(value) : value,
  ]);
  return { time: new Date(at).toISOString(), level, ...Object.fromEntries(plain) };
}

/** With its causes, so many: a chain may be a circle. */
function plainError(error: Error, causesMax = CAUSES_MAX): object {
  const code = error instanceof FirefliesError ? { code: error.code } : {};
  const hasCause = causesMax > 0 && error.cause instanceof Error;
  const cause = hasCause ? { cause: plainError(error.cause as Error, causesMax - 1) } : {};
  return { ...code, message: error.message, stack: frames(error).join("\n"), ...cause };
}

function standardSink(form: LogForm): Sink {
  return new Sink(standardOutlet(), {
    leftOut: (lines) => (form === "json" ? jsonLine("warn", { event: "left-out", lines }) : leftOutText(lines)),
    onProblem: ({ message }) => complain(`The log cannot be written: ${message}. The process goes on.`),
  });
}

function leftOutText(lines: number): string {
  return `${counted(lines, "line of the log was", "lines of the log were")} left out: nobody took them`;
}

let complaints: ReturnType<typeof standardOutlet> | undefined;

/** The log cannot be written, so it goes to standard error, which may be the same terminal and is not waited for either. */
function complain(text: string): void {
  complaints ??= standardOutlet(process.stderr, 2);
  complaints.write(`warning: ${shown(text)} (output-failed)\n`);
}
