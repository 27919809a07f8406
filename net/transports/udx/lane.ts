/** One stream of udx-native below a connection. A connection that moves to another address goes on over another lane. */
import type { HostPort } from "../../address.js";
import type { UdxStream } from "../../udp/udx-native.js";
import { StreamCounts, type UdxCounts } from "./counts.js";
import { FrameReader, type FrameSink } from "./frames.js";
import { DISORDER_BYTES_MAX, FIRST_WINDOW_BYTES } from "./limits.js";

/** Of a packet of the library's: 20 bytes. */
const PACKET_HEADER_BYTES = 20;

/** Where a lane leads. */
export interface FarEnd extends HostPort {
  /** By which the other end knows the stream. */
  readonly id: number;
  /** With which it says that the stream is gone. */
  readonly token: Uint8Array;
}

export interface LaneSink {
  onData(lane: Lane, bytes: Uint8Array, offset: number): void;
  onWindow(lane: Lane, received: number, limit: number): void;
  onEnd(lane: Lane): void;
  /** Data begins where the sender said. */
  onFrom(lane: Lane): void;
  onRoom(lane: Lane): void;
  /** The stream is closed; undefined when both ends had ended and have everything. */
  onClosed(lane: Lane, error: Error | undefined): void;
}

export class Lane implements FrameSink {
  readonly to: FarEnd;
  /** Whether the other end has said where it goes on, or begins. */
  isJoined = false;
  /** "drain" is awaited. */
  isFull = false;
  readonly #stream: UdxStream;
  readonly #sink: LaneSink;
  readonly #reader = new FrameReader(this);
  readonly #counts: StreamCounts;
  /** Of the next byte of data in the direction. */
  #offset = 0;
  /** Bytes that have come in order. */
  #ordered = 0;
  #hasEnded = false;
  #isClosed = false;
  #error: Error | undefined;

  constructor(stream: UdxStream, to: FarEnd, sink: LaneSink) {
    this.to = to;
    this.#stream = stream;
    this.#counts = new StreamCounts(stream);
    this.#sink = sink;
    stream.on("data", (bytes: Uint8Array) => this.#read(bytes));
    stream.on("end", () => {
      this.#hasEnded = true;
    });
    stream.on("drain", () => {
      this.isFull = false;
      this.#sink.onRoom(this);
    });
    stream.on("error", (error: Error) => {
      this.#error ??= error;
    });
    stream.on("close", () => this.#closed());
  }

  get id(): number {
    return this.#stream.id;
  }

  /** Milliseconds, smoothed. */
  get rttMs(): number {
    return this.#stream.rtt;
  }

  /** Packets. */
  get congestionWindow(): number {
    return this.#stream.cwnd;
  }

  /** To be called now and then, for the counts. */
  look(): void {
    this.#counts.look();
  }

  get counts(): UdxCounts {
    return this.#counts.look();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get bytesReceived(): number {
    return this.#stream.bytesReceived;
  }

  /** Too many bytes have come out of order and wait in the library. What came twice counts as well: half of all is let pass. */
  get isDisorderly(): boolean {
    const came = this.#stream.bytesReceived - this.#stream.packetsReceived * PACKET_HEADER_BYTES;
    const allowed = this.#ordered === 0 ? 4 * FIRST_WINDOW_BYTES : DISORDER_BYTES_MAX + this.#ordered / 2;
    return came - this.#ordered > allowed;
  }

  write(frame: Uint8Array): void {
    if (!this.#isClosed) this.isFull = !this.#stream.write(frame) || this.isFull;
  }

  /** Nothing more is written, and nothing more will be read. It closes when the other end has said the same. */
  end(): void {
    if (!this.#isClosed) this.#stream.end();
  }

  /** The other end is told, once. */
  destroy(): void {
    this.#stream.destroy();
  }

  /** The other end says that it has this stream no more. */
  gone(): void {
    this.#stream.destroy(Object.assign(new Error("The other side cut the connection."), { code: "ECONNRESET" }));
  }

  onData(bytes: Uint8Array): void {
    const at = this.#offset;
    this.#offset += bytes.length;
    this.#sink.onData(this, bytes, at);
  }

  onWindow(received: number, limit: number): void {
    this.#sink.onWindow(this, received, limit);
  }

  onEnd(): void {
    this.#sink.onEnd(this);
  }

  onFrom(offset: number): void {
    this.#offset = offset;
    this.#sink.onFrom(this);
  }

  #read(bytes: Uint8Array): void {
    this.#ordered += bytes.length;
    if (this.#isClosed || this.#reader.read(bytes)) return;
    this.#stream.destroy(Object.assign(new Error("The other side sent what is no frame."), { code: "EPROTO" }));
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const cut = () => Object.assign(new Error("The other side cut the connection."), { code: "ECONNRESET" });
    this.#sink.onClosed(this, this.#error ?? (this.#hasEnded ? undefined : cut()));
  }
}
