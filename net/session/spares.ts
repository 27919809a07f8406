/**
 * Calls back. Only the end that dialled can begin a call over HTTP/2, so it keeps a spare one open. The end that accepted
 * claims it with a first piece that names a protocol; the dialling end serves it and opens the next spare. What finds no
 * spare waits for it: a round trip.
 */
import type { ClientHttp2Session, ServerHttp2Stream } from "node:http2";
import { FirefliesError } from "../../identity/index.js";
import { AcceptedChannel, type Carrier, type Channel, DialledChannel } from "./channel.js";
import { requestHeaders } from "./headers.js";
import { CLAIM_BYTES_MAX, OPEN_WAIT_MS, OPENS_WAITING_MAX, SPARES_MAX } from "./limits.js";
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
}

/** Keeps one spare call open for as long as the session takes it. Returns the way to end it. */
export function offerSpares(http2: ClientHttp2Session, carrier: Carrier, onClaim: (claim: Claim) => void): () => void {
  if (http2.closed || http2.destroyed) return () => {};
  const stream = http2.request(requestHeaders(BACK_ID, Number.POSITIVE_INFINITY));
  const channel = new DialledChannel(stream, carrier, CLAIM_BYTES_MAX);
  let end = () => channel.end();
  channel.use({
    onPiece: (piece) => {
      if (piece?.kind !== "open") {
        channel.reset(new FirefliesError("bad-frame"));
        return true;
      }
      end = offerSpares(http2, carrier, onClaim);
      onClaim({ channel, protocol: piece.protocol, timeoutMs: piece.timeoutMs || Number.POSITIVE_INFINITY });
      return true;
    },
    // Who does not take spare calls is not offered another.
    onHalfClose: () => channel.end(),
    onGone: () => {},
  });
  return () => end();
}
