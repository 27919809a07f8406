/**
 * A stream that outlives its connections: what the other side has not acknowledged is sent again over the next one, and each
 * message is read once. The end that opened it makes connections: the first one, another one when that is lost, and one over
 * a better path when there is such. What it says is in codec.ts.
 */
import { FirefliesError } from "../../identity/index.js";
import { type ByteDuplex, chunkProblem, MessageDuplex, pause, type Session } from "../../net/index.js";
import { LASTING, STREAM_CHUNK_BYTES_MAX } from "../protocols.js";
import { END, encodeData, encodeHello, encodeProgress, type Piece, type Progress } from "./codec.js";
import { Incoming } from "./incoming.js";
import { Lane, type LaneSink } from "./lane.js";
import { ACK_EVERY, ANSWER_MS, AWAIT_MS, PAUSE_MS, RECONNECT_MS } from "./limits.js";
import { Unacknowledged } from "./unacknowledged.js";

/** Of the end that opens it. */
export interface Opening {
  readonly id: Uint8Array;
  /** Of the protocol of the application; empty for none. */
  readonly name?: string | undefined;
  /** A session with the other end, the best there is. Rejects with a FirefliesError. */
  readonly reach: (signal: AbortSignal) => Promise<Session>;
}

/** Ends of a connection after which the next one may go well. */
const PASSING: readonly string[] = ["link-closed", "timeout", "peer-unreachable", "peer-refused", "peer-mismatch"];
/** Nor is one made while the member has much to do. On a connection the same is the other end's word on this stream. */
const PASSING_WITHOUT: readonly string[] = [...PASSING, "overloaded"];

type Callback = (error?: Error | null) => void;

export class LastingStream extends MessageDuplex implements ByteDuplex, LaneSink {
  readonly #opening: Opening | undefined;
  readonly #hold: (weight: number) => void;
  readonly #incoming = new Incoming();
  readonly #unacknowledged = new Unacknowledged();
  readonly #over = new AbortController();
  #lane: Lane | undefined;
  /** A connection that is being made, and who waits for its answer. */
  #candidate: { readonly lane: Lane; readonly done: (error?: Error) => void } | undefined;
  #isConnecting = false;
  /** Of the newest connection. */
  #number = 0;
  #wasHeard = false;
  #wantsMore = false;
  #acknowledged = 0;
  /** The writer, while it has to wait; and the end of my direction, until the other side has it. */
  #blocked: Callback | undefined;
  #endNumber: number | undefined;
  #finished: Callback | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** At the end that accepted: how the connection was lost that it waits to have replaced. */
  #loss: Error | undefined;
  #unwatch: () => void = () => {};

  /** `hold` is told what waits for the reader, and may destroy the stream. `opening` is undefined at the end that accepts. */
  constructor(hold: (weight: number) => void, opening?: Opening) {
    super();
    this.#hold = hold;
    this.#opening = opening;
  }

  /** The first connection: nothing is waited for. */
  open(session: Session): void {
    const lane = this.#newLane(session);
    this.#use(lane, 0);
  }

