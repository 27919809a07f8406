/**
 * Where the lines of a log go: without waiting, and within bounds. What is not taken is counted, and the count is told as soon
 * as something is taken again.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { isCode } from "../../identity/files/files.js";
import { drained } from "../drained.js";

/** Bytes of lines that a slow reader may leave waiting: some ten thousand lines. */
const BACKLOG_MAX = 4 * 1024 * 1024;

/** Between two looks whether a terminal that stopped takes text again, milliseconds. */
const TERMINAL_LOOK_MS = 20;

/** What takes text. */
interface Outlet {
  /** False when it took nothing. */
  write(text: string): boolean;
  /** Resolves when it has passed on what it took, or never will. */
  drained(): Promise<void>;
  /** Why it takes nothing any more, or not now; undefined while it does. */
  readonly problem: Error | undefined;
}

export interface SinkOptions {
  /** The line that says how many are missing. */
  readonly leftOut: (lines: number) => string;
  /** Told once each time that the outlet begins to fail. */
  readonly onProblem: (problem: Error) => void;
}

export class Sink {
  readonly #outlet: Outlet;
  readonly #options: SinkOptions;
  #missing = 0;
  #isFailing = false;

  constructor(outlet: Outlet, options: SinkOptions) {
    this.#outlet = outlet;
    this.#options = options;
  }

  /** Lines that were not taken, and that no line has told of yet. */
  get missing(): number {
    return this.#missing;
  }

  /** Text of one entry: a line, or some that belong together. */
  write(text: string): void {
    this.#tellMissing();
    if (this.#missing > 0 || !this.#outlet.write(`${text}\n`)) this.#missed();
    const { problem } = this.#outlet;
    if (problem !== undefined && !this.#isFailing) this.#options.onProblem(problem);
    this.#isFailing = problem !== undefined;
  }

  /** Waits at most `ms` milliseconds for what was written to be read. */
  async close(ms: number): Promise<void> {
    const waiting = new AbortController();
    await Promise.race([this.#outlet.drained(), sleep(ms, undefined, { signal: waiting.signal }).catch(() => {})]);
    waiting.abort();
    this.#tellMissing();
  }

  #missed(): void {
    this.#missing += 1;
    if (this.#missing === 1) void this.#outlet.drained().then(() => this.#tellMissing());
  }

  #tellMissing(): void {
    if (this.#missing > 0 && this.#outlet.write(`${this.#options.leftOut(this.#missing)}\n`)) this.#missing = 0;
  }
}

/** Standard output of this process, or another: a file is written at once, anything else as it is read. */
export function standardOutlet(stream: Writable & { readonly isTTY?: boolean } = process.stdout, fd = 1): Outlet {
  const stats = fstatSync(fd);
  if (stream.isTTY === true) return terminalOutlet(fd) ?? new StreamOutlet(stream);
  return stats.isFile() || stats.isCharacterDevice() ? new FileOutlet(fd) : new StreamOutlet(stream);
}

/** Undefined where the terminal cannot be opened a second time: to write without waiting is a matter of how it was opened. */
function terminalOutlet(fd: number): TerminalOutlet | undefined {
  const path = process.platform === "linux" ? `/proc/self/fd/${fd}` : "/dev/tty";
  try {
    return new TerminalOutlet(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  } catch {
    return undefined;
  }
}

/**
 * A terminal, which may stop: by Ctrl-S, or behind a connection that hangs. Node's own stream would wait for it with the whole
 * process, which the others would take for dead.
 */
export class TerminalOutlet implements Outlet {
  readonly #fd: number;
  #waiting: Buffer[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #onDrained: (() => void)[] = [];
  problem: Error | undefined;

  /** `fd` is written without waiting: a write that finds no room fails with EAGAIN. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  write(text: string): boolean {
    if (this.#bytes > BACKLOG_MAX) return false;
    const bytes = Buffer.from(text);
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#timer === undefined) this.#flush();
    return this.problem === undefined;
  }

  async drained(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => this.#onDrained.push(resolve));
  }

  #flush(): void {
    this.#timer = undefined;
    this.problem = undefined;
    try {
      while (this.#waiting.length > 0) this.#take(writeSync(this.#fd, this.#waiting[0]!));
    } catch (error) {
      if (isCode(error, "EAGAIN")) {
        this.#timer = setTimeout(() => this.#flush(), TERMINAL_LOOK_MS).unref();
        return;
      }
      this.problem = error as Error; // It has gone, and what waited with it.
      this.#waiting = [];
      this.#bytes = 0;
    }
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  #take(written: number): void {
    this.#bytes -= written;
    const rest = this.#waiting.shift()!.subarray(written);
    if (rest.length > 0) this.#waiting.unshift(rest);
  }
}

/** A pipe, a socket. */
export class StreamOutlet implements Outlet {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on("error", () => {}); // It is the stream's `errored` from then on.
  }

  get problem(): Error | undefined {
    return this.#stream.errored ?? undefined;
  }

  write(text: string): boolean {
    if (this.#stream.destroyed || this.#stream.writableLength > BACKLOG_MAX) return false;
    this.#stream.write(text);
    return true;
  }

  async drained(): Promise<void> {
    if (this.#stream.writableLength > 0) await drained(this.#stream);
  }
}

/** A file, whose disk may be full now and have room later: Node's own stream would end with its first error. */
export class FileOutlet implements Outlet {
  readonly #fd: number;
  /** A line was cut: the next one begins with a line end. */
  #isTorn = false;
  problem: Error | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(text: string): boolean {
    const bytes = Buffer.from(this.#isTorn ? `\n${text}` : text);
    let at = 0;
    try {
      while (at < bytes.length) at += writeSync(this.#fd, bytes, at);
      this.#isTorn = false;
      this.problem = undefined;
      return true;
    } catch (error) {
      this.#isTorn ||= at > 0;
      this.problem = error as Error;
      return false;
    }
  }

  async drained(): Promise<void> {}
}
