/**
 * A local connection and a stream of a member joined: bytes both ways with back-pressure, an end of one direction passed on, and
 * what ends one side out of order ends the other, the local one by a reset. Until something has come back, another
 * stream may take the place of one that was refused: what the local program has sent is sent again.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { FirefliesError, ReplyError } from "../../../identity/index.js";
import { release, releaseMessage } from "../../../net/index.js";
import { REPLAY_BYTES_MAX } from "./limits.js";
import type { Traffic } from "./traffic.js";

export interface ConduitOptions {
  /** Milliseconds without a byte in either direction. */
  readonly idleMs: number;
  readonly traffic: Traffic;
  /** Another stream, when the one before was refused; undefined when there is none. Without it nothing is sent again. */
  readonly next?: ((error: FirefliesError) => Promise<Duplex | undefined>) | undefined;
  /** Called once, when all is over; with the reason unless both directions ended in order. */
  readonly onEnd: (error?: FirefliesError) => void;
}

/** Ends of streams that say that nobody has looked at what was sent: it may go to another member. */
const UNTOUCHED: readonly string[] = [
  "peer-refused",
  "peer-removed",
  "peer-unknown",
  "peer-unreachable",
  "handler-missing",
  "overloaded",
  "member-stopping",
  "target-unreachable",
];

/** Bytes of a chunk whose memory is given back at once (net/session/release.ts): for less the callback costs more. */
const RELEASED_MIN = 4 * 1024;

export class Conduit {
  readonly #socket: Socket;
  readonly #options: ConduitOptions;
  #stream: Duplex | undefined;
  /** What the local program has sent, while it may have to be sent again. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #localEnded = false;
  #isOver = false;

  /** The socket is paused, allows half-open connections, and is read once there is a stream. */
  constructor(socket: Socket, options: ConduitOptions) {
    this.#socket = socket;
    this.#options = options;
    if (options.next !== undefined) this.#held = [];
    socket.on("error", () => {}); // "close" follows.
    socket.once("close", () => this.#onClose());
    socket.on("data", (chunk: Uint8Array<ArrayBuffer>) => this.#onLocal(chunk));
    socket.pause(); // Nothing is read before there is a stream to write it to.
    socket.once("end", () => {
      this.#localEnded = true;
      this.#stream?.end();
    });
    socket.on("drain", () => this.#stream?.resume());
    socket.setTimeout(options.idleMs, () => this.fail(idle(options.idleMs)));
    if (socket.destroyed) setImmediate(() => this.#onClose());
  }

  /** Joins the socket with a stream. What was held is sent first. */
  attach(stream: Duplex): void {
    if (this.#isOver) {
      stream.destroy(reset());
      return;
    }
    this.#stream = stream;
    stream.on("error", () => {}); // "close" follows.
    stream.once("close", () => {
      if (stream === this.#stream) this.#onClose();
    });
    stream.on("data", (chunk: Uint8Array) => this.#onRemote(stream, chunk));
    stream.once("end", () => {
      this.#commit();
      this.#socket.end();
    });
    stream.on("drain", () => this.#socket.resume());
    for (const chunk of this.#held ?? []) stream.write(chunk);
    if (this.#localEnded) stream.end();
    this.#socket.resume();
    if (stream.closed) setImmediate(() => this.#onClose());
  }

  /** Ends both sides. */
  fail(error: FirefliesError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held = undefined;
    this.#stream?.destroy(error);
    resetSocket(this.#socket);
    this.#options.onEnd(error);
  }

  #onLocal(chunk: Uint8Array<ArrayBuffer>): void {
    this.#options.traffic.bytesOut += chunk.length;
    if (this.#held !== undefined) this.#hold(chunk);
    const isFree = this.#held === undefined && chunk.length >= RELEASED_MIN;
    const sent = isFree ? (error?: Error | null) => void (error || release(chunk)) : undefined;
    if (this.#stream?.write(chunk, sent) !== true) this.#socket.pause();
  }

  #onRemote(stream: Duplex, chunk: Uint8Array): void {
    if (this.#held !== undefined) this.#commit();
    this.#options.traffic.bytesIn += chunk.length;
    const sent =
      chunk.length >= RELEASED_MIN ? (error?: Error | null) => void (error || releaseMessage(chunk)) : undefined;
    if (!this.#socket.write(chunk, sent)) stream.pause();
  }

  /** Something has come back, or there is too much to be sent again: this stream is the one. */
  #commit(): void {
    this.#held = undefined;
  }

  #hold(chunk: Uint8Array): void {
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > REPLAY_BYTES_MAX) this.#commit();
    else this.#held?.push(chunk);
  }

  #onClose(): void {
    if (this.#isOver) return;
    const [socket, stream] = [this.#socket, this.#stream];
    if (isCut(socket)) this.fail(reset());
    else if (stream !== undefined && isCut(stream)) this.#onStreamCut(reasonOf(stream));
    else if (socket.closed && stream?.closed) this.#done();
  }

  #onStreamCut(error: FirefliesError): void {
    if (this.#held !== undefined && UNTOUCHED.includes(error.code)) void this.#replace(error);
    else this.fail(error);
  }

  #done(): void {
    this.#isOver = true;
    this.#options.onEnd();
  }

  async #replace(error: FirefliesError): Promise<void> {
    this.#stream = undefined;
    this.#socket.pause();
    const stream = await this.#options.next?.(error).catch((cause: unknown) => void this.fail(asError(cause)));
    if (stream === undefined) this.fail(error);
    else this.attach(stream);
  }
}

/** Ends a connection so that its program sees that it was cut. A Unix socket knows no reset, and is closed. */
export function resetSocket(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
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
