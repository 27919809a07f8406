/** The answering end of a link's messages: requests in, handlers run within a budget, answers out. */
import { type ErrorCode, FirefliesError } from "../../identity/index.js";
import { ERROR_TEXT_MAX, errorText } from "../../net/index.js";
import { MESSAGE_BYTES_MAX } from "../protocols.js";
import type { Budget } from "./budget.js";
import type { Content, RequestContent, RequestKind } from "./content.js";
import { Deadlines } from "./deadlines.js";
import { Handling, type HandlingHost } from "./handling.js";
import { KeptLists } from "./kept-lists.js";
import type { SignedFrame } from "./proof.js";
import type { RequestContext } from "./request-context.js";
import { tooLarge } from "./requester.js";
import { FrameSession, type SessionOptions } from "./session.js";

/** How long a handler may take, in milliseconds, however patient its caller is. */
const HANDLER_TIMEOUT_MS = 30_000;
/** Bytes of answers that may wait for a peer to read them; beyond, no further handler is started for it. */
const ANSWERS_WAITING_BYTES = 8 * 1024 * 1024;
/** Codes that a dispatcher may give a caller; any other failure is the handler's. */
const DISPATCH_CODES: ReadonlySet<ErrorCode> = new Set([
  "handler-missing",
  "peer-refused",
  "peer-removed",
  "overloaded",
]);

/** Answers a request; undefined is an empty answer. The text of what it throws reaches the caller as "handler-failed". */
export type Dispatch = (
  kind: RequestKind,
  payload: Uint8Array,
  context: RequestContext,
) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

export interface ResponderOptions extends Pick<SessionOptions, "duplex" | "identity" | "peer" | "refusal"> {
  readonly dispatch: Dispatch;
  /** Shared by all links of a client. */
  readonly budgets: Readonly<Record<RequestKind, Budget>>;
  readonly messageBytesMax?: number | undefined;
  readonly handlerTimeoutMs?: number | undefined;
  readonly onEnd?: ((error: FirefliesError) => void) | undefined;
}

export class Responder {
  readonly #options: Required<Pick<ResponderOptions, "dispatch" | "budgets" | "peer">>;
  readonly #session: FrameSession;
  readonly #messageBytesMax: number;
  readonly #handlerTimeoutMs: number;
  readonly #open = new Map<number, Handling>();
  readonly #host: HandlingHost;
  readonly #deadlines = new Deadlines<Handling>(
    () => [...this.#open.values()],
    (handling) => this.#onExpired(handling),
  );
  #lastId = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#messageBytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
    this.#handlerTimeoutMs = options.handlerTimeoutMs ?? HANDLER_TIMEOUT_MS;
    const { duplex, identity, peer, refusal } = options;
    this.#host = {
      peer,
      lists: new KeptLists(),
      ready: () => this.#session.queuedBytes < ANSWERS_WAITING_BYTES,
      start: (handling) => this.#run(handling),
    };
    this.#session = new FrameSession({
      ...{ duplex, identity, peer, refusal, caller: false },
      onContent: (content, message, frame) => this.#onContent(content, message, frame),
      onEnd: (error) => {
        this.#abandonAll();
        options.onEnd?.(error);
      },
      onRoom: () => this.#resume(),
    });
  }

  /** Requests that wait or run. */
  get open(): number {
    return this.#open.size;
  }

  close(error = new FirefliesError("link-closed")): void {
    this.#session.end(error);
  }

  #onContent(content: Content, message: Uint8Array, frame: SignedFrame): boolean {
    if (content.kind === "cancel") return this.#onCancel(content.id);
    if (content.kind === "reply" || content.kind === "error" || content.id <= this.#lastId) return false;
    this.#lastId = content.id;
    if (content.payload.length > this.#messageBytesMax) {
      this.#answerError(content.id, tooLarge(content.payload.length, this.#messageBytesMax));
    } else {
      this.#accept(content, message, frame);
    }
    return true;
  }

  #accept({ kind, id, deadlineMs, payload }: RequestContent, message: Uint8Array, frame: SignedFrame): void {
    const budget = this.#options.budgets[kind];
    const deadline = performance.now() + Math.min(deadlineMs, this.#handlerTimeoutMs);
    // A copy: a request that waits must not hold a whole frame in memory.
    const request = { kind, id, deadlineMs, payload: new Uint8Array(payload) };
    const handling = new Handling(this.#host, budget, request, deadline, message, frame);
    this.#open.set(id, handling);
    if (budget.submit(this.#options.peer.id, handling) && handling.settle()) {
      if (this.#open.size > 0) this.#deadlines.watch(deadline);
      return;
    }
    this.#close(handling);
    this.#answerError(
      id,
      new FirefliesError("overloaded", "The member has too many requests waiting. Slow down and try again."),
    );
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
    if (this.#close(handling)) this.#answerError(handling.request.id, error);
  }

  #answer(handling: Handling, reply: unknown): void {
    if (this.#close(handling)) this.#reply(handling.request.id, reply);
  }

  #reply(id: number, reply: unknown): void {
    const payload = reply ?? EMPTY;
    if (!(payload instanceof Uint8Array)) {
      this.#answerError(id, new TypeError("The handler's reply is not a Uint8Array."));
    } else if (payload.length > this.#messageBytesMax) {
      this.#session.send(errorContent(id, tooLarge(payload.length, this.#messageBytesMax), "message-too-large"));
    } else {
      this.#session.send({ kind: "reply", id, payload });
    }
  }

  #answerError(id: number, error: unknown): void {
    const own =
      error instanceof FirefliesError && (DISPATCH_CODES.has(error.code) || error.code === "message-too-large");
    this.#session.send(errorContent(id, error, own ? error.code : "handler-failed"));
  }

  #onExpired(handling: Handling): void {
    if (!this.#close(handling)) return;
    const text = "The handler did not finish in time. Allow more time, or see why it waits.";
    this.#session.send(errorContent(handling.request.id, text, "handler-timeout"));
    handling.abort("handler-timeout");
  }

  #onCancel(id: number): boolean {
    const handling = this.#open.get(id);
    if (handling === undefined) return id <= this.#lastId;
    this.#close(handling);
    handling.abort("cancelled");
    return true;
  }

  /** Frees its slot or its place in the queue; false when that was done already. */
  #close(handling: Handling): boolean {
    if (!this.#open.delete(handling.request.id)) return false;
    if (this.#open.size === 0) this.#deadlines.stop();
    handling.free();
    return true;
  }

  #abandonAll(): void {
    for (const handling of [...this.#open.values()]) {
      this.#close(handling);
      handling.abort("link-closed");
    }
  }

  #resume(): void {
    for (const budget of Object.values(this.#options.budgets)) budget.resume();
  }
}

const EMPTY = new Uint8Array(0);

function isPromise<T>(reply: Promise<T> | T): reply is Promise<T> {
  return typeof (reply as Partial<Promise<T>> | undefined)?.then === "function";
}

function errorContent(id: number, error: unknown, code: ErrorCode): Content {
  return { kind: "error", id, code, text: errorText(error).slice(0, ERROR_TEXT_MAX) };
}
