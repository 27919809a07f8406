/**
 * One end of a connection through NATS, as a stream of bytes. The reader grants what the writer may send, so nothing is held
 * without bound; what is not acknowledged is kept, and sent again when it was lost.
 */
import { Duplex } from "node:stream";
import { encodeFrame, type Frame, PIECE_BYTES } from "./frames.js";

/** Bytes that may be under way or unread in each direction: 100 ms at 40 Mbit/s, and half of what a transport may read ahead. */
const WINDOW_BYTES = 512 * 1024;
/** Credit is told when so many bytes have come free: a message for each piece would double the traffic. */
const TELL_BYTES = WINDOW_BYTES / 4;
/** Milliseconds without an acknowledgement until the other side is asked. */
const ASK_MS = 1_000;
/** Milliseconds of silence until it is asked whether it is there, and until it counts as gone. */
export const QUIET_MS = 10_000;
export const GONE_MS = 30_000;

type Done = (error?: Error | null) => void;

export interface NatsDuplexOptions {
  /** Publishes to the other end; `answer` has NATS itself say so when nobody is there. */
  readonly send: (payload: Uint8Array, answer: boolean) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** It is over; `received` is what the other end may yet ask for when it ended in order. */
  readonly onClose: (received: number | undefined) => void;
}

export class NatsDuplex extends Duplex {
  readonly #options: NatsDuplexOptions;
  /** Of mine: sent, acknowledged, and granted. */
  #sent = 0;
  #acknowledged = 0;
  #limit = WINDOW_BYTES;
  /** Frames that are not acknowledged, with the place behind each. */
  readonly #kept: { readonly frame: Uint8Array; readonly end: number }[] = [];
  #writing: { readonly bytes: Uint8Array; at: number; readonly done: Done } | undefined;
  #ending: Done | undefined;
  /** Of theirs: received in order, granted, and whether the end has come. */
  #received = 0;
  #granted = WINDOW_BYTES;
  #hasEnded = false;
  #isMissing = false;
  #heardAt: number;
  #progressAt: number;
  #askedAt: number;

  constructor(options: NatsDuplexOptions) {
    super({ readableHighWaterMark: WINDOW_BYTES / 2, writableHighWaterMark: PIECE_BYTES });
    this.#options = options;
    this.#heardAt = this.#progressAt = this.#askedAt = options.now();
    this.on("error", () => {}); // As of every connection: "close" follows.
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this.#writing = { bytes: chunk, at: 0, done };
    this.#pump();
  }

  override _read(): void {
    this.#grant();
  }

  /** Done when the other side has it all: who closes then leaves nothing to be asked for. */
  override _final(done: Done): void {
    this.#ending = done;
    this.#keep({ kind: "end", at: this.#sent }, 1);
  }

  override _destroy(error: Error | null, done: Done): void {
    const inOrder = error === null && this.#hasEnded && this.writableFinished;
    if (!inOrder) this.#send({ kind: "cut" });
    this.#kept.length = 0;
    this.#writing = undefined;
    this.#options.onClose(inOrder ? this.#received : undefined);
    done(error);
  }

  /** What the other end has sent. */
  hear(frame: Frame): void {
    if (this.destroyed) return;
    this.#heardAt = this.#options.now();
    switch (frame.kind) {
      case "data":
        this.#takeData(frame.at, frame.bytes);
        break;
      case "end":
        this.#takeEnd(frame.at);
        break;
      case "credit":
      case "again":
        this.#takeCredit(frame.received, frame.limit, frame.kind === "again");
        break;
      case "ask":
        this.#tell(frame.sent > this.#received ? "again" : "credit");
        break;
      case "cut":
        this.destroy(cutError("The other side cut the connection."));
        break;
      default: // A welcome that came twice.
    }
  }

  /** NATS says that nobody listens at the other end. */
  absent(): void {
    this.destroy(cutError("The other side is gone."));
  }

