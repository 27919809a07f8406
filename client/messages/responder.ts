/** The answering end of a link's messages: requests in, handlers run within a budget, answers out. */
import { type ErrorCode, FirefliesError, isErrorCode, ReplyError, replyCode } from "../../identity/index.js";
import { errorText } from "../../net/index.js";
import { toHex } from "../../rings/index.js";
import { MESSAGE_BYTES_MAX } from "../protocols.js";
import type { Tallies } from "../traffic/tallies.js";
import { OK, REPLY } from "../traffic/tally.js";
import { againOf, type Earlier, outcomeUnknown } from "./again.js";
import type { Budget, Share } from "./budget.js";
import { type Content, decodeContent, REQUEST_KINDS, type RequestContent, type RequestKind } from "./content.js";
import { Deadlines } from "./deadlines.js";
import { SALT_BYTES } from "./frame.js";
import { Handling, type HandlingHost } from "./handling.js";
import { KeptLists } from "./kept-lists.js";
import type { SignedFrame } from "./proof.js";
import { RecentAnswers } from "./recent-answers.js";
import type { RequestContext } from "./request-context.js";
import { tooLarge } from "./requester.js";
import { serviceOf } from "./service.js";
import { FrameSession, type SessionOptions } from "./session.js";

/** How long a handler may take, in milliseconds, however patient its caller is. */
export const HANDLER_TIMEOUT_MS = 30_000;
/**
 * Bytes of answers that may wait for a peer to read them. Beyond, no further handler is started for it, and a request that
 * has to be refused ends the duplex.
 */
const ANSWERS_WAITING_BYTES = 8 * 1024 * 1024;
/** A cancel that comes within so many milliseconds of the deadline says that the caller's own has passed. */
const LATE_CANCEL_MS = 50;
/** Codes that a dispatcher may give a caller; any other failure is the handler's. */
const DISPATCH_CODES: ReadonlySet<ErrorCode> = new Set([
  "handler-missing",
  "peer-refused",
  "peer-removed",
  "overloaded",
]);
/**
 * An answer that was sent longer ago than this, in milliseconds, has arrived, or its link is broken: a member that stops
 * waits for nobody's word that it has. Above the round trip of any path that pings are answered on.
 */
const ANSWER_ARRIVES_MS = 2_000;

/** Answers a request; undefined is an empty answer. A `ReplyError` that it throws reaches the caller; anything else is "handler-failed" there. */
export type Dispatch = (
  kind: RequestKind,
  payload: Uint8Array,
  context: RequestContext,
) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

export interface ResponderOptions extends Pick<SessionOptions, "duplex" | "identity" | "peer" | "refusal" | "checks"> {
  readonly dispatch: Dispatch;
  /** Shared by all links of a client. */
  readonly budgets: Readonly<Record<RequestKind, Budget>>;
  readonly messageBytesMax?: number | undefined;
  readonly handlerTimeoutMs?: number | undefined;
  readonly onEnd?: ((error: FirefliesError) => void) | undefined;
  /** Counts requests, by kind and service. */
  readonly traffic?: Readonly<Record<RequestKind, Pick<Tallies, "of">>> | undefined;
  /** Where the other links of this member are found, and where this one goes when it is lost. */
  readonly lost?: Lost | undefined;
}

/** The links of one member: a request that went over a lost one may be asked again over another. */
export interface Lost {
  add(link: string, responder: Responder): void;
  get(link: string): Responder | undefined;
  /** Of links that come along with a handshake (early-links.ts). */
  came(link: string): boolean;
  neverCame(link: string, begunAt: number): boolean;
}

