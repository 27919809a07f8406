/**
 * Where the lines of a log go: without waiting, and within bounds. What is not taken is counted, and the count is told as soon
 * as something is taken again.
 */
import { fstatSync, writeSync } from "node:fs";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { drained } from "../drained.js";

/** Bytes of lines that a slow reader may leave waiting: some ten thousand lines. */
const BACKLOG_MAX = 4 * 1024 * 1024;

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

/** Standard output of this process: a file is written at once, anything else as it is read. */
export function standardOutlet(stream: Writable & { readonly isTTY?: boolean } = process.stdout, fd = 1): Outlet {
  const stats = fstatSync(fd);
  const isFile = stats.isFile() || (stats.isCharacterDevice() && stream.isTTY !== true);
  return isFile ? new FileOutlet(fd) : new StreamOutlet(stream);
}

/** A pipe, a socket, a terminal. */
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