  /** The connection to NATS is back: what was under way may be lost. */
  resumed(): void {
    if (!this.destroyed) this.#ask();
  }

  /** Called every second or so. */
  tick(): void {
    const now = this.#options.now();
    if (now - this.#heardAt >= GONE_MS) this.destroy(cutError("The other side has been silent for too long."));
    else if (this.#kept.length > 0 && now - this.#progressAt >= ASK_MS) this.#askAgain(now, ASK_MS);
    else if (now - this.#heardAt >= QUIET_MS) this.#askAgain(now, ASK_MS);
  }

  #askAgain(now: number, pauseMs: number): void {
    if (now - this.#askedAt >= pauseMs) this.#ask();
  }

  #ask(): void {
    this.#askedAt = this.#options.now();
    this.#send({ kind: "ask", sent: this.#sent }, true);
  }

  /** As much as is granted. */
  #pump(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    while (writing.at < writing.bytes.length) {
      const room = Math.min(this.#limit - this.#sent, PIECE_BYTES);
      if (room <= 0) return;
      const bytes = writing.bytes.subarray(writing.at, writing.at + room);
      writing.at += bytes.length;
      this.#keep({ kind: "data", at: this.#sent, bytes }, bytes.length);
    }
    this.#writing = undefined;
    writing.done();
  }

  #keep(frame: Frame, length: number): void {
    if (this.#kept.length === 0) this.#progressAt = this.#options.now();
    const payload = encodeFrame(frame);
    this.#sent += length;
    this.#kept.push({ frame: payload, end: this.#sent });
    this.#options.send(payload, false);
  }

  #takeCredit(received: number, limit: number, isLost: boolean): void {
    if (received > this.#sent || received < this.#acknowledged) return; // An old one, or a lie.
    if (received > this.#acknowledged) this.#progressAt = this.#options.now();
    this.#acknowledged = received;
    this.#limit = Math.max(this.#limit, Math.min(limit, received + WINDOW_BYTES));
    while (this.#kept[0] !== undefined && this.#kept[0].end <= received) this.#kept.shift();
    if (isLost) for (const { frame } of this.#kept) this.#options.send(frame, false);
    if (this.#ending !== undefined && received === this.#sent) {
      const done = this.#ending;
      this.#ending = undefined;
      done();
    }
    this.#pump();
  }

  #takeData(at: number, bytes: Uint8Array): void {
    const skip = this.#received - at;
    if (skip < 0) {
      this.#miss();
      return;
    }
    const fresh = bytes.subarray(skip);
    if (fresh.length === 0 || this.#hasEnded) return;
    if (this.#received + fresh.length > this.#granted) {
      this.destroy(new Error("The other side sent more than it was granted."));
      return;
    }
    this.#isMissing = false;
    this.#received += fresh.length;
    this.push(fresh);
    this.#grant();
  }

  #takeEnd(at: number): void {
    if (at > this.#received) {
      this.#miss();
      return;
    }
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#received += 1;
      this.push(null);
    }
    this.#tell("credit");
  }

  /** Something before it was lost. Said once for each gap: what follows it says nothing new. */
  #miss(): void {
    if (this.#isMissing || this.#hasEnded) return;
    this.#isMissing = true;
    this.#tell("again");
  }

  #grant(): void {
    if (this.#limitNow() - this.#granted >= TELL_BYTES) this.#tell("credit");
  }

  /** What is unread counts against the window. */
  #limitNow(): number {
    return Math.max(this.#granted, this.#received + WINDOW_BYTES - this.readableLength);
  }

  #tell(kind: "credit" | "again"): void {
    this.#granted = this.#limitNow();
    this.#send({ kind, received: this.#received, limit: this.#granted });
  }

  #send(frame: Frame, answer = false): void {
    this.#options.send(encodeFrame(frame), answer);
  }
}

/** As TCP reports a reset. */
function cutError(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}
