/**
 * One "messages" duplex, either end: hellos, then frames out (coalesced per event-loop turn, one signature each) and frames in
 * (counter and signature checked before any message of a frame is delivered). Any violation ends the duplex. Frames of a caller
 * that begins with the handshake of the session, "early", do not wait for the called one's hello.
 */
import { randomBytes } from "node:crypto";
import { FirefliesError, type Identity, type MemberCertificate, sign, verify } from "../../identity/index.js";
import type { ByteDuplex } from "../../net/index.js";
import { asFirefliesError } from "../../net/index.js";
import type { SignatureChecks } from "../traffic/traffic.js";
import { Block } from "./block.js";
import { type Content, decodeContent, encodeContent } from "./content.js";
import {
  type Batch,
  decodeFrame,
  encodeBatch,
  encodeHello,
  FRAME_MESSAGES_MAX,
  FRAME_VERSION,
  type Hello,
  NONCE_BYTES,
  SALT_BYTES,
} from "./frame.js";
import { earlyLinkNonce, linkNonce, listBody, listPrefix } from "./list.js";
import type { SignedFrame } from "./proof.js";
import { fillSalt } from "./salt.js";

/** A frame is closed at this size, in bytes, so that a turn full of large messages does not become one huge frame. */
export const FRAME_BYTES_SOFT = 256 * 1024;
/**
 * From so many on, what one turn sends to a peer with nothing to do goes in two frames. Fewer go together: a second
 * signature and its check, 0.1 ms, would cost more than two sides at work at once bring.
 */
const FRAME_MESSAGES_SPLIT = 32;
/**
 * Frames checked in one turn of the event loop, at about 0.1 ms each; the rest waits for the next turn. Our own side
 * sends one per turn: only a flood of tiny frames meets this.
 */
const FRAMES_PER_TURN = 16;

export interface SessionOptions {
  readonly duplex: ByteDuplex;
  /** The one whose certificate the link was made with. */
  readonly identity: Identity;
  /** Whom the link proved the other end to be. */
  readonly peer: MemberCertificate;
  /** Whether we opened the duplex. */
  readonly caller: boolean;
  /** Of a caller: the session is being made, so frames may go along with the hello. */
  readonly isEarly?: boolean | undefined;
  /** Of a called one: such a link has come, with this nonce. False when it is not to be taken. */
  readonly onEarly?: ((linkNonce: Uint8Array) => boolean) | undefined;
  /** Why the peer may not talk to us any more; asked for every frame (R17). */
  readonly refusal?: (() => FirefliesError | undefined) | undefined;
  /**
   * A verified message; a false answer means that it makes no sense here, which ends the duplex. `message` is salt and
   * content, a window on the whole frame; `frame` is what was signed, without the messages.
   */
  readonly onContent: (content: Content, message: Uint8Array, frame: SignedFrame) => boolean;
  /** Once; "member-stopping" when the called side has ended it in order. */
  readonly onEnd: (error: FirefliesError) => void;
  /** Requests without an answer, those that wait here among them: whether the peer has work meanwhile. */
  readonly open?: (() => number) | undefined;
  /** Counts the signatures that are checked. */
  readonly checks?: SignatureChecks | undefined;
  /** What waited is on its way: there is room again. */
  readonly onRoom?: (() => void) | undefined;
}