  /** At the end that accepts: a connection, and what the other end said first on it. */
  accept(lane: Lane, theirs: Progress & { readonly number: number }): void {
    if (this.destroyed && !this.#isComplete) {
      lane.destroy(this.errored ?? new FirefliesError("stream-reset"));
      return;
    }
    if (theirs.number <= this.#number) {
      lane.leave(); // A newer one has overtaken it.
      return;
    }
    this.#number = theirs.number;
    if (!this.#unacknowledged.has(theirs.received) || !this.#acknowledge(theirs)) {
      lane.destroy(new FirefliesError("bad-frame"));
      return;
    }
    clearTimeout(this.#timer);
    const isFirst = !this.#wasHeard;
    this.#wasHeard = true;
    lane.hand(this);
    lane.position = this.#incoming.progress.received;
    lane.send(encodeProgress("here", this.#incoming.progress));
    this.#use(lane, theirs.received);
    if (!isFirst && !this.destroyed) this.emit("reconnect", this.#loss);
    this.#loss = undefined;
  }

  giveUp(error: FirefliesError): void {
    // After all who listen for the end: a reader that finds it destroyed then would take it for cut.
    if (this.#incoming.hasEnded && !this.readableEnded) this.once("end", () => setImmediate(() => this.destroy(error)));
    else this.destroy(error);
  }

  // --- Of the program ---

  override _read(): void {
    this.#wantsMore = true;
    this.#deliver();
  }

  override _write(chunk: unknown, _encoding: string, done: Callback): void {
    const problem = chunkProblem(chunk, STREAM_CHUNK_BYTES_MAX);
    if (problem !== undefined) {
      done(problem);
      return;
    }
    this.#unacknowledged.add(encodeData(chunk as Uint8Array));
    this.#pump();
    if (this.#unacknowledged.isFull) this.#blocked = done;
    else done();
  }

  override _final(done: Callback): void {
    this.#endNumber = this.#unacknowledged.next;
    this.#finished = done;
    this.#unacknowledged.add(END);
    this.#pump();
  }

  override _destroy(error: Error | null, done: Callback): void {
    clearTimeout(this.#timer);
    this.#blocked = undefined;
    this.#finished = undefined;
    this.#incoming.clear();
    this.#hold(0);
    if (this.#isComplete) this.#lane?.end();
    else this.#cut(error);
    done(error);
  }

  // --- Of the connection in use, and of one that is being made ---

  onPiece(lane: Lane, piece: Piece): boolean {
    if (piece.kind === "here") return this.#answered(lane, piece);
    if (lane !== this.#lane) return false; // Nothing comes before the answer.
    if (piece.kind === "ack") return this.#acknowledge(piece);
    if (piece.kind === "hello") return false;
    const isSound = this.#incoming.add(lane.position++, piece.kind === "data" ? piece.data : null);
    if (this.#incoming.hasEnded) this.#sendAck();
    this.#deliver();
    return isSound;
  }

  onRoom(lane: Lane): void {
    if (lane === this.#lane) this.#pump();
  }

  onEnd(lane: Lane): void {
    if (this.#isComplete) lane.end();
  }

  onClosed(lane: Lane, error: Error | undefined): void {
    if (lane === this.#candidate?.lane) this.#candidate.done(error ?? new FirefliesError("link-closed"));
    if (lane !== this.#lane) return;
    this.#lane = undefined;
    if (error === undefined && this.#isComplete) this.#end();
    else if (error === undefined) this.destroy(new FirefliesError("bad-frame"));
    else if (isOneOf(PASSING, error)) this.#lost(error);
    else this.destroy(error);
  }

  #answered(lane: Lane, piece: Progress): boolean {
    if (lane !== this.#lane && lane !== this.#candidate?.lane) return false;
    if (!this.#unacknowledged.has(piece.received) || !this.#acknowledge(piece)) return false;
    this.#wasHeard = true;
    if (lane === this.#lane) return true;
    this.#use(lane, piece.received);
    this.#candidate?.done();
    return true;
  }

  // --- Connections ---

  #newLane(session: Session): Lane {
    const { id, name = "" } = this.#opening!;
    const lane = new Lane(session.open(LASTING, { name }), this);
    lane.position = this.#incoming.progress.received;
    lane.send(encodeHello(id, this.#incoming.progress, ++this.#number, !this.#wasHeard));
    this.#unwatch();
    this.#unwatch = session.onSuperseded(() => void this.#move(session));
    return lane;
  }

  /** What the other side has not had, from `next` on, is sent over this one. */
  #use(lane: Lane, next: number): void {
    const before = this.#lane;
    this.#lane = lane;
    lane.next = next;
    if (before !== lane) before?.leave();
    if (this.destroyed)
      lane.end(); // All has come, and the other end knows by what was said first.
    else this.#pump();
  }

  #lost(why: Error): void {
    if (this.#opening !== undefined) void this.#reconnect(why);
    else if (!this.destroyed) this.#await(why);
  }

  #await(why: Error): void {
    this.#loss = why;
    this.#timer = setTimeout(() => this.destroy(why), AWAIT_MS);
    this.#timer.unref();
  }

  /** Another session with the other end is better than the one in use. */
  async #move(from: Session): Promise<void> {
    if (this.#isConnecting || this.#over.signal.aborted || this.destroyed) return;
    this.#isConnecting = true;
    try {
      const session = await this.#opening!.reach(this.#over.signal);
      if (session === from) return;
      await this.#connect(session);
      if (!this.destroyed) this.emit("reconnect", undefined);
    } catch {
      // It goes on over the old one, and is made anew when that is lost.
    } finally {
      this.#isConnecting = false;
      if (this.#lane === undefined) void this.#reconnect(new FirefliesError("link-closed"));
    }
  }

  async #reconnect(why: Error): Promise<void> {
    const { signal } = this.#over;
    if (this.#isConnecting || signal.aborted) return;
    this.#isConnecting = true;
    const until = performance.now() + RECONNECT_MS;
    for (let ms: number = PAUSE_MS.first; !signal.aborted; ms = Math.min(2 * ms, PAUSE_MS.longest)) {
      const failure = await this.#tryOnce();
      if (failure === undefined) break;
      if (failure.isFinal || performance.now() > until) {
        this.#isConnecting = false;
        this.#end();
        // A refusal says more than the loss before it; that nobody was reached says less.
        if (!this.destroyed) this.destroy(failure.isFinal ? failure.error : why);
        return;
      }
      await pause(ms, signal);
    }
    this.#isConnecting = false;
    if (signal.aborted) return;
    if (this.#lane === undefined)
      void this.#reconnect(why); // Lost again meanwhile.
    else if (!this.destroyed) this.emit("reconnect", why);
  }

  async #tryOnce(): Promise<Failure | undefined> {
    let passing = PASSING_WITHOUT;
    try {
      const session = await this.#opening!.reach(this.#over.signal);
      passing = PASSING;
      await this.#connect(session);
      return undefined;
    } catch (error) {
      return { error: error as Error, isFinal: !isOneOf(passing, error as Error) };
    }
  }

  /** Resolves when the other end has answered, and the connection is in use. */
  #connect(session: Session): Promise<void> {
    return new Promise((resolve, reject) => {
      const lane = this.#newLane(session);
      const late = setTimeout(() => lane.destroy(new FirefliesError("timeout")), ANSWER_MS);
      const done = (error?: Error) => {
        clearTimeout(late);
        this.#candidate = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#candidate = { lane, done };
    });
  }

  /** No connection is made any more. */
  #end(): void {
    this.#over.abort();
    this.#unwatch();
  }

  #cut(error: Error | null): void {
    this.#end();
    this.#unacknowledged.clear();
    const reason = error ?? new FirefliesError("stream-reset");
    this.#lane?.destroy(reason);
    this.#candidate?.lane.destroy(reason);
  }

  // --- Messages ---

  /** Both directions have ended, and both ends know. */
  get #isComplete(): boolean {
    return (
      this.#incoming.hasEnded && this.#endNumber !== undefined && this.#unacknowledged.isAcknowledged(this.#endNumber)
    );
  }

  #pump(): void {
    const lane = this.#lane;
    while (lane !== undefined && lane === this.#lane && !lane.isFull) {
      const piece = this.#unacknowledged.at(lane.next);
      if (piece === undefined) return;
      lane.next += 1;
      lane.send(piece);
    }
  }

  #acknowledge(theirs: Progress): boolean {
    if (!this.#unacknowledged.acknowledge(theirs)) return false;
    if (!this.#unacknowledged.isFull) this.#goOn();
    if (this.#endNumber !== undefined && this.#unacknowledged.isAcknowledged(this.#endNumber)) this.#confirmEnd();
    return true;
  }

  #goOn(): void {
    const done = this.#blocked;
    this.#blocked = undefined;
    done?.();
  }

  #confirmEnd(): void {
    const done = this.#finished;
    this.#finished = undefined;
    done?.();
  }

  #deliver(): void {
    while (this.#wantsMore && !this.destroyed) {
      const come = this.#incoming.take();
      if (come === undefined) break;
      this.#wantsMore = this.push(come);
      if (this.#incoming.progress.taken - this.#acknowledged >= ACK_EVERY) this.#sendAck();
    }
    this.#hold(this.#incoming.weight);
  }

  #sendAck(): void {
    const { progress } = this.#incoming;
    this.#acknowledged = progress.taken;
    this.#lane?.send(encodeProgress("ack", progress));
  }
}

/** Of one try to make a connection. */
interface Failure {
  readonly error: Error;
  /** Another try would go no better. */
  readonly isFinal: boolean;
}

function isOneOf(codes: readonly string[], error: Error): boolean {
  return error instanceof FirefliesError && codes.includes(error.code);
}
