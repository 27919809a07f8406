/** One connection of a lasting stream: a duplex of one session, read as pieces. */
import { FirefliesError } from "../../identity/index.js";
import type { ByteDuplex } from "../../net/index.js";
import { decodePiece, type Piece } from "./codec.js";

export interface LaneSink {
  /** False for one that may not come now. */
  onPiece(lane: Lane, piece: Piece): boolean;
  /** It takes more. */
  onRoom(lane: Lane): void;
  /** The other side has ended its direction. */
  onEnd(lane: Lane): void;
  /** It is closed; undefined when both sides have ended it in order. */
  onClosed(lane: Lane, error: Error | undefined): void;
}

export class Lane {
  /** The number of the piece that is sent next. */
  next = 0;
  /** The number of the piece that comes next. */
  position = 0;
  isFull = false;
  readonly #duplex: ByteDuplex;
  #sink: LaneSink;
  #error: Error | undefined;

  constructor(duplex: ByteDuplex, sink: LaneSink) {
    this.#duplex = duplex;
    this.#sink = sink;
    duplex.on("data", (bytes: Uint8Array) => this.#read(bytes));
    duplex.on("drain", () => {
      this.isFull = false;
      this.#sink.onRoom(this);
    });
    duplex.on("end", () => this.#sink.onEnd(this));
    duplex.on("error", (error: Error) => {
      this.#error ??= error;
    });
    duplex.on("close", () => this.#sink.onClosed(this, this.#error));
  }

  /** Another one reads it from now on. */
  hand(sink: LaneSink): void {
    this.#sink = sink;
  }

  send(bytes: Uint8Array): void {
    if (!this.#duplex.writable) return;
    if (!this.#duplex.write(bytes)) this.isFull = true;
  }

  end(): void {
    this.#duplex.end();
  }

  /** The other side is told why. */
  destroy(error: Error): void {
    this.#duplex.destroy(error);
  }

  /** Another one has taken its place. */
  leave(): void {
    this.#sink = NOBODY;
    this.#duplex.destroy(new FirefliesError("link-closed", "The stream goes on over another connection."));
  }

  #read(bytes: Uint8Array): void {
    const piece = decodePiece(bytes);
    if (piece === undefined || !this.#sink.onPiece(this, piece)) this.destroy(new FirefliesError("bad-frame"));
  }
}

const NOBODY: LaneSink = { onPiece: () => true, onRoom: () => {}, onEnd: () => {}, onClosed: () => {} };
