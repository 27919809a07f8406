/** The asking end of a link's messages: requests out, answers matched to them by id, each with its own deadline. */
import { FirefliesError, isErrorCode, type MemberCertificate, readReply } from "../../identity/index.js";
import { lateError, type PeerError } from "../../net/index.js";
import { MESSAGE_BYTES_MAX } from "../protocols.js";
import { LOST_LINKS_MAX, outcomeUnknown } from "./again.js";
import { type Content, REQUEST_ID_MAX, type RequestKind } from "./content.js";
import { Deadlines } from "./deadlines.js";
import { proofOf, type SignedFrame } from "./proof.js";
import { Request, type RequestOptions } from "./request.js";
import { FrameSession, type SessionOptions } from "./session.js";

export interface RequesterLimits {
  /** Largest request, in bytes. */
  readonly messageBytes: number;
  /** Requests sent and not answered yet. More wait here. */
  readonly inFlight: number;
  /** Bytes of requests sent and not answered yet. One request alone may be larger. */
  readonly inFlightBytes: number;
  /** Requests that wait here to be sent; the next one is refused with "overloaded". */
  readonly waiting: number;
  /** Bytes of requests that wait here. */
  readonly waitingBytes: number;
}

/** Half of what a peer of ours lets wait per caller (budget.ts), so that it never has to refuse one. */
export const REQUESTER_LIMITS = {
  messageBytes: MESSAGE_BYTES_MAX,
  inFlight: 1024,
  inFlightBytes: 8 * 1024 * 1024,
  waiting: 65_536,
  waitingBytes: 64 * 1024 * 1024,
} as const satisfies RequesterLimits;

export interface RequesterOptions
  extends Pick<SessionOptions, "duplex" | "identity" | "peer" | "refusal" | "isEarly" | "checks"> {
  readonly limits?: Partial<RequesterLimits> | undefined;
  /** The link was lost: takes the messages that have no answer, to ask them again over another one. */
  readonly onLost?: ((requests: readonly Request[], error: FirefliesError) => void) | undefined;
}

export class Requester {
  readonly peer: MemberCertificate;
  readonly #session: FrameSession;
  readonly #limits: RequesterLimits;
  /** By id, in the order of sending. */
  readonly #inFlight = new Map<number, Request>();
  readonly #waiting = new Set<Request>();
  readonly #deadlines = new Deadlines<Request>(
    () => [...this.#inFlight.values(), ...this.#waiting],
    (request) => this.#giveUp(request, lateError(request.timeoutMs)),
  );
  readonly #onLost: RequesterOptions["onLost"];
  readonly #closeListeners = new Set<(error: FirefliesError) => void>();
  readonly #settledListeners = new Set<() => void>();
  /** Messages that have no answer yet: gossip is nobody's to wait for. */
  #messages = 0;
  #inFlightBytes = 0;
  #waitingBytes = 0;
  #nextId = 1;
  #isRetired = false;
  #isClosing = false;
  #error: FirefliesError | undefined;