export class FrameSession {
  readonly #options: SessionOptions;
  readonly #ownNonce = randomBytes(NONCE_BYTES);
  readonly #block = new Block();
  readonly #allocate = (length: number): Uint8Array => this.#block.take(length);
  readonly #begunAt = performance.now();
  #greetedAt: number | undefined;
  #linkNonce: Uint8Array | undefined;
  #outgoing: Uint8Array | undefined;
  #incoming: Uint8Array | undefined;
  #sent = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #received = 0;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** What is queued will be sent in this turn. */
  #flushing = false;
  #flushedInTurn = false;
  #blocked = false;
  #ended = false;
  #finishing = false;
  #framesInTurn = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { duplex, caller } = options;
    duplex.on("data", (bytes: Uint8Array) => {
      this.#onFrame(bytes);
      this.#pace();
    });
    duplex.on("drain", () => this.#onDrain());
    duplex.on("end", () => this.#onPeerFinished());
    duplex.on("error", (error) => this.end(asFirefliesError(error, "link-closed")));
    duplex.on("close", () => this.end(new FirefliesError("link-closed")));
    if (!caller) return;
    const early = options.isEarly ? earlyLinkNonce(duplex, options.identity.certificate.id) : undefined;
    this.#sayHello(early !== undefined);
    if (early !== undefined) this.#use(early);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes that wait for the peer to read. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** By `performance.now()`: when the last frame was sent. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** Something of mine waits for the peer to read, here or in the duplex. */
  get isUnsent(): boolean {
    return this.#queue.length > 0 || this.#options.duplex.writableLength > 0;
  }

  /** Undefined before anything was sent. */
  get linkNonce(): Uint8Array | undefined {
    return this.#linkNonce;
  }

  /** By `performance.now()`: before the hello went out. */
  get begunAt(): number {
    return this.#begunAt;
  }

  /** By `performance.now()`: when the other side's hello came; undefined before that. */
  get greetedAt(): number | undefined {
    return this.#greetedAt;
  }

  /** Sends with this turn's frame. Nothing happens after the end. Returns the message: salt and content. */
  send(content: Content): Uint8Array | undefined {
    if (this.#ended || this.#finishing) return undefined;
    const message = encodeContent(content, SALT_BYTES, this.#allocate);
    fillSalt(message);
    this.#queue.push(message);
    this.#queuedBytes += message.length;
    this.#flushSoon();
    return message;
  }

  /**
   * Sends what is queued and then nothing more. The other side answers that with its own end, and the duplex ends in order:
   * by then it has all that was sent.
   */
  finish(): void {
    if (this.#finishing || this.#ended) return;
    this.#finishing = true;
    this.#finishIfFlushed();
  }

  /** Ends both directions; the other side learns the code. */
  end(error: FirefliesError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#options.duplex.destroy(error);
    this.#options.onEnd(error);
  }

  #sayHello(isEarly: boolean): void {
    this.#options.duplex.write(encodeHello({ version: FRAME_VERSION, nonce: this.#ownNonce, isEarly }));
  }

  #flushSoon(): void {
    if (this.#flushing || this.#blocked || this.#outgoing === undefined) return;
    this.#flushing = true;
    if (this.#flushedInTurn) return; // With the others, at the turn's end.
    // After all that follows from this piece of input without waiting: its answers go out under one signature, and with
    // the very write that HTTP/2 does after a read.
    process.nextTick(() => {
      this.#flushedInTurn = true;
      setImmediate(() => {
        this.#flushedInTurn = false;
        if (this.#flushing) this.#flushNow();
      });
      this.#flushNow();
    });
  }

  #flushNow(): void {
    this.#flushing = false;
    this.#flush();
  }

  #flush(): void {
    if (this.#peerIsIdle()) {
      this.#write(Math.ceil(this.#queue.length / 2));
      this.#flushSoon();
      return;
    }
    while (this.#queue.length > 0 && !this.#blocked && !this.#ended) this.#write(FRAME_MESSAGES_MAX);
    if (this.#blocked || this.#ended) return;
    this.#finishIfFlushed();
    this.#options.onRoom?.();
  }

  #finishIfFlushed(): void {
    if (this.#finishing && this.#queue.length === 0) this.#options.duplex.end();
  }

  /** The other side's direction has ended in order, with all that it sent. */
  #onPeerFinished(): void {
    if (this.#ended) return;
    const { caller, duplex, onEnd } = this.#options;
    // The called side ends first when it stops, the calling one when its messages take another path.
    this.#ended = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    duplex.end();
    onEnd(new FirefliesError(caller ? "member-stopping" : "link-closed"));
  }

  /** Then two frames go out in two turns, so that from now on each side works on one while the other has the other. */
  #peerIsIdle(): boolean {
    const { length } = this.#queue;
    if (length < FRAME_MESSAGES_SPLIT || length > FRAME_MESSAGES_MAX || this.#blocked || this.#ended) return false;
    return this.#options.open?.() === length;
  }

  #write(messagesMax: number): void {
    this.#sentAt = performance.now();
    this.#blocked = !this.#options.duplex.write(this.#nextFrame(messagesMax));
  }

  #nextFrame(messagesMax: number): Uint8Array {
    const messages = this.#takeMessages(messagesMax);
    const counter = ++this.#sent;
    const { privateKey, certificate } = this.#options.identity;
    const signature = sign(privateKey, "frame", certificate.networkId, listBody(this.#outgoing!, counter, messages));
    return encodeBatch({ counter, signature, messages });
  }

  #takeMessages(messagesMax: number): Uint8Array[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#queue.length && count < messagesMax) {
      const next = this.#queue[count]!.length;
      if (count > 0 && bytes + next > FRAME_BYTES_SOFT) break;
      bytes += next;
      count++;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  #onDrain(): void {
    this.#blocked = false;
    this.#flush();
  }

  /** A peer that floods with frames gets its share of each turn, and others theirs. */
  #pace(): void {
    this.#framesInTurn += 1;
    if (this.#framesInTurn === 1) setImmediate(() => this.#nextTurn());
    if (this.#framesInTurn === FRAMES_PER_TURN) this.#options.duplex.pause();
  }

  #nextTurn(): void {
    const isPaused = this.#framesInTurn >= FRAMES_PER_TURN;
    this.#framesInTurn = 0;
    if (isPaused && !this.#ended) this.#options.duplex.resume();
  }

  #onFrame(bytes: Uint8Array): void {
    if (this.#ended) return;
    const refused = this.#options.refusal?.();
    const frame = refused === undefined ? decodeFrame(bytes) : undefined;
    if (refused !== undefined) this.end(refused);
    else if (frame?.kind === "hello") this.#onHello(frame);
    else if (frame?.kind === "batch") this.#onBatch(frame);
    else this.#violation("malformed");
  }

  #onHello({ version, nonce, isEarly = false }: Hello): void {
    if (version !== FRAME_VERSION) this.end(unknownVersion(version));
    else if (this.#greetedAt !== undefined) this.#violation("a second hello");
    else if (isEarly) this.#onEarly();
    else this.#greet(nonce);
  }

  /** Two links of one nonce would have an answer of one show for a question of the other, so a session gives it out once. */
  #onEarly(): void {
    const { caller, duplex, peer, onEarly = () => true } = this.#options;
    if (caller) {
      this.#violation("an early hello of the called side");
      return;
    }
    const common = earlyLinkNonce(duplex, peer.id);
    if (common === undefined || !onEarly(common)) this.end(cameLate());
    else this.#met(common);
  }

  #greet(nonce: Uint8Array): void {
    const { caller } = this.#options;
    const common = caller ? linkNonce(this.#ownNonce, nonce) : linkNonce(nonce, this.#ownNonce);
    this.#met(this.#linkNonce ?? common);
  }

  /** The other side has said hello. */
  #met(common: Uint8Array): void {
    this.#greetedAt = performance.now();
    if (!this.#options.caller) this.#sayHello(false);
    this.#use(common);
    this.#options.onRoom?.();
  }

  #use(common: Uint8Array): void {
    const { identity, peer } = this.#options;
    this.#linkNonce = common;
    const [self, other] = [identity.certificate.id, peer.id];
    this.#outgoing = listPrefix({ sender: self, receiver: other, linkNonce: common });
    this.#incoming = listPrefix({ sender: other, receiver: self, linkNonce: common });
    this.#flushSoon();
  }

  #onBatch(batch: Batch): void {
    const frame = this.#signed(batch);
    if (typeof frame === "string") {
      this.#violation(frame);
      return;
    }
    this.#received = batch.counter;
    for (const message of batch.messages) if (!this.#deliver(message, frame)) return;
  }

  /** What is signed, or why the frame is refused. */
  #signed({ counter, signature, messages }: Batch): SignedFrame | string {
    if (this.#incoming === undefined || this.#greetedAt === undefined) return "no hello before the first frame";
    if (counter !== this.#received + 1) return "a frame is missing, repeated or out of order";
    const { peer: sender } = this.#options;
    const list = listBody(this.#incoming, counter, messages);
    const isRight = verify(sender.publicKey, "frame", sender.networkId, list, signature);
    const { checks } = this.#options;
    if (checks) checks[isRight ? "right" : "wrong"] += 1;
    // A copy of the signature: who keeps this for a proof does not keep the whole frame.
    if (!isRight) return "wrong signature";
    return { sender, list, signature: signature.slice(), at: performance.now(), keepers: 0 };
  }

  /** False when the duplex has ended. */
  #deliver(message: Uint8Array, frame: SignedFrame): boolean {
    if (this.#ended) return false;
    const content = decodeContent(message, SALT_BYTES);
    if (content !== undefined && this.#options.onContent(content, message, frame)) return !this.#ended;
    this.#violation("a message that makes no sense");
    return false;
  }

  #violation(what: string): void {
    this.end(new FirefliesError("bad-frame", `The signed messages of a link were refused: ${what}.`));
  }
}

/** Its caller asks again over another link. */
function cameLate(): FirefliesError {
  return new FirefliesError("link-closed", "Messages that went along with a handshake came too late, or twice.");
}

function unknownVersion(version: number): FirefliesError {
  return new FirefliesError(
    "protocol-version",
    `The other side speaks version ${version} of signed messages; this one ${FRAME_VERSION}.`,
  );
}
