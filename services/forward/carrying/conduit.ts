/**
 * A local connection and a stream of a member joined: bytes both ways with back-pressure, an end of one direction passed on, and
 * what ends one side out of order ends the other, the local one by a reset.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { FirefliesError, ReplyError } from "../../../identity/index.js";
import { release, releaseMessage, resetNow } from "../../../net/index.js";
import type { Traffic } from "./traffic.js";

export interface ConduitOptions {
  /** Milliseconds without a byte in either direction. */
  readonly idleMs: number;
  readonly traffic: Traffic;
  /** Called once, when all is over; with the reason unless both directions ended in order. */
  readonly onEnd: (error?: FirefliesError) => void;
}

/** Bytes of a chunk whose memory is given back at once (net/session/release.ts): for less the callback costs more. */
const RELEASED_MIN = 4 * 1024;

export class Conduit {
  readonly #socket: Socket;
  readonly #stream: Duplex;
  readonly #options: ConduitOptions;
  #isOver = false;

  /** The socket is paused, and allows half-open connections; nothing of the stream has been read, or it was left paused. */
  constructor(socket: Socket, stream: Duplex, options: ConduitOptions) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    for (const side of [socket, stream]) side.on("error", () => {}).once("close", () => this.#onClose());
    socket.on("data", (chunk: Uint8Array<ArrayBuffer>) => this.#onLocal(chunk));
    socket.once("end", () => this.#onLocalEnd()).on("drain", () => stream.resume());
    socket.setTimeout(options.idleMs, () => this.fail(idle(options.idleMs)));
    stream.on("data", (chunk: Uint8Array) => this.#onRemote(chunk));
    stream.once("end", () => socket.end()).on("drain", () => socket.resume());
    socket.resume();
    if (socket.destroyed || stream.closed) setImmediate(() => this.#onClose());
  }

  /** Ends both sides. */
  fail(error: FirefliesError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.destroy(error);
    resetSocket(this.#socket);
    this.#options.onEnd(error);
  }

  #onLocal(chunk: Uint8Array<ArrayBuffer>): void {
    this.#options.traffic.bytesOut += chunk.length;
    const sent = chunk.length >= RELEASED_MIN ? (error?: Error | null) => void (error || release(chunk)) : undefined;
    if (!this.#stream.write(chunk, sent)) this.#socket.pause();
  }

  #onLocalEnd(): void {
    if (isReset(this.#socket)) this.fail(reset());
    else this.#stream.end();
  }

  #onRemote(chunk: Uint8Array): void {
    this.#options.traffic.bytesIn += chunk.length;
    const sent =
      chunk.length >= RELEASED_MIN ? (error?: Error | null) => void (error || releaseMessage(chunk)) : undefined;
    if (!this.#socket.write(chunk, sent)) this.#stream.pause();
  }

  #onClose(): void {
    if (this.#isOver) return;
    const [socket, stream] = [this.#socket, this.#stream];
    if (isCut(socket)) this.fail(reset());
    else if (isCut(stream)) this.fail(reasonOf(stream));
    else if (socket.closed && stream.closed) this.#done();
  }

  #done(): void {
    this.#isOver = true;
    this.#options.onEnd();
  }
}

/** Ends a connection so that its program sees that it was cut. A Unix socket knows no reset, and is closed. */
export function resetSocket(socket: Socket): void {
  try {
    resetNow(socket);
  } catch {
    socket.destroy();
  }
}

/**
 * A reset that came while nothing was read from a TCP socket: Node tells an end then, and less than all was read. The system knows
 * the other end of a connection no more, of which this end is still open. To be asked before anybody else asks for the
 * address, which Node remembers.
 */
function isReset(socket: Socket): boolean {
  if (socket.destroyed || socket.writableEnded) return false;
  return socket.localAddress !== undefined && socket.remoteAddress === undefined;
}

/** It is gone, and not because both of its directions have ended. */
function isCut(side: Duplex): boolean {
  return side.destroyed && !(side.errored === null && side.readableEnded && side.writableFinished);
}

function reasonOf({ errored }: Duplex): FirefliesError {
  return errored === null ? new FirefliesError("stream-reset") : asError(errored);
}

/** What ends a connection, as an error with a code. */
export function asError(cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  if (cause instanceof ReplyError) return new FirefliesError("stream-reset", cause.message, { cause });
  return new FirefliesError("stream-reset", undefined, { cause });
}

function reset(): FirefliesError {
  return new FirefliesError("stream-reset", "The program at the other end has reset its connection.");
}

function idle(ms: number): FirefliesError {
  return new FirefliesError("timeout", `Nothing has passed for ${ms / 1_000} s.`);
}