  constructor({ limits, onLost, ...options }: RequesterOptions) {
    this.peer = options.peer;
    this.#onLost = onLost;
    this.#limits = { ...REQUESTER_LIMITS, ...limits };
    this.#session = new FrameSession({
      ...options,
      caller: true,
      onContent: (content, message, frame) => this.#onContent(content, message, frame),
      onEnd: (error) => this.#onEnd(error),
      open: () => this.#inFlight.size,
      onRoom: () => this.#sendWaiting(),
    });
  }

  /** It takes nothing new. */
  get closed(): boolean {
    return this.#isRetired || this.#error !== undefined;
  }

  /** Requests that have no answer yet. */
  get pending(): number {
    return this.#inFlight.size + this.#waiting.size;
  }

  /** Messages of the program that have no answer yet; its gossip does not count. */
  get messages(): number {
    return this.#messages;
  }

  /** Resolves when every message has its answer, or has failed. */
  settled(): Promise<void> {
    if (this.#messages === 0) return Promise.resolve();
    return new Promise((resolve) => this.#settledListeners.add(resolve));
  }

  /**
   * Signed and sent in the order of the calls; resolves to the reply, empty when the handler returned none. Rejects with
   * a FirefliesError: "message-too-large" and "overloaded" before anything is sent, "timeout", "cancelled", what ended
   * the link ("link-closed", "bad-frame", ...), and the peer's "handler-failed", "handler-timeout", "handler-missing",
   * "overloaded" or "message-too-large" (its reply); or with the ReplyError that its handler threw. The peer is told of timeouts and cancellations.
   */
  request(kind: RequestKind, payload: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const now = performance.now();
      const problem = this.#problem(payload, options.signal);
      if (problem !== undefined) {
        options.tally?.failed(problem.code, now - (options.since ?? now));
        throw problem;
      }
      this.#take(new Request(kind, payload, options, now, resolve, reject), now);
    });
  }

  /** One whose first link was lost. Throws as `request` rejects. */
  resume(request: Request): void {
    const problem = this.#problem(request.payload, request.signal);
    if (problem !== undefined) throw problem;
    this.#take(request, performance.now());
  }

  #take(request: Request, now: number): void {
    if (request.kind === "message") this.#messages += 1;
    request.watch((error) => this.#giveUp(request, error));
    this.#deadlines.watch(request.deadline);
    if (this.#waiting.size === 0 && this.#mayGo(request)) this.#send(request, now);
    else this.#enqueue(request);
  }

  /** Takes nothing new, and ends in order when all that was asked has its answer. */
  retire(): void {
    this.#isRetired = true;
    this.#finishIfDone();
  }

  /** Rejects all that has no answer with `error`, by default "link-closed". */
  close(error = new FirefliesError("link-closed")): void {
    this.#isClosing = true;
    this.#session.end(error);
  }

  /** Called once, with the reason. Returns the way to stop listening. */
  onClose(listener: (error: FirefliesError) => void): () => void {
    if (this.#error !== undefined) listener(this.#error);
    else this.#closeListeners.add(listener);
    return () => this.#closeListeners.delete(listener);
  }

  #problem(payload: Uint8Array, signal: AbortSignal | undefined): FirefliesError | undefined {
    const { messageBytes, waiting, waitingBytes } = this.#limits;
    if (payload.length > messageBytes) return tooLarge(payload.length, messageBytes);
    if (this.#error !== undefined) return this.#error;
    if (signal?.aborted) return new FirefliesError("cancelled");
    const full = this.#waiting.size >= waiting || this.#waitingBytes + payload.length > waitingBytes;
    return full
      ? new FirefliesError("overloaded", "Too many requests wait for this member.", { advice: "Await some first." })
      : undefined;
  }

  #enqueue(request: Request): void {
    this.#waiting.add(request);
    this.#waitingBytes += request.bytes;
  }

  #sendWaiting(): void {
    if (this.#waiting.size === 0) return;
    for (const request of this.#waiting) {
      if (!this.#mayGo(request)) return;
      this.#leaveQueue(request);
      this.#send(request, performance.now());
    }
  }

  /** One that has lost a link says how long ago that was, by the called side's hello on this one (again.ts). */
  #mayGo({ bytes, lost }: Request): boolean {
    return this.#hasRoom(bytes) && (lost.length === 0 || this.#session.greetedAt !== undefined);
  }

  #hasRoom(bytes: number): boolean {
    const { inFlight, inFlightBytes } = this.#limits;
    // Requests that were given up may still wait in the session, if the peer does not read.
    if (this.#inFlight.size >= inFlight || this.#session.queuedBytes >= inFlightBytes) return false;
    return this.#inFlight.size === 0 || this.#inFlightBytes + bytes <= inFlightBytes;
  }

  #send(request: Request, now: number): void {
    request.id = this.#nextId++;
    this.#inFlight.set(request.id, request);
    this.#inFlightBytes += request.bytes;
    this.#session.send(request.content(now, this.#session.greetedAt));
    if (this.#nextId > REQUEST_ID_MAX) this.close();
  }

  /** False when it did not wait. */
  #leaveQueue(request: Request): boolean {
    if (!this.#waiting.delete(request)) return false;
    this.#waitingBytes -= request.bytes;
    return true;
  }

  /** Answers to requests that were given up are no news, and no violation either. */
  #onContent(content: Content, message: Uint8Array, frame: SignedFrame): boolean {
    if (content.kind !== "reply" && content.kind !== "error") return false;
    const request = this.#inFlight.get(content.id);
    if (request === undefined) return content.id < this.#nextId;
    this.#settle(request);
    if (request.onAnswer !== undefined) tell(request, () => proofOf(frame, message));
    // A copy: the reply must not hold a whole frame in memory, nor be one with another reply.
    if (content.kind === "reply") request.resolve(new Uint8Array(content.payload), frame.at);
    else request.reject(remoteError(content.code, content.text));
    this.#sendWaiting();
    return true;
  }

  #giveUp(request: Request, error: FirefliesError): void {
    // Before it is settled: the last one of a retired requester ends the duplex.
    if (this.#inFlight.has(request.id)) this.#session.send({ kind: "cancel", id: request.id });
    this.#settle(request);
    request.reject(error);
    this.#sendWaiting();
  }

  #settle(request: Request): void {
    request.unwatch();
    const wasInFlight = this.#inFlight.delete(request.id);
    if (wasInFlight) this.#inFlightBytes -= request.bytes;
    else if (!this.#leaveQueue(request)) return;
    if (this.pending === 0) this.#deadlines.stop();
    if (this.#isRetired) this.#finishIfDone();
    if (request.kind === "message") this.#messages -= 1;
    if (this.#messages === 0) this.#tellSettled();
  }

  #finishIfDone(): void {
    if (this.pending === 0) this.#session.finish();
  }

  #tellSettled(): void {
    for (const listener of this.#settledListeners) listener();
    this.#settledListeners.clear();
  }

  /** Is it asked again over another link? What has not been sent goes as if for the first time. */
  #goesOn(request: Request, wasSent: boolean, { code }: FirefliesError): boolean {
    const isLoss = code === "link-closed" && !this.#isClosing && this.#onLost !== undefined;
    if (!isLoss || request.kind !== "message" || request.lost.length >= LOST_LINKS_MAX) return false;
    const { linkNonce: nonce, greetedAt, begunAt } = this.#session;
    const isGreeted = greetedAt !== undefined;
    if (wasSent && nonce !== undefined)
      request.lost.push({ nonce, id: request.id, begunAt: isGreeted ? undefined : begunAt });
    return true;
  }

  #onEnd(error: FirefliesError): void {
    this.#error = error;
    const lost: Request[] = [];
    for (const request of [...this.#inFlight.values(), ...this.#waiting]) {
      const wasSent = this.#inFlight.has(request.id);
      this.#settle(request);
      if (this.#goesOn(request, wasSent, error)) lost.push(request);
      else request.reject(failureOf(request, error));
    }
    if (lost.length > 0) this.#onLost?.(lost, error);
    for (const listener of this.#closeListeners) listener(error);
    this.#closeListeners.clear();
  }
}

/** What a member that stops has not taken over this link it may have taken over an earlier one. */
function failureOf({ lost }: Request, error: FirefliesError): FirefliesError {
  return lost.length > 0 && error.code === "member-stopping" ? outcomeUnknown() : error;
}

/** "message-too-large", with the figures. */
export function tooLarge(bytes: number, bytesMax: number): FirefliesError {
  return new FirefliesError("message-too-large", `A message of ${bytes} bytes is over the limit of ${bytesMax}.`);
}

/** What the peer reports; a code that is unknown here stays readable. */
function remoteError(code: string, text: string): PeerError {
  if (isErrorCode(code)) return new FirefliesError(code, text || undefined);
  return readReply(code, text) ?? new FirefliesError("handler-failed", `${code}: ${text}`);
}

/** Rejects the request when the program's own callback throws. */
function tell(request: Request, prove: () => Uint8Array): void {
  try {
    request.onAnswer?.(prove);
  } catch (error) {
    request.reject(error);
  }
}
