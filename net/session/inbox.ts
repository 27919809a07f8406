/**
 * What arrives on one HTTP/2 stream, as gRPC messages. A message is refused at its length, before anything of it is held;
 * what is held of it is counted from its first byte to its reading, and one that is not finished is given up.
 */
import type { Http2Stream } from "node:http2";
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Budget, Holder } from "./budget.js";
import { handedOut } from "./garbage.js";
import { PREFIX_BYTES } from "./pieces.js";
import type { Stallable, Stalls } from "./stalls.js";
import { tooLarge } from "./status.js";

/** A message up to this size, its envelope among it, is given all its room when it begins, in bytes; a longer one as it comes. */
const FIRST_ROOM_BYTES = 64 * 1024 + 16;
/** So many times more room each time, so that little is copied twice. */
const GROWTH = 4;
/** What a chunk costs beside its bytes, about, while it waits to be read: a member may send them one by one. */
const CHUNK_OVERHEAD_BYTES = 256;
/** Buffers that bytes are in on their way to the reader: HTTP/2's, and that of the message. */
const COPIES = 2;

const EMPTY = Buffer.alloc(0);

/** What an inbox has of its session. */
export interface InboxCarrier {
  readonly member: MemberId;
  readonly budget: Budget;
  readonly stalls: Stalls;
  /** Bytes have come, whether they are read now or later. */
  readonly arrived: () => void;
}

export interface InboxEvents {
  /** Whether more is wanted now; if not, `resume` says when. */
  onMessage(message: Buffer): boolean;
  /** The other side has ended its direction, and everything before was handed out. */
  onEnd(): void;
  /** What came is refused: "message-too-large", "bad-frame", "overloaded", "timeout". Nothing follows. */
  onProblem(error: FirefliesError): void;
}

export class Inbox implements Holder, Stallable {
  readonly #stream: Http2Stream;
  readonly #carrier: InboxCarrier;
  readonly #events: InboxEvents;
  /** Bytes of one gRPC message without its prefix. */
  bytesMax: number;
  received = 0;
  isPaused = false;
  /** A prefix that came in parts, as few do. */
  #prefix: Buffer | undefined;
  #prefixBytes = 0;
  /** Room of the message that has begun, how much of it is filled, and its length. */
  #room: Buffer | undefined;
  #filled = 0;
  #length = 0;
  /** Came behind the message that the reader has not taken yet. */
  #rest: Buffer = EMPTY;
  /** In the stream's own buffer, with overhead. */
  #queued = 0;
  /** Of the message that was handed out last, while it is not taken. */
  #unread = 0;
  /** Counted in the budget. */
  #counted = 0;
  #isOwed = false;
  #isSalvaged = false;
  #isEnded = false;
  #isClosed = false;
  #isBegun = false;

