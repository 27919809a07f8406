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
import { heardLastWord, lastWord, PASSING } from "./last-word.js";
import { ACK_EVERY, ANSWER_MS, AWAIT_MS, PAUSE_MS, RECONNECT_MS } from "./limits.js";
import { Unacknowledged } from "./unacknowledged.js";

/** Of the end that opens it. */
export interface Opening {
  readonly id: Uint8Array;
  /** Of the protocol of the application; empty for none. */
  readonly name?: string | undefined;
  /** What is said of a trace; empty for nothing. */
  readonly trace?: string | undefined;
  /** A session with the other end, the best there is. Rejects with a FirefliesError. */
  readonly reach: (signal: AbortSignal) => Promise<Session>;
}

/** What all streams of this end share. */
export interface Keeping {
  /** Told what the stream holds from now on. May destroy it. */
  readonly hold: (weight: number) => void;
  /** Much is held in all: each writer is to hold less. */
  readonly isCrowded: () => boolean;
}

/** No connection is made while the member has much to do either. On a connection the same is the other end's word on this stream. */
const PASSING_WITHOUT: readonly string[] = [...PASSING, "overloaded"];

type Callback = (error?: Error | null) => void;

export class LastingStream extends MessageDuplex implements ByteDuplex, LaneSink {
  readonly #opening: Opening | undefined;
  readonly #keeping: Keeping;
  readonly #incoming = new Incoming();
  readonly #unacknowledged = new Unacknowledged();
  readonly #over = new AbortController();
  #lane: Lane | undefined;
  /** A connection that is being made, and who waits for its answer. */
  #candidate: { readonly lane: Lane; readonly done: (failure?: Failure) => void } | undefined;
  #isConnecting = false;
  /** Ended by this end's program, or by a lack of room, before both directions had ended. */
  #isCut = false;
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

  /** `opening` is undefined at the end that accepts. */
  constructor(keeping: Keeping, opening?: Opening) {
    super();
    this.#keeping = keeping;
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
      lane.destroy(lastWord(this.errored));
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

  /** It was ended while it had no connection, and one is made to say so. */
  get isParting(): boolean {
    return this.#isCut && !this.#over.signal.aborted;
  }

  /** The other end hears nothing more. */
  abandon(): void {
    this.#end();
  }

  /** Calls back when `isParting` has become false. */
  onParted(listener: () => void): void {
    this.#over.signal.addEventListener("abort", listener, { once: true });
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
    if (this.counter) this.counter.bytesOut += (chunk as Uint8Array).length;
    this.#unacknowledged.add(encodeData(chunk as Uint8Array));
    this.#pump();
    this.#hold();
    if (this.#isFull && !this.destroyed) this.#blocked = done;
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
    if (this.#isComplete) this.#lane?.end();
    else this.#cut(error);
    this.#keeping.hold(0);
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
    const word = error && heardLastWord(error);
    if (lane === this.#candidate?.lane) {
      const failure = word ?? error ?? new FirefliesError("link-closed");
      this.#candidate.done({ error: failure, isFinal: word !== undefined });
    }
    if (lane !== this.#lane) return;
    this.#lane = undefined;
    if (error === undefined && this.#isComplete) this.#end();
    else if (error === undefined) this.destroy(new FirefliesError("bad-frame"));
    else if (word === undefined) this.#lost(error);
    else this.destroy(word);
  }

  #answered(lane: Lane, piece: Progress): boolean {
    if (lane !== this.#lane && lane !== this.#candidate?.lane) return false;
    if (!this.#isCut && (!this.#unacknowledged.has(piece.received) || !this.#acknowledge(piece))) return false;
    this.#wasHeard = true;
    if (lane === this.#lane) return true;
    this.#use(lane, piece.received);
    this.#candidate?.done();
    return true;
  }

  // --- Connections ---

  #newLane(session: Session): Lane {
    const { id, name = "", trace } = this.#opening!;
    const lane = new Lane(session.open(LASTING, { name, trace }), this);
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
    if (this.#isCut) this.#part(lane);
    else if (this.destroyed)
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
      const failure = await this.#connect(session);
      // Else it goes on over the old one, and is made anew when that is lost.
      if (failure === undefined && !this.destroyed) this.emit("reconnect", undefined);
    } catch {
      // Likewise.
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
    let session: Session;
    try {
      session = await this.#opening!.reach(this.#over.signal);
    } catch (error) {
      return { error: error as Error, isFinal: !isOneOf(PASSING_WITHOUT, error as Error) };
    }
    return await this.#connect(session);
  }

  /** Resolves when the other end has answered, and the connection is in use; or to why it has not. */
  #connect(session: Session): Promise<Failure | undefined> {
    return new Promise((resolve) => {
      const lane = this.#newLane(session);
      const late = setTimeout(() => lane.destroy(new FirefliesError("timeout")), ANSWER_MS);
      const done = (failure?: Failure) => {
        clearTimeout(late);
        this.#candidate = undefined;
        resolve(failure);
      };
      this.#candidate = { lane, done };
    });
  }

  /** No connection is made any more. */
  #end(): void {
    this.#over.abort();
    this.#unwatch();
  }

  /** Ends it before both directions have ended. The other end is told, on a connection that is being made if there is none. */
  #cut(error: Error | null): void {
    this.#isCut = true;
    this.#unacknowledged.clear();
    if (this.#opening !== undefined && this.#lane === undefined && this.#isConnecting) return;
    this.#end();
    this.#lane?.destroy(lastWord(error));
    this.#candidate?.lane.destroy(lastWord(error));
  }

  #part(lane: Lane): void {
    this.#end();
    lane.destroy(lastWord(this.errored));
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
    this.#hold();
    if (!this.#isFull) this.#goOn();
    if (this.#endNumber !== undefined && this.#unacknowledged.isAcknowledged(this.#endNumber)) this.#confirmEnd();
    return true;
  }

  get #isFull(): boolean {
    return this.#unacknowledged.isFull(this.#keeping.isCrowded());
  }

  #hold(): void {
    if (!this.destroyed) this.#keeping.hold(this.#incoming.weight + this.#unacknowledged.weight);
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
      if (this.counter && come !== null) this.counter.bytesIn += come.length;
      this.#wantsMore = this.push(come);
      if (this.#incoming.progress.taken - this.#acknowledged >= ACK_EVERY) this.#sendAck();
    }
    this.#hold();
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
