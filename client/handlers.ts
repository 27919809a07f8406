/**
 * The program's handlers. The network waits for none of them, and what they throw reaches whoever can do something about
 * it: the sender of a message, or this program itself by an alarm.
 */
import { FirefliesError } from "../identity/index.js";
import { deadlineIn, errorText, withDeadline } from "../net/index.js";
import type { MemberId } from "../rings/index.js";
import type { RequestKind } from "./messages/content.js";
import type { RequestContext } from "./messages/request-context.js";
import type { StreamHandler as LinkStreamHandler } from "./talk/streams.js";
import type {
  AlarmHandler,
  GossipHandler,
  MessageHandler,
  ResponseHandler,
  Sender,
  SignedContext,
  StreamHandler,
} from "./types.js";

/** Signal and proof are made only for handlers that look at them. */
class MessageContext implements SignedContext {
  readonly from: Sender;
  readonly #request: RequestContext;

  constructor(from: Sender, request: RequestContext) {
    this.from = from;
    this.#request = request;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get proof(): () => Uint8Array {
    return this.#request.prove;
  }
}

/** Milliseconds that a handler of responses may take: one that never returns must not end the gossip. */
const RESPONSE_TIMEOUT_MS = 10_000;

export class Handlers {
  message: MessageHandler | undefined;
  gossip: GossipHandler | undefined;
  response: ResponseHandler | undefined;
  stream: StreamHandler | undefined;
  alarm: AlarmHandler = () => {};
  readonly #senderOf: (id: MemberId) => Sender;
  readonly #responding = new Set<Promise<void>>();

  constructor(senderOf: (id: MemberId) => Sender) {
    this.#senderOf = senderOf;
  }

  /** Answers a request. Throws "handler-missing" for a message when there is nobody to take it. */
  dispatch(kind: RequestKind, payload: Uint8Array, request: RequestContext) {
    const context = new MessageContext(this.#senderOf(request.from.id), request);
    if (kind === "gossip") return this.#takeGossip(payload, context);
    if (!this.message) throw new FirefliesError("handler-missing");
    return this.message(payload, context);
  }

  /** Undefined when the program takes no streams. */
  forStreams(): LinkStreamHandler | undefined {
    const handler = this.stream;
    return handler && ((stream, { from, signal }) => handler(stream, { from: this.#senderOf(from.id), signal }));
  }

  /** A neighbour's reply to my gossip. Never rejects. */
  async takeResponse(data: Uint8Array, id: MemberId, proof: () => Uint8Array): Promise<void> {
    const taken = this.#takeResponse(data, id, proof);
    this.#responding.add(taken);
    await taken;
    this.#responding.delete(taken);
  }

  /** Resolves when no response handler runs: nobody else waits for those. */
  async settled(): Promise<void> {
    await Promise.all(this.#responding);
  }

  async #takeResponse(data: Uint8Array, id: MemberId, proof: () => Uint8Array): Promise<void> {
    const from = this.#senderOf(id);
    try {
      await withDeadline({ deadline: deadlineIn(RESPONSE_TIMEOUT_MS) }, async (signal) => {
        await this.response?.(data, { from, signal, proof });
      });
    } catch (error) {
      this.raise(new FirefliesError("handler-failed", `The response handler failed: ${errorText(error)}`));
    }
  }

  /** Never throws. */
  raise(alarm: FirefliesError): void {
    try {
      this.alarm(alarm);
    } catch {
      // An alarm handler that throws has nobody left to tell.
    }
  }

  /** The sender of gossip drops the errors it gets: this program must hear of its own. */
  async #takeGossip(payload: Uint8Array, context: SignedContext): Promise<Uint8Array | undefined> {
    try {
      return await this.gossip?.(payload, context);
    } catch (error) {
      this.raise(new FirefliesError("handler-failed", `The gossip handler threw: ${errorText(error)}`));
      throw error;
    }
  }
}