export class Responder {
  readonly #options: Required<Pick<ResponderOptions, "dispatch" | "budgets" | "peer">>;
  readonly #session: FrameSession;
  readonly #traffic: ResponderOptions["traffic"];
  readonly #messageBytesMax: number;
  readonly #handlerTimeoutMs: number;
  readonly #shares: Readonly<Record<RequestKind, Share>>;
  readonly #open = new Map<number, Handling>();
  readonly #host: HandlingHost;
  readonly #deadlines = new Deadlines<Handling>(
    () => [...this.#open.values()],
    (handling) => this.#onExpired(handling),
  );
  readonly #answers = new RecentAnswers();
  /** Of a lost link: answers since then, and who has asked again. */
  readonly #lost: Lost | undefined;
  /** Requests that another link of this member had brought and that its responder answers: how to cancel them. */
  readonly #resumed = new Map<number, () => void>();
  readonly #late = new Map<number, Content>();
  readonly #askedAgain = new Map<number, (answer: Content) => void>();
  #isLost = false;
  #lastId = 0;
  #stopping = false;
  /** It ends as soon as nothing is open. */
  #isFinishing = false;
  readonly #idleListeners = new Set<() => void>();
  #isClosing = false;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#traffic = options.traffic;
    this.#messageBytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
    this.#handlerTimeoutMs = options.handlerTimeoutMs ?? HANDLER_TIMEOUT_MS;
    const { duplex, identity, peer, refusal, budgets, checks } = options;
    this.#lost = options.lost;
    this.#shares = { message: budgets.message.open(peer.id), gossip: budgets.gossip.open(peer.id) };
    this.#host = {
      peer,
      lists: new KeptLists(),
      ready: () => this.#session.queuedBytes < ANSWERS_WAITING_BYTES,
      start: (handling) => this.#run(handling),
    };
    this.#session = new FrameSession({
      ...{ duplex, identity, peer, refusal, checks, caller: false },
      onEarly: (nonce) => options.lost?.came(toHex(nonce)) ?? true,
      onContent: (content, message, frame) => this.#onContent(content, message, frame),
      onEnd: (error) => {
        const link = this.link;
        const isOver = this.#isClosing || (this.#stopping && this.#open.size === 0);
        if (error.code === "link-closed" && link !== undefined && !isOver && options.lost) {
          this.#isLost = true;
          options.lost.add(link, this);
        } else this.release();
        options.onEnd?.(error);
      },
      onRoom: () => this.#resume(),
    });
  }

  /** Requests that wait or run. */
  get open(): number {
    return this.#open.size + this.#resumed.size;
  }

  get ended(): boolean {
    return this.#session.ended;
  }

  close(error = new FirefliesError("link-closed")): void {
    this.#isClosing = true;
    this.#session.end(error);
  }

  /** The nonce of its link, 64 hex digits; undefined before both have greeted. */
  get link(): string | undefined {
    const nonce = this.#session.linkNonce;
    return nonce && toHex(nonce);
  }

  /**
   * A request that came over this link is asked again over another one. "new": it never came. "known": `say` is called with
   * its answer, at once or when there is one. "passed": it was asked again here too, and an earlier link has it.
   * "forgotten": it was answered too long ago.
   */
  askedAgain(id: number, say: (answer: Content) => void): "new" | "known" | "passed" | "forgotten" {
    if (id > this.#lastId) return "new";
    if (this.#resumed.has(id)) return "passed";
    const sent = this.#answers.get(id);
    const answer = sent === undefined ? this.#late.get(id) : decodeContent(sent, SALT_BYTES);
    if (answer !== undefined) say(answer);
    else if (this.#open.has(id)) this.#askedAgain.set(id, say);
    else return "forgotten";
    return "known";
  }

  /** Its caller says that the link is lost, and asks again elsewhere: what may still come over it would be handled twice. */
  giveUp(): void {
    this.#session.end(new FirefliesError("link-closed"));
  }

  /** Of a lost link: does somebody wait for an answer, over another one? */
  get isAskedAgain(): boolean {
    return this.#askedAgain.size > 0;
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.add(resolve));
  }

  /** Takes no new request, but those that another link had brought. */
  takeNoNew(): void {
    this.#stopping = true;
  }

  /** Has it no answer yet? */
  isOpen(id: number): boolean {
    return this.#open.has(id);
  }

  /** It is no longer wanted by who asked again. */
  cancelAgain(id: number): void {
    this.#askedAgain.delete(id);
    this.#onCancel(id);
  }

  /** Nobody asks again: ends what still runs. */
  release(): void {
    const { budgets } = this.#options;
    this.#abandonAll();
    for (const kind of REQUEST_KINDS) budgets[kind].close(this.#shares[kind]);
  }

  /**
   * Takes no new request; what waits or runs is answered, and then the duplex ends in order. True when somebody waits for
   * that: `onEnd` tells that they have their answers.
   */
  drain(): boolean {
    const isRecent = performance.now() - this.#session.sentAt < ANSWER_ARRIVES_MS;
    const isAwaited = this.open > 0 || isRecent || this.#session.isUnsent;
    this.takeNoNew();
    this.#isFinishing = true;
    this.#finishIfDone();
    return isAwaited;
  }

  /** After `drain`: what still waits or runs is answered with a code. How many handlers ran. */
  cut(): number {
    let cut = 0;
    for (const handling of [...this.#open.values()]) {
      const { isRunning } = handling;
      if (isRunning) cut += 1;
      this.#refuse(handling, isRunning ? unfinished() : stopping());
      handling.abort("member-stopping");
    }
    return cut;
  }

  #finishIfDone(): void {
    if (this.#isFinishing && this.open === 0) this.#session.finish();
  }

  #onContent(content: Content, message: Uint8Array, frame: SignedFrame): boolean {
    if (content.kind === "cancel") return this.#onCancel(content.id);
    if (content.kind === "reply" || content.kind === "error" || content.id <= this.#lastId) return false;
    this.#lastId = content.id;
    if (content.payload.length > this.#messageBytesMax) {
      this.#turnAway(content, tooLarge(content.payload.length, this.#messageBytesMax));
    } else if (!this.#takesAgain(content)) {
      if (this.#stopping) this.#turnAway(content, stopping());
      else this.#accept(content, message, frame);
    }
    return true;
  }

  /** Was it handled, or refused, as one that other links of this member had brought? */
  #takesAgain(content: RequestContent): boolean {
    const { id, extensions } = content;
    // The newest first: each says whether it has the request, or had it from an earlier one.
    for (const again of againOf(extensions)?.toReversed() ?? []) {
      const before = this.#lost?.get(again.link);
      if (before !== this) before?.giveUp();
      if (before === undefined && this.#neverCame(again)) continue;
      const found = before?.askedAgain(again.id, (answer) => this.#sayAgain(id, answer));
      if (found === "new" || found === "passed") continue;
      if (found !== "known") this.#turnAway(content, outcomeUnknown());
      else if (before?.isOpen(again.id)) this.#resumed.set(id, () => before.cancelAgain(again.id));
      return true;
    }
    return false;
  }

  #neverCame({ link, begunBeforeMs }: Earlier): boolean {
    const { greetedAt } = this.#session;
    if (begunBeforeMs === undefined || greetedAt === undefined) return false;
    return this.#lost?.neverCame(link, greetedAt - begunBeforeMs) === true;
  }

  #sayAgain(id: number, answer: Content): void {
    this.#resumed.delete(id);
    this.#say({ ...answer, id });
  }

  #accept(content: RequestContent, message: Uint8Array, frame: SignedFrame): void {
    const { kind, id } = content;
    const budget = this.#options.budgets[kind];
    const share = this.#shares[kind];
    const deadline = frame.at + Math.min(content.deadlineMs, this.#handlerTimeoutMs);
    // A copy: a request that waits must not hold a whole frame in memory.
    const handling = new Handling(this.#host, budget, share, copied(content), deadline, message, frame);
    handling.count(this.#traffic?.[kind], frame.at);
    this.#open.set(id, handling);
    if (budget.submit(share, handling) && handling.settle()) {
      if (this.#open.size > 0) this.#deadlines.watch(deadline);
      return;
    }
    const refused = tooMany();
    this.#close(handling, refused.code);
    this.#tellAway(id, refused);
  }

  /** Before any handler saw it. Answers to a peer that sends, and does not read, must not pile up either. */
  #turnAway({ kind, id, payload, extensions }: RequestContent, error: FirefliesError): void {
    const tally = this.#traffic?.[kind].of(serviceOf(extensions));
    tally?.came(payload.length);
    tally?.failed(error.code, 0);
    this.#tellAway(id, error);
  }

  #tellAway(id: number, error: FirefliesError): void {
    if (this.#session.queuedBytes < ANSWERS_WAITING_BYTES) this.#sayError(id, error);
    else this.close(error);
  }

  /** A handler that answers at once is answered for at once. */
  #run(handling: Handling): void {
    const { kind, payload } = handling.request;
    try {
      const reply = this.#options.dispatch(kind, payload, handling);
      if (isPromise(reply)) this.#answerLater(handling, reply);
      else this.#answer(handling, reply);
    } catch (error) {
      this.#fail(handling, error);
    }
  }

  async #answerLater(handling: Handling, reply: Promise<Uint8Array | undefined>): Promise<void> {
    try {
      this.#answer(handling, await reply);
    } catch (error) {
      this.#fail(handling, error);
    }
  }

  #fail(handling: Handling, error: unknown): void {
    this.#sayOf(handling, failureContent(handling.request.id, error));
  }

  #answer(handling: Handling, reply: unknown): void {
    this.#sayOf(handling, this.#replyContent(handling.request.id, reply));
  }

  #sayOf(handling: Handling, content: Content): void {
    const bytes = content.kind === "reply" ? content.payload.length : 0;
    if (this.#close(handling, outcomeOf(content), bytes)) this.#say(content);
  }

  #replyContent(id: number, reply: unknown): Content {
    const payload = reply ?? EMPTY;
    if (!(payload instanceof Uint8Array)) {
      return failureContent(id, payload);
    }
    if (payload.length <= this.#messageBytesMax) return { kind: "reply", id, payload };
    return errorContent(id, tooLarge(payload.length, this.#messageBytesMax));
  }

  #refuse(handling: Handling, error: FirefliesError): void {
    if (this.#close(handling, error.code)) this.#sayError(handling.request.id, error);
  }

  #sayError(id: number, error: FirefliesError): void {
    this.#say(errorContent(id, error));
  }

  /** A stopping member's last answer is the duplex's last word. */
  #say(content: Content): void {
    const askedAgain = this.#askedAgain.get(content.id);
    this.#askedAgain.delete(content.id);
    if (this.#isLost) this.#late.set(content.id, content);
    if (askedAgain) askedAgain(content);
    else if (!this.#isLost) this.#keep(content.id, this.#session.send(content));
    this.#finishIfDone();
  }

  #keep(id: number, message: Uint8Array | undefined): void {
    if (message !== undefined && this.#lost !== undefined) this.#answers.keep(id, message);
  }

  #onExpired(handling: Handling): void {
    this.#refuse(handling, late());
    handling.expire();
  }

  #onCancel(id: number): boolean {
    const handling = this.#open.get(id);
    this.#resumed.get(id)?.();
    this.#resumed.delete(id);
    if (handling === undefined) return id <= this.#lastId;
    // A caller whose patience has ended cancels at the moment at which the time is over here.
    const isLate = handling.deadline - performance.now() <= LATE_CANCEL_MS;
    this.#close(handling, isLate ? "handler-timeout" : "cancelled");
    if (isLate) handling.expire();
    else handling.abort("cancelled");
    this.#finishIfDone();
    return true;
  }

  /** Frees its slot or its place in the queue; false when that was done already. */
  #close(handling: Handling, code: string, bytes = 0): boolean {
    if (!this.#open.delete(handling.request.id)) return false;
    handling.counted(code, bytes);
    handling.free();
    if (this.#open.size > 0) return true;
    this.#deadlines.stop();
    for (const listener of this.#idleListeners) listener();
    this.#idleListeners.clear();
    return true;
  }

  #abandonAll(): void {
    for (const handling of [...this.#open.values()]) {
      const { id } = handling.request;
      if (this.#askedAgain.has(id)) this.#refuse(handling, outcomeUnknown());
      else this.#close(handling, "link-closed");
      handling.abort("link-closed");
    }
  }

  #resume(): void {
    for (const budget of Object.values(this.#options.budgets)) budget.resume();
  }
}

const EMPTY = new Uint8Array(0);

/** With all extensions: they are signed, so a proof of the request shows them. */
function copied({ kind, id, deadlineMs, payload, extensions }: RequestContent): RequestContent {
  const request = { kind, id, deadlineMs, payload: new Uint8Array(payload) };
  if (extensions === undefined) return request;
  return { ...request, extensions: extensions.map(({ type, data }) => ({ type, data: new Uint8Array(data) })) };
}

function isPromise<T>(reply: Promise<T> | T): reply is Promise<T> {
  return typeof (reply as Partial<Promise<T>> | undefined)?.then === "function";
}

function tooMany(): FirefliesError {
  return new FirefliesError("overloaded", "The member has too many requests waiting.");
}

function late(): FirefliesError {
  const text = "The handler did not finish in time.";
  return new FirefliesError("handler-timeout", text);
}

function unfinished(): FirefliesError {
  return new FirefliesError("handler-timeout", "The member had to stop before the handler had finished.");
}

function stopping(): FirefliesError {
  return new FirefliesError("member-stopping");
}

/** A handler's failure: in its own words if they were meant for the caller, else in ours. */
function failureContent(id: number, error: unknown): Content {
  if (error instanceof ReplyError) return { kind: "error", id, code: replyCode(error), text: errorText(error) };
  const isOwn = error instanceof FirefliesError && DISPATCH_CODES.has(error.code);
  return errorContent(id, isOwn ? error : new FirefliesError("handler-failed"));
}

/** As it is counted. */
function outcomeOf(content: Content): string {
  if (content.kind !== "error") return OK;
  return isErrorCode(content.code) ? content.code : REPLY;
}

function errorContent(id: number, error: FirefliesError): Content {
  return { kind: "error", id, code: error.code, text: errorText(error) };
}
