/** The answering end of a link's messages: requests in, handlers run within a budget, answers out. */
import { type ErrorCode, FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { ERROR_TEXT_MAX, errorText } from "../guard.js";
import { MESSAGE_BYTES_MAX } from "../transport.js";
import type { Budget } from "./budget.js";
import type { Content, RequestContent, RequestKind } from "./content.js";
import { Handling } from "./handling.js";
import { KeptLists } from "./kept-lists.js";
import type { SignedFrame } from "./proof.js";
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

export interface RequestContext {
  readonly from: MemberCertificate;
  /** Fires when the answer is no longer wanted: cancelled, too late, or the link is gone. */
  readonly signal: AbortSignal;
  /** What shows this request to others (verify-message.ts). Throws "proof-unavailable" when it is no longer open. */
  prove(): Uint8Array;
}

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
  readonly #lists = new KeptLists();
  #lastId = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#messageBytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
    this.#handlerTimeoutMs = options.handlerTimeoutMs ?? HANDLER_TIMEOUT_MS;
    const { duplex, identity, peer, refusal } = options;
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
    // A copy: a request that waits must not hold a whole frame in memory.
    const request = { kind, id, deadlineMs, payload: new Uint8Array(payload) };
    const handling = new Handling(
      budget,
      request,
      { message, frame, lists: this.#lists },
      {
        ready: () => this.#session.queuedBytes < ANSWERS_WAITING_BYTES,
        start: (self) => this.#run(self),
        expire: (self) => this.#onExpired(id, self),
      },
    );
    this.#open.set(id, handling);
    handling.startTimer(Math.min(deadlineMs, this.#handlerTimeoutMs));
    if (budget.submit(this.#options.peer.id, handling) && handling.settle()) return;
    this.#close(id, handling);
    this.#answerError(
      id,
      new FirefliesError("overloaded", "The member has too many requests waiting. Slow down and try again."),
    );
  }

  async #run(handling: Handling): Promise<void> {
    const { kind, id, payload } = handling.request;
    try {
      const reply = await this.#options.dispatch(kind, payload, this.#context(handling));
      if (this.#close(id, handling)) this.#answer(id, reply);
    } catch (error) {
      if (this.#close(id, handling)) this.#answerError(id, error);
    }
  }

  #context(handling: Handling): RequestContext {
    const { peer } = this.#options;
    return {
      from: peer,
      get signal() {
        return handling.signal;
      },
      prove: () => handling.prove(),
    };
  }

  #answer(id: number, reply: unknown): void {
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

  #onExpired(id: number, handling: Handling): void {
    if (!this.#close(id, handling)) return;
    const text = "The handler did not finish in time. Allow more time, or see why it waits.";
    this.#session.send(errorContent(id, text, "handler-timeout"));
    handling.abort("handler-timeout");
  }

  #onCancel(id: number): boolean {
    const handling = this.#open.get(id);
    if (handling === undefined) return id <= this.#lastId;
    this.#close(id, handling);
    handling.abort("cancelled");
    return true;
  }

  /** Frees its slot or its place in the queue; false when that was done already. */
  #close(id: number, handling: Handling): boolean {
    if (!this.#open.delete(id)) return false;
    handling.free(this.#options.peer);
    return true;
  }

  #abandonAll(): void {
    for (const [id, handling] of [...this.#open]) {
      this.#close(id, handling);
      handling.abort("link-closed");
    }
  }

  #resume(): void {
    for (const budget of Object.values(this.#options.budgets)) budget.resume();
  }
}

const EMPTY = new Uint8Array(0);

function errorContent(id: number, error: unknown, code: ErrorCode): Content {
  return { kind: "error", id, code, text: errorText(error).slice(0, ERROR_TEXT_MAX) };
}
