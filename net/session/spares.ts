/**
 * Calls back. Only the end that dialled can begin a call over HTTP/2, so it keeps a spare one open. The end that accepted
 * claims it with a first piece that names a protocol; the dialling end serves it, and opens another spare if that was the
 * last. What finds no spare waits for it: a round trip. After an answer in order the same one is a spare again: beginning
 * and ending a call over HTTP/2 costs more than two calls back.
 */
import type { ClientHttp2Session, ServerHttp2Stream } from "node:http2";
import { FirefliesError } from "../../identity/index.js";
import { AcceptedChannel, type Carrier, type Channel, DialledChannel } from "./channel.js";
import { requestHeaders } from "./headers.js";
import { CLAIM_BYTES_MAX, OPEN_WAIT_MS, OPENS_WAITING_MAX, SPARES_KEPT_MAX, SPARES_MAX } from "./limits.js";
import type { Piece } from "./pieces.js";
import { BACK_ID } from "./protocol.js";

interface Waiting {
  readonly use: (channel: Channel) => void;
  readonly failed: (error: FirefliesError) => void;
}

/** At the end that accepted: the spare calls that the other end offers, and who waits for one. */
export class Spares {
  readonly #carrier: Carrier;
  readonly #idle = new Set<Channel>();
  readonly #waiting = new Map<Waiting, NodeJS.Timeout>();
  /** The other end takes calls. */
  onOffer: () => void = () => {};

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  offer(stream: ServerHttp2Stream): void {
    const channel = new AcceptedChannel(stream, this.#carrier, 0);
    const [first] = this.#waiting.keys();
    if (first !== undefined) this.#give(first, channel);
    else if (this.#idle.size >= SPARES_MAX) channel.reset(new FirefliesError("overloaded"));
    else this.#keep(channel);
    this.onOffer();
  }

  /** The call back that claimed it has its answer. */
  giveBack(channel: Channel): void {
    if (!channel.isOpen) return;
    channel.limit(0);
    const [first] = this.#waiting.keys();
    if (first !== undefined) this.#give(first, channel);
    else if (this.#idle.size < SPARES_KEPT_MAX) this.#keep(channel);
    else channel.end();
  }

  /** Calls `use` with a channel, now or later, or `failed` with "overloaded" or "timeout". Returns the way to stop waiting. */
  take(use: Waiting["use"], failed: Waiting["failed"]): () => void {
    const [channel] = this.#idle;
    const waiting = { use, failed };
    if (channel !== undefined) {
      this.#idle.delete(channel);
      use(channel);
    } else if (this.#waiting.size >= OPENS_WAITING_MAX) {
      failed(new FirefliesError("overloaded"));
    } else {
      this.#waiting.set(
        waiting,
        setTimeout(() => this.#fail(waiting, new FirefliesError("timeout")), OPEN_WAIT_MS),
      );
      this.#carrier.sent(); // The next spare is awaited.
    }
    return () => this.#leave(waiting);
  }

  #keep(channel: Channel): void {
    this.#idle.add(channel);
    const forget = () => this.#idle.delete(channel);
    const unasked = () => {
      forget();
      channel.reset(new FirefliesError("bad-frame"));
      return true;
    };
    channel.use({ onPiece: unasked, onHalfClose: unasked, onGone: forget });
  }

  #give(waiting: Waiting, channel: Channel): void {
    this.#leave(waiting);
    waiting.use(channel);
  }

  #fail(waiting: Waiting, error: FirefliesError): void {
    this.#leave(waiting);
    waiting.failed(error);
  }

  #leave(waiting: Waiting): void {
    clearTimeout(this.#waiting.get(waiting));
    this.#waiting.delete(waiting);
  }
}

/** At the end that dialled: what was claimed. */
export interface Claim {
  readonly channel: Channel;
  readonly protocol: string;
  /** In how many milliseconds the caller gives up; infinite when it named none. */
  readonly timeoutMs: number;
  readonly name: string;
  readonly trace: string;
}

/** At the end that dialled: keeps one spare call open at least, for as long as the session takes it. */
export class Offers {
  readonly #http2: ClientHttp2Session;
  readonly #carrier: Carrier;
  readonly #onClaim: (claim: Claim) => void;
  readonly #idle = new Set<Channel>();
  #isOver = false;
  /** The other end has claimed one since one was offered in place of a lost one. */
  #isTaken = false;

  constructor(http2: ClientHttp2Session, carrier: Carrier, onClaim: (claim: Claim) => void) {
    this.#http2 = http2;
    this.#carrier = carrier;
    this.#onClaim = onClaim;
    this.#offer();
  }

  /** A call back on it was answered, and the answer has been sent. */
  spare(channel: Channel): void {
    if (this.#isOver) channel.end();
    else if (channel.isOpen) this.#wait(channel);
  }

  /** The first piece on a spare, or on one that was answered before this end knew that the answer had been sent. */
  claimed(channel: Channel, piece: Piece): void {
    this.#idle.delete(channel);
    if (piece?.kind !== "open") {
      channel.reset(new FirefliesError("bad-frame"));
      return;
    }
    this.#isTaken = true;
    if (this.#idle.size === 0) this.#offer();
    const { protocol, timeoutMs, name, trace } = piece;
    this.#onClaim({ channel, protocol, timeoutMs: timeoutMs || Number.POSITIVE_INFINITY, name, trace });
  }

  /** The session takes nothing new. */
  end(): void {
    this.#isOver = true;
    for (const channel of this.#idle) channel.end();
    this.#idle.clear();
  }

  #offer(): void {
    const http2 = this.#http2;
    if (this.#isOver || http2.closed || http2.destroyed) return;
    const stream = http2.request(requestHeaders(BACK_ID, Number.POSITIVE_INFINITY));
    this.#wait(new DialledChannel(stream, this.#carrier, CLAIM_BYTES_MAX));
  }

  #wait(channel: Channel): void {
    this.#idle.add(channel);
    channel.limit(CLAIM_BYTES_MAX);
    channel.use({
      onPiece: (piece) => {
        this.claimed(channel, piece);
        return true;
      },
      onHalfClose: () => {
        channel.end();
        this.#lost(channel);
      },
      onGone: () => this.#lost(channel),
    });
  }

  /**
   * One that was answered is spare here, and the caller may give it up before it is spare there. If that was the last, the other end
   * would wait for ever. Who does not take spare calls is not offered another, and who drops them gets one for each claim.
   */
  #lost(channel: Channel): void {
    if (!this.#idle.delete(channel) || this.#idle.size > 0 || !this.#isTaken) return;
    this.#isTaken = false;
    this.#offer();
  }
}
