/**
 * A stream with a member as HTTP of Node takes it for a socket: a Duplex of bytes with time-outs, counts and the other things
 * that HTTP, WebSocket libraries and frameworks ask of `net.Socket`. It is there before its stream is: the pools of Node count
 * what connects.
 */
import { Duplex } from "node:stream";
import { FirefliesError } from "../../../identity/index.js";
import { hostOfMember } from "../../host-names.js";
import { CHUNK_BYTES_MAX, LINGER_MS } from "./limits.js";

/** Bytes read ahead of the program: what TLS and sockets hand over at once. */
const READ_AHEAD_BYTES = 64 * 1024;
/** Bytes that the program may write ahead of the stream. */
const WRITE_AHEAD_BYTES = 256 * 1024;
/** What is written in one turn goes in messages of at least so many bytes: each has a cost of its own. */
const JOINED_BYTES = 16 * 1024;

type Callback = (error?: Error | null) => void;

/** Told of what passes. */
export interface Passing {
  readonly onRead?: (bytes: number) => void;
  readonly onWritten?: (bytes: number) => void;
}

export class MemberSocket extends Duplex {
  connecting = true;
  bytesRead = 0;
  bytesWritten = 0;
  /** Milliseconds without a byte until "timeout"; 0 for none. */
  timeout = 0;
  /** "ID.fireflies": members have no IP address that would mean anything; this is proven. */
  remoteAddress: string | undefined;
  readonly #passing: Passing;
  /** A stream of messages. */
  #below: Duplex | undefined;
  /** What was asked for before the stream was there. */
  #early: (() => void) | undefined;
  #isRead = false;
  #idle: NodeJS.Timeout | undefined;

  /** `allowHalfOpen`: sockets of servers answer when the other side has ended; those of callers end with it. */
  constructor(allowHalfOpen: boolean, passing: Passing = {}) {
    super({ allowHalfOpen, readableHighWaterMark: READ_AHEAD_BYTES, writableHighWaterMark: WRITE_AHEAD_BYTES });
    this.#passing = passing;
    this.on("error", () => {}); // A forgotten listener costs nobody the process.
  }

  /** The stream is open. Called once. */
  attach(below: Duplex, id: string): this {
    if (this.destroyed) {
      below.destroy();
      return this;
    }
    this.#below = below;
    this.remoteAddress = hostOfMember(id);
    this.connecting = false;
    below.on("error", (error) => this.#onError(error));
    below.on("close", () => this.#onClose(below));
    if (below.destroyed) return this.destroy(below.errored ?? undefined);
    this.emit("connect");
    if (this.#isRead) this.#begin(below);
    const early = this.#early;
    this.#early = undefined;
    early?.();
    return this;
  }

  setTimeout(ms: number, callback?: () => void): this {
    clearTimeout(this.#idle);
    this.timeout = ms;
    const isSet = ms > 0 && !this.destroyed;
    this.#idle = isSet ? setTimeout(() => this.emit("timeout"), ms).unref() : undefined;
    if (callback !== undefined && ms > 0) this.once("timeout", callback);
    else if (callback !== undefined) this.removeListener("timeout", callback);
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Writes what is left, and waits a second for the other end to end it too: what it has not read yet is not lost. */
  destroySoon(): void {
    if (this.destroyed) return;
    if (!this.writableEnded) this.end();
    this.resume(); // Nobody reads it any more: its end would not be seen.
    const timer = setTimeout(() => this.destroy(), LINGER_MS);
    this.once("close", () => clearTimeout(timer));
  }

  override _read(): void {
    if (this.#isRead) this.#below?.resume();
    else if (this.#below !== undefined) this.#begin(this.#below);
    this.#isRead = true;
  }

  override _write(chunk: Buffer, _encoding: string, done: Callback): void {
    this.#whenOpen((below) => this.#send(below, [chunk], done));
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Callback): void {
    const all = chunks.map(({ chunk }) => chunk);
    this.#whenOpen((below) => this.#send(below, joined(all), done));
  }

  override _final(done: Callback): void {
    this.#whenOpen((below) => {
      if (below.errored) done(below.errored);
      else below.end(done);
    });
  }

  override _destroy(error: Error | null, done: Callback): void {
    clearTimeout(this.#idle);
    this.#early = undefined;
    if (this.#below !== undefined) this.#part(this.#below, error);
    done(error);
  }

  /**
   * HTTP of Node writes "400" or "408" and destroys the socket: a system's socket sends that yet. Callers that give up, and what
   * the network ends, end at once.
   */
  #part(below: Duplex, error: Error | null): void {
    if (!this.allowHalfOpen || error instanceof FirefliesError || this.bytesWritten === 0) {
      below.destroy(error ?? undefined);
      return;
    }
    const timer = setTimeout(() => below.destroy(), LINGER_MS);
    below.once("finish", () => below.destroy()).once("close", () => clearTimeout(timer));
    below.end();
  }

  #whenOpen(run: (below: Duplex) => void): void {
    const below = this.#below;
    if (below !== undefined) run(below);
    else this.#early = () => this.#below && run(this.#below);
  }

  #begin(below: Duplex): void {
    below.on("data", (message: Uint8Array) => {
      this.bytesRead += message.length;
      this.#passing.onRead?.(message.length);
      this.#idle?.refresh();
      if (!this.push(message)) below.pause();
    });
    below.on("end", () => this.push(null));
  }

  #send(below: Duplex, chunks: readonly Uint8Array[], done: Callback): void {
    // A write that was cut short says no more than that the stream is destroyed.
    const sent: Callback = (error) => done(error && (below.errored ?? error));
    const messages = chunks.flatMap(cut);
    below.cork();
    for (const [index, message] of messages.entries()) {
      this.bytesWritten += message.length;
      this.#passing.onWritten?.(message.length);
      below.write(message, index === messages.length - 1 ? sent : undefined);
    }
    below.uncork();
    this.#idle?.refresh();
  }

  /** What came before the end in order is still read. */
  #onError(error: Error): void {
    if (this.#below?.readableEnded && !this.readableEnded)
      this.once("end", () => setImmediate(() => this.destroy(error)));
    else this.destroy(error);
  }

  /** After both directions have ended this one closes by itself, when all is read. */
  #onClose(below: Duplex): void {
    if (below.errored === null && !below.readableEnded) this.destroy();
  }
}

/** Small ones with their neighbours: a head and its body are one message. */
function joined(chunks: readonly Buffer[]): readonly Uint8Array[] {
  const all: Uint8Array[] = [];
  let group: Buffer[] = [];
  let bytes = 0;
  const flush = () => {
    if (group.length > 0) all.push(group.length === 1 ? (group[0] as Buffer) : Buffer.concat(group, bytes));
    [group, bytes] = [[], 0];
  };
  for (const chunk of chunks) {
    if (bytes + chunk.length > JOINED_BYTES) flush();
    group.push(chunk);
    bytes += chunk.length;
  }
  flush();
  return all;
}

function cut(chunk: Uint8Array): readonly Uint8Array[] {
  if (chunk.length <= CHUNK_BYTES_MAX) return [chunk];
  const count = Math.ceil(chunk.length / CHUNK_BYTES_MAX);
  return Array.from({ length: count }, (_, index) => {
    const at = index * CHUNK_BYTES_MAX;
    return chunk.subarray(at, at + CHUNK_BYTES_MAX);
  });
}
