/** The lasting streams of a member: those that it opens, and those of others, found again by their ids when they come anew. */
import { randomBytes } from "node:crypto";
import { FirefliesError } from "../../identity/index.js";
import { Budget, type ByteDuplex, onAbort, type Session } from "../../net/index.js";
import { type MemberId, toHex } from "../../rings/index.js";
import { ID_BYTES, type Piece } from "./codec.js";
import { Lane } from "./lane.js";
import { LastingStream, type Opening } from "./lasting-stream.js";
import { ANSWER_MS, AWAIT_MS, CROWDED_SHARE, ENDED_MAX, MEMORY_MAX, PARTING_MAX } from "./limits.js";

type Hello = Extract<Piece, { kind: "hello" }>;

export class LastingStreams {
  /** By member and id; some that have ended among them. */
  readonly #accepted = new Map<string, LastingStream>();
  /** Those that have ended, by member, and when they are forgotten; the oldest first. */
  readonly #ended = new Map<MemberId, Map<string, NodeJS.Timeout>>();
  #endedCount = 0;
  /** Those that this end has ended, and the other end has not heard of; the oldest first. */
  readonly #parting = new Set<LastingStream>();
  /** What waits for readers, or may have to be sent again. */
  readonly #budget: Budget;
  readonly #crowded: number;
  #isClosed = false;

  constructor(memoryMax: number = MEMORY_MAX) {
    this.#budget = new Budget(memoryMax);
    this.#crowded = CROWDED_SHARE * memoryMax;
  }

  open(
    session: Session,
    {
      reach,
      name,
      trace,
      signal,
    }: Pick<Opening, "reach" | "name" | "trace"> & { readonly signal?: AbortSignal | undefined },
  ): LastingStream {
    const stream = this.#new(session.peer.id, { id: randomBytes(ID_BYTES), reach, name, trace });
    stream.open(session);
    const stopListening = onAbort(signal, () => stream.destroy(new FirefliesError("cancelled")));
    stream.once("close", () => {
      stopListening();
      if (stream.isParting) this.#part(stream);
    });
    return stream;
  }

  /** The member stops: nobody is told anything more. */
  close(): void {
    this.#isClosed = true;
    for (const stream of [...this.#parting]) stream.abandon();
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

  #new(member: MemberId, opening?: Opening): LastingStream {
    const holder = { cut: (error: FirefliesError) => void stream.destroy(error) };
    const keeping = {
      hold: (weight: number) => this.#budget.set(member, holder, weight),
      isCrowded: () => this.#budget.bytes >= this.#crowded,
    };
    const stream = new LastingStream(keeping, opening);
    return stream;
  }

  #part(stream: LastingStream): void {
    this.#parting.add(stream);
    stream.onParted(() => this.#parting.delete(stream));
    const [oldest] = this.#parting;
    if (this.#isClosed || this.#parting.size > PARTING_MAX) oldest?.abandon();
  }

  #greet(from: MemberId, lane: Lane, hello: Hello, begin: (stream: LastingStream) => void): void {
    const key = `${from} ${toHex(hello.id)}`;
    const known = this.#accepted.get(key);
    if (known === undefined && !hello.mayBeNew) {
      lane.destroy(new FirefliesError("stream-reset", "The other side has this stream no more: it was started anew."));
      return;
    }
    const stream = known ?? this.#new(from);
    if (known === undefined) {
      this.#accepted.set(key, stream);
      stream.once("close", () => this.#remember(from, key));
      begin(stream);
    }
    stream.accept(lane, hello);
  }

  /** The other end may have missed how it ended. Of too many the member that has most loses its oldest. */
  #remember(member: MemberId, key: string): void {
    const ended = this.#ended.get(member) ?? new Map<string, NodeJS.Timeout>();
    this.#ended.set(member, ended);
    ended.set(key, setTimeout(() => this.#forget(member, key), AWAIT_MS).unref());
    this.#endedCount += 1;
    if (this.#endedCount <= ENDED_MAX) return;
    const [most] = [...this.#ended].sort(([, a], [, b]) => b.size - a.size);
    const [oldest] = most?.[1].keys() ?? [];
    if (most !== undefined && oldest !== undefined) this.#forget(most[0], oldest);
  }

  #forget(member: MemberId, key: string): void {
    const ended = this.#ended.get(member);
    clearTimeout(ended?.get(key));
    if (ended?.delete(key)) this.#endedCount -= 1;
    if (ended?.size === 0) this.#ended.delete(member);
    this.#accepted.delete(key);
  }
}
