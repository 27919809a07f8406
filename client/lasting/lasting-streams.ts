/** The lasting streams of a member: those that it opens, and those of others, found again by their ids when they come anew. */
import { randomBytes } from "node:crypto";
import { FirefliesError } from "../../identity/index.js";
import { type ByteDuplex, onAbort, type Session } from "../../net/index.js";
import { type MemberId, toHex } from "../../rings/index.js";
import { ID_BYTES, type Piece } from "./codec.js";
import { Lane } from "./lane.js";
import { LastingStream, type Opening } from "./lasting-stream.js";
import { ANSWER_MS, AWAIT_MS, ENDED_MAX } from "./limits.js";

type Hello = Extract<Piece, { kind: "hello" }>;

export class LastingStreams {
  /** By member and id; some that have ended among them. */
  readonly #accepted = new Map<string, LastingStream>();
  /** Those that have ended, and when they are forgotten; the oldest first. */
  readonly #ended = new Map<string, NodeJS.Timeout>();

  open(
    session: Session,
    { reach, name, signal }: Pick<Opening, "reach" | "name"> & { readonly signal?: AbortSignal | undefined },
  ): LastingStream {
    const stream = new LastingStream({ id: randomBytes(ID_BYTES), reach, name });
    stream.open(session);
    const stopListening = onAbort(signal, () => stream.destroy(new FirefliesError("cancelled")));
    stream.once("close", stopListening);
    return stream;
  }

  /** `begin` takes a stream that is new, or destroys it. */
  accept(from: MemberId, duplex: ByteDuplex, begin: (stream: LastingStream) => void): void {
    const late = setTimeout(() => duplex.destroy(new FirefliesError("timeout")), ANSWER_MS);
    duplex.once("close", () => clearTimeout(late));
    new Lane(duplex, {
      onPiece: (lane, piece) => {
        clearTimeout(late);
        if (piece.kind === "hello") this.#greet(from, lane, piece, begin);
        return piece.kind === "hello";
      },
      onRoom: () => {},
      onEnd: () => void duplex.destroy(new FirefliesError("bad-frame")),
      onClosed: () => {},
    });
  }

  #greet(from: MemberId, lane: Lane, hello: Hello, begin: (stream: LastingStream) => void): void {
    const key = `${from} ${toHex(hello.id)}`;
    const known = this.#accepted.get(key);
    if (known === undefined && !hello.mayBeNew) {
      lane.destroy(new FirefliesError("stream-reset", "The other side has this stream no more: it was started anew."));
      return;
    }
    const stream = known ?? new LastingStream();
    if (known === undefined) {
      this.#accepted.set(key, stream);
      stream.once("close", () => this.#remember(key));
      begin(stream);
    }
    stream.accept(lane, hello);
  }

  /** The other end may have missed how it ended. */
  #remember(key: string): void {
    const timer = setTimeout(() => this.#forget(key), AWAIT_MS);
    timer.unref();
    this.#ended.set(key, timer);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#forget(oldest);
  }

  #forget(key: string): void {
    clearTimeout(this.#ended.get(key));
    this.#ended.delete(key);
    this.#accepted.delete(key);
  }
}
