/** A ByteDuplex (session.ts) over a channel, which may come later: an end that calls back waits for its turn. */
import { FirefliesError, ReplyError, wrongType } from "../../identity/index.js";
import type { Channel, ChannelEvents } from "./channel.js";
import type { InboxEvents } from "./inbox.js";
import { MessageDuplex } from "./message-duplex.js";
import type { Piece } from "./pieces.js";
import type { KeyExporter } from "./session.js";
import { errorOfEnd, type PeerError, tooLarge } from "./status.js";

type Callback = (error?: Error | null) => void;
/** What a duplex asks of its channel, which need not be one of HTTP/2 (self.ts). */
type Way = Pick<Channel, Exclude<keyof Channel, keyof InboxEvents>>;

export class SessionDuplex extends MessageDuplex implements ChannelEvents {
  /** Of a session over TLS. */
  exportKey: KeyExporter | undefined;
  exportEarly: KeyExporter | undefined;
  readonly #bytesMax: number;
  #channel: Way | undefined;
  /** What was asked for before there was a channel. */
  #early: (() => void) | undefined;
  #peerEnded = false;
  /** The other side has taken the duplex, and has everything that was written. */
  #isAccepted: boolean;
  #isConfirmed = false;
  /** The end that waits to be confirmed. */
  #blocked: Callback | undefined;
  /** What has ended it, while what had come in order before is read. */
  #loss: PeerError | undefined;

  /** `isAccepted`: the other side opened it. */
  constructor(bytesMax: number, isAccepted: boolean) {
    super();
    this.#bytesMax = bytesMax;
    this.#isAccepted = isAccepted;
  }

  /** Called once. */
  attach(channel: Way): void {
    if (this.destroyed) channel.reset(resetError(this.errored));
    if (this.destroyed) return;
    this.#channel = channel;
    channel.use(this);
    const early = this.#early;
    this.#early = undefined;
    early?.();
  }

  onPiece(piece: Piece): boolean {
    if (this.destroyed) return true;
    if (piece?.kind === "data") return this.#onData(piece.data);
    if (piece?.kind === "end") this.#onEnd(piece.code, piece.text);
    else if (piece?.kind === "opened") this.onAccepted();
    else this.destroy(new FirefliesError("bad-frame"));
    return true;
  }

  onAccepted(): void {
    this.#isAccepted = true;
    this.#finishEnd();
  }

  onHalfClose(): void {
    // A spare call that was ended when the claim was on its way: the session closes.
    if (!this.#peerEnded) this.onGone(new FirefliesError(this.#isAccepted ? "stream-reset" : "link-closed"));
  }

  giveUp(error: FirefliesError): void {
    if (this.#channel === undefined) this.destroy(error);
    else this.#channel.giveUp(error);
  }

  onGone(error: PeerError): void {
    if (this.destroyed || this.#isOver || this.#loss !== undefined) return;
    this.#loss = error;
    // After all who listen for the end: a reader that finds it destroyed then would take it for cut.
    if (this.#peerEnded && !this.readableEnded) this.once("end", () => setImmediate(() => this.destroy(error)));
    else this.destroy(error);
  }

  /** The session is lost. */
  lose(error: FirefliesError): void {
    if (this.#channel === undefined) this.destroy(error);
    else this.#channel.lose(error);
  }

  override _read(): void {
    this.#channel?.resume();
  }

  override _write(chunk: unknown, _encoding: string, done: Callback): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: readonly { readonly chunk: unknown }[], done: Callback): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: Callback): void {
    if (this.#loss !== undefined) done(this.#loss);
    else this.#whenAttached(() => this.#end(done));
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.#blocked = undefined;
    this.#early = undefined;
    if (this.#isOver) this.#channel?.end();
    else this.#channel?.reset(resetError(error));
    done(error);
  }

  /** Both directions have ended, and both ends know. */
  get #isOver(): boolean {
    return this.#peerEnded && this.#isConfirmed && this.#isAccepted;
  }

  #whenAttached(run: () => void): void {
    if (this.#channel === undefined) this.#early = run;
    else run();
  }

  /** What comes before a chunk that may not be sent is sent. */
  #send(chunks: readonly unknown[], done: Callback): void {
    const problems = chunks.map((chunk) => this.#loss ?? chunkProblem(chunk, this.#bytesMax));
    const wrong = problems.findIndex((problem) => problem !== undefined);
    const sound = (wrong === -1 ? chunks : chunks.slice(0, wrong)) as readonly Uint8Array[];
    const sent = () => done(problems[wrong]);
    if (this.counter) for (const { length } of sound) this.counter.bytesOut += length;
    if (sound.length === 0) sent();
    else this.#whenAttached(() => this.#channel?.writeData(sound, sent));
  }

  #end(done: Callback): void {
    this.#blocked = done;
    this.#channel?.close(() => {
      this.#isConfirmed = true;
      this.#finishEnd();
    });
  }

  #finishEnd(): void {
    if (this.#isConfirmed && this.#isAccepted) this.#unblock();
  }

  #unblock(): void {
    const done = this.#blocked;
    this.#blocked = undefined;
    done?.();
  }

  #onData(data: Uint8Array): boolean {
    const problem = this.#peerEnded ? new FirefliesError("bad-frame") : chunkProblem(data, this.#bytesMax);
    if (problem === undefined) {
      if (this.counter) this.counter.bytesIn += data.length;
      return this.push(data);
    }
    this.destroy(problem);
    return true;
  }

  #onEnd(code: string, text: string): void {
    if (code !== "") {
      this.onGone(errorOfEnd(code, text));
    } else if (this.#peerEnded) {
      this.destroy(new FirefliesError("bad-frame"));
    } else {
      this.#peerEnded = true;
      this.push(null);
    }
  }
}

/** A duplex that could not be opened: it ends with `error` as any other would. */
export function failedDuplex(error: FirefliesError): SessionDuplex {
  return new SessionDuplex(0, false).destroy(error);
}

/** What a duplex that was destroyed with `error` tells the other side. */
function resetError(error: Error | null): PeerError {
  return error instanceof FirefliesError || error instanceof ReplyError ? error : new FirefliesError("stream-reset");
}

/** Why `chunk` may not be sent: not bytes, or more than `bytesMax`. */
export function chunkProblem(chunk: unknown, bytesMax: number): Error | undefined {
  if (!(chunk instanceof Uint8Array)) return wrongType("A message is a Uint8Array.");
  if (chunk.length <= bytesMax) return undefined;
  return tooLarge(chunk.length, bytesMax);
}