  constructor(stream: Http2Stream, carrier: InboxCarrier, bytesMax: number, events: InboxEvents) {
    this.#stream = stream;
    this.#carrier = carrier;
    this.#events = events;
    this.bytesMax = bytesMax;
    this.#countArrivals();
    stream.on("data", (chunk: Buffer) => this.#onChunk(chunk));
    stream.on("end", () => {
      this.#isEnded = true;
      this.#endWhenRead();
    });
    stream.once("close", () => {
      if (!this.#isSalvaged) this.close();
    });
  }

  /** All that will come is owed from now on, to the end: not only what has begun. */
  expect(): void {
    this.#isOwed = true;
    this.#setBegun(true);
  }

  /** The message that was handed out last is taken: more is wanted. */
  resume(): void {
    if (!this.isPaused || this.#isClosed) return;
    this.isPaused = false;
    this.#unread = 0;
    const rest = this.#rest;
    this.#rest = EMPTY;
    this.#read(rest);
    if (this.isPaused || this.#isClosed) return;
    this.#stream.resume();
    this.#endWhenRead();
  }

  /**
   * The stream is gone, or given up. What had come before is still read if the sender had ended its direction in order, which `isEnd`
   * finds in one of the messages (why it gave the stream up may follow): then true, and `onEnd` follows when all is read.
   */
  salvage(isEnd: (message: Buffer) => boolean): boolean {
    if (!this.isPaused || this.#isClosed) return false;
    for (;;) {
      const { length } = this.#rest;
      const chunk = this.#stream.read() as Buffer | null;
      if (chunk === null) break;
      // Of a stream that is not closed yet, reading is an event as well, which has added it.
      if (this.#rest.length === length) this.#rest = Buffer.concat([this.#rest, chunk]);
    }
    if (!hasMessage(this.#rest, isEnd)) return false;
    this.#queued = 0;
    this.#isEnded = true;
    this.#isSalvaged = true;
    this.#count();
    return true;
  }

  /** Lets go of everything; what still comes is dropped, so that the stream can end. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#room = undefined;
    this.#rest = EMPTY;
    this.#setBegun(false);
    if (this.#counted > 0) this.#carrier.budget.set(this.#carrier.member, this, 0);
    if (!this.#stream.destroyed) this.#stream.resume();
  }

  cut(error: FirefliesError): void {
    this.#problem(error);
  }

  stalled(): void {
    this.#problem(new FirefliesError("timeout", "A message was begun and did not come in time."));
  }

  /** Node's own buffer takes what comes while the reader waits: up to a window, in chunks of any size. */
  #countArrivals(): void {
    const stream = this.#stream;
    const push = stream.push;
    stream.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      this.#carrier.arrived();
      const isRead = stream.readableFlowing === true && stream.readableLength === 0;
      if (chunk === null || isRead || this.#isClosed) return push.call(stream, chunk, encoding);
      this.#queued += chunk.length + CHUNK_OVERHEAD_BYTES;
      this.#count();
      // A small part of a large block would keep all of it.
      const isPart = chunk.length * 2 < chunk.buffer.byteLength;
      return push.call(stream, isPart ? Buffer.from(chunk) : chunk, encoding);
    };
  }

  #onChunk(chunk: Buffer): void {
    if (this.#isClosed) return;
    handedOut(COPIES * chunk.length);
    const queued = this.#queued - chunk.length - CHUNK_OVERHEAD_BYTES;
    this.#queued = this.#stream.readableLength === 0 ? 0 : Math.max(0, queued);
    this.received += chunk.length;
    if (this.isPaused) this.#rest = Buffer.concat([this.#rest, chunk]);
    else this.#read(chunk);
  }

  /** Until the chunk is used up, or the reader wants no more. */
  #read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.isPaused && !this.#isClosed) {
      at = this.#room === undefined ? this.#readPrefix(chunk, at) : this.#fill(chunk, at);
    }
    if (this.#isClosed) return;
    if (at < chunk.length) this.#rest = chunk.subarray(at);
    this.#setBegun(this.#isOwed || this.#room !== undefined || this.#prefixBytes > 0);
    this.#count();
  }

  #readPrefix(chunk: Buffer, at: number): number {
    if (this.#prefixBytes === 0 && chunk.length - at >= PREFIX_BYTES)
      return this.#begin(chunk, at + PREFIX_BYTES, chunk[at] !== 0, chunk.readUInt32BE(at + 1));
    this.#prefix ??= Buffer.alloc(PREFIX_BYTES);
    const taken = chunk.copy(this.#prefix, this.#prefixBytes, at, at + PREFIX_BYTES - this.#prefixBytes);
    this.#prefixBytes += taken;
    if (this.#prefixBytes < PREFIX_BYTES) return at + taken;
    this.#prefixBytes = 0;
    return this.#begin(chunk, at + taken, this.#prefix[0] !== 0, this.#prefix.readUInt32BE(1));
  }

  #begin(chunk: Buffer, at: number, isCompressed: boolean, length: number): number {
    if (isCompressed) this.#problem(new FirefliesError("bad-frame", "Compressed messages are not taken."));
    else if (length > this.bytesMax) this.#problem(tooLarge(length, this.bytesMax));
    else if (chunk.length - at >= length) this.#deliver(whole(chunk, at, length));
    else {
      this.#length = length;
      this.#filled = 0;
      this.#room = Buffer.allocUnsafeSlow(Math.min(length, FIRST_ROOM_BYTES));
      return at;
    }
    return at + length;
  }

  #fill(chunk: Buffer, at: number): number {
    const wanted = Math.min(chunk.length - at, this.#length - this.#filled);
    const room = this.#roomFor(this.#filled + wanted);
    chunk.copy(room, this.#filled, at, at + wanted);
    this.#filled += wanted;
    if (this.#filled === this.#length) {
      this.#room = undefined;
      this.#deliver(room);
    }
    return at + wanted;
  }

  #roomFor(bytes: number): Buffer {
    const room = this.#room!;
    if (bytes <= room.length) return room;
    const larger: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(
      Math.min(this.#length, Math.max(bytes, room.length * GROWTH)),
    );
    room.copy(larger, 0, 0, this.#filled);
    this.#room = larger;
    return larger;
  }

  #deliver(message: Buffer): void {
    if (this.#events.onMessage(message) || this.#isClosed) return;
    this.isPaused = true;
    this.#unread = message.length;
    this.#stream.pause();
  }

  #endWhenRead(): void {
    if (!this.#isEnded || this.isPaused || this.#isClosed) return;
    this.#events.onEnd();
    this.close();
  }

  #setBegun(isBegun: boolean): void {
    if (isBegun === this.#isBegun) return;
    this.#isBegun = isBegun;
    if (isBegun) this.#carrier.stalls.begin(this);
    else this.#carrier.stalls.end(this);
  }

  #count(): void {
    if (this.#isClosed) return;
    const bytes = this.#queued + this.#rest.length + (this.#room?.length ?? 0) + this.#unread;
    if (bytes === this.#counted) return;
    this.#counted = bytes;
    this.#carrier.budget.set(this.#carrier.member, this, bytes);
  }

  #problem(error: FirefliesError): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.onProblem(error);
  }
}

/** A message that came in one chunk. A small part of a large block would keep all of it: then a copy. */
function whole(chunk: Buffer, at: number, length: number): Buffer {
  const part = chunk.subarray(at, at + length);
  return length * 2 < chunk.buffer.byteLength ? Buffer.from(part) : part;
}

/** Whether one of a row of messages, which begins with a prefix, is such. */
function hasMessage(bytes: Buffer, isSuch: (message: Buffer) => boolean): boolean {
  for (let at = 0; at + PREFIX_BYTES <= bytes.length; ) {
    const end = at + PREFIX_BYTES + bytes.readUInt32BE(at + 1);
    if (end <= bytes.length && isSuch(bytes.subarray(at + PREFIX_BYTES, end))) return true;
    at = end;
  }
  return false;
}
