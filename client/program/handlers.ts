/**
 * The program's handlers. The network waits for none of them, and what they throw reaches whoever can do something about
 * it: the sender of a message, or this program itself by an alarm.
 */
import { FirefliesError } from "../../identity/index.js";
import { type ByteDuplex, deadlineIn, withDeadline } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { HandlerFailures, type HandlerKind } from "../handler-failures.js";
import type { RequestKind } from "../messages/content.js";
import type { RequestContext } from "../messages/request-context.js";
import { tooLarge } from "../messages/requester.js";
import type { Announced } from "../offers/announced.js";
import { Registry } from "../offers/registry.js";
import { Served } from "../offers/served.js";
import { MESSAGE_BYTES_MAX } from "../protocols.js";
import type { Response } from "../talk/hearsay.js";
import { isTransferred, requireHandler, requireStreams } from "../talk/misuse.js";
import { RawStream } from "../talk/raw-stream.js";
import {
  codeOfEnd,
  type Offered,
  STREAMS_OF_PEER_MAX,
  STREAMS_PER_PEER_MAX,
  type StreamContext,
} from "../talk/streams.js";
import { type Following, whileHandling } from "../traffic/following.js";
import { traceIn } from "../traffic/trace-context.js";
import type { Traffic } from "../traffic/traffic.js";
import type {
  AlarmHandler,
  DatagramHandler,
  GossipHandler,
  HandleOptions,
  MessageHandler,
  Missing,
  MissingHandler,
  OpenedContext as PublicOpened,
  RawStreamHandler,
  ResponseHandler,
  Sender,
  ServeOptions,
  SignedContext,
  StreamHandler,
} from "../types.js";
import type { ClientLog } from "./client-log.js";

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

/** The signal of a stream is made when it is looked at, too. */
class OpenedContext implements PublicOpened {
  readonly from: Sender;
  readonly #context: StreamContext;

  constructor(from: Sender, context: StreamContext) {
    this.from = from;
    this.#context = context;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  accept(): void {
    this.#context.accept();
  }
}

/** Characters of a name that nobody handles here, as its own handler is told it: peers may ask for anything. */
const NAME_TOLD_MAX = 128;

/** Milliseconds that a handler of responses may take: one that never returns must not end the gossip. */
const RESPONSE_TIMEOUT_MS = 10_000;

/** Milliseconds. A handler that ends so soon after its time is over has heeded its signal: no alarm is raised. */
const END_GRACE_MS = 1_000;

/** What handlers are told of senders. */
export interface SendersInView {
  readonly sender: (id: MemberId) => Sender;
  /** Whether `members()` knows it, or it is this member. */
  readonly isKnown: (id: MemberId) => boolean;
}

export interface HandlersOptions extends SendersInView {
  readonly announced: Announced;
  readonly traffic?: Pick<Traffic, "messages" | "streams"> | undefined;
  readonly following?: Following | undefined;
  readonly log: () => Pick<ClientLog, "alarm" | "unheard">;
}

export class Handlers {
  message: MessageHandler | undefined;
  gossip: GossipHandler | undefined;
  response: ResponseHandler | undefined;
  stream: StreamHandler | undefined;
  datagram: DatagramHandler | undefined;
  alarm: AlarmHandler = () => {};
  missing: MissingHandler = () => {};
  readonly failures = new HandlerFailures((alarm) => this.raise(alarm));
  readonly #view: HandlersOptions;
  readonly #protocols: Registry<Offered>;
  readonly #services: Registry<Served>;
  readonly #responding = new Set<Promise<void>>();

  constructor(view: HandlersOptions) {
    this.#view = view;
    const { announced } = view;
    this.#protocols = new Registry({ what: "protocol", announced });
    this.#services = new Registry({ what: "service", announced });
  }

  /** Answers a request. Throws what its sender is told: "handler-missing" for a message when there is nobody to take it. */
  dispatch(kind: RequestKind, payload: Uint8Array, request: RequestContext) {
    const { service } = request;
    if (kind !== "message" || service === undefined) return this.#run(kind, this[kind], payload, request);
    const served = this.#services.find(service);
    if (served instanceof FirefliesError) {
      this.#tellMissing("service", service, request.from.id);
      throw served;
    }
    const leave = served.enter(request.from.id);
    try {
      const reply = this.#run(kind, served.handler, payload, request);
      if (isPromise(reply)) return reply.finally(leave);
      leave();
      return reply;
    } catch (error) {
      leave();
      throw error;
    }
  }

  #run(
    kind: RequestKind,
    handler: MessageHandler | GossipHandler | undefined,
    payload: Uint8Array,
    request: RequestContext,
  ): Promise<Uint8Array | undefined> | Uint8Array | undefined {
    if (handler === undefined && kind === "message") throw new FirefliesError("handler-missing");
    const { id } = request.from;
    // It may have left while its message waited for its turn.
    if (!this.#view.isKnown(id)) throw new FirefliesError("peer-removed");
    const { following } = this.#view;
    const followed =
      handler && following?.follow && following.begin(kind, { ...answering(request), bytes: payload.length });
    if (!followed) return this.#handle(kind, handler, payload, request);
    return whileHandling(followed, () => this.#handle(kind, handler, payload, request));
  }

  #handle(
    kind: RequestKind,
    handler: MessageHandler | GossipHandler | undefined,
    payload: Uint8Array,
    request: RequestContext,
  ): Promise<Uint8Array | undefined> | Uint8Array | undefined {
    const context = new MessageContext(this.#view.sender(request.from.id), request);
    try {
      const reply = handler?.(payload, context);
      if (!isPromise(reply)) return this.#checked(kind, reply, context);
      // Of a program's own kind of promise `then` may return anything.
      const answer = Promise.resolve(reply);
      request.whenLate(() => this.#expectEnd(answer, () => this.failures.late(kind, context.from)));
      return answer
        .then((data) => this.#checked(kind, data, context))
        .catch((error: unknown) => this.#fail(kind, error, context));
    } catch (error) {
      return this.#fail(kind, error, context);
    }
  }

  /** Of a handler whose time is over, and whose signal has fired. */
  #expectEnd(answer: Promise<unknown>, late: () => void): void {
    const timer = setTimeout(late, END_GRACE_MS).unref();
    const ended = () => clearTimeout(timer);
    answer.then(ended, ended);
  }

  /** Registers what takes streams of a protocol. Throws as `Registry.add`, and a RangeError for `streamsPerPeer`. */
  handle(protocol: string, handler: StreamHandler | RawStreamHandler, options: HandleOptions): void {
    const { streamsPerPeer = STREAMS_PER_PEER_MAX, raw = false } = options;
    requireHandler(handler);
    requireStreams(streamsPerPeer, STREAMS_OF_PEER_MAX);
    this.#view.traffic?.streams.answered.own(protocol);
    const run = (raw ? rawly(handler as RawStreamHandler) : handler) as StreamHandler;
    this.#protocols.add(
      protocol,
      { ...this.#offered(run, streamsPerPeer, protocol), acceptsLater: options.acceptsLater },
      options,
    );
  }

  /** Registers what answers messages for a service. Throws as `Registry.add`, and a RangeError for `messagesPerPeer`. */
  serve(service: string, handler: MessageHandler, options: ServeOptions): void {
    requireHandler(handler);
    this.#services.add(service, new Served(service, handler, options.messagesPerPeer), options);
    this.#view.traffic?.messages.answered.own(service);
  }

  /** What takes streams of this protocol, or of none when it is empty; else "handler-missing", for the peer that asks. */
  streamHandler(name: string, from: MemberId): Offered | FirefliesError {
    const found = name === "" ? this.#nameless() : this.#protocols.find(name);
    if (found instanceof FirefliesError) this.#tellMissing("protocol", name, from);
    return found;
  }

  #nameless(): Offered | FirefliesError {
    return this.stream ? this.#offered(this.stream, STREAMS_PER_PEER_MAX) : new FirefliesError("handler-missing");
  }

  #tellMissing(what: Missing["what"], name: string, id: MemberId): void {
    const from = this.#view.sender(id);
    try {
      this.missing({ what, name: name.slice(0, NAME_TOLD_MAX), from });
    } catch (error) {
      this.failures.tell("missing", error, from);
    }
  }

  #offered(handler: StreamHandler, perPeerMax: number, name = ""): Offered {
    const take = (stream: ByteDuplex, context: StreamContext) => this.#takeStream(handler, stream, context);
    return {
      handler: (stream, context) => this.#followed(name, stream, context, () => take(stream, context)),
      perPeerMax,
    };
  }

  /** It goes on until the stream ends, which may be after its handler has returned. */
  #followed(name: string, stream: ByteDuplex, context: StreamContext, take: () => Promise<void>): Promise<void> {
    const { following } = this.#view;
    const { from, trace } = context;
    const about = { side: "answers", name, member: from.id, bytes: undefined } as const;
    const followed = following?.follow && following.begin("stream", { ...about, context: traceIn(trace) });
    if (!followed) return take();
    stream.once("close", () => followed.end(codeOfEnd(stream)));
    return followed.run(take);
  }

  async #takeStream(handler: StreamHandler, stream: ByteDuplex, context: StreamContext): Promise<void> {
    const from = this.#view.sender(context.from.id);
    try {
      await handler(stream, new OpenedContext(from, context));
    } catch (error) {
      // That the other side has gone is no failure of a handler that reads or writes on.
      if (!(stream.destroyed && holds(() => isOfEnd(error, stream)))) throw this.failures.answer("stream", error, from);
    }
  }

  /** False when the program takes none. Never throws. */
  takeDatagram(id: MemberId, data: Uint8Array): boolean {
    if (this.datagram === undefined) return false;
    const from = this.#view.sender(id);
    const failed = (error: unknown) => this.failures.tell("datagram", error, from);
    try {
      const taken = this.datagram(data, { from });
      if (isPromise(taken)) Promise.resolve(taken).catch(failed);
    } catch (error) {
      failed(error);
    }
    return true;
  }

  /** A neighbour's reply to my gossip. Never rejects. */
  async takeResponse(response: Response): Promise<void> {
    const taken = this.#takeResponse(response);
    this.#responding.add(taken);
    await taken;
    this.#responding.delete(taken);
  }

  /** Resolves when no response handler runs: nobody else waits for those. */
  async settled(): Promise<void> {
    await Promise.all(this.#responding);
  }

  async #takeResponse({ data, error, from: id, proof }: Response): Promise<void> {
    if (!this.#view.isKnown(id)) return;
    const from = this.#view.sender(id);
    try {
      await withDeadline({ deadline: deadlineIn(RESPONSE_TIMEOUT_MS) }, async (signal) => {
        await this.response?.(data, { from, signal, proof, error });
      });
    } catch (thrown) {
      this.failures.tell("response", thrown, from);
    }
  }

  /** Never throws. */
  raise(alarm: FirefliesError): void {
    this.#view.log().alarm(alarm);
    try {
      this.alarm(alarm);
    } catch (error) {
      this.#view.log().unheard(error);
    }
  }

  /** The reply. Throws for what is none. Of one that is too large the sender is told so, and this program too. */
  #checked(kind: RequestKind, reply: Uint8Array | undefined, context: MessageContext): Uint8Array | undefined {
    const isNone = reply === undefined || reply === null;
    if (!isNone && !(reply instanceof Uint8Array)) throw noBytes(reply);
    if (!isNone && isTransferred(reply)) throw new TypeError("It returned bytes that it had transferred away.");
    if (!isNone && reply.length > MESSAGE_BYTES_MAX) {
      this.failures.tell(kind, tooLarge(reply.length, MESSAGE_BYTES_MAX), context.from);
    }
    return reply;
  }

  #fail(kind: HandlerKind, error: unknown, { from, signal }: MessageContext): never {
    // Who heeds the signal throws its reason: nobody waits for the answer any more.
    if (signal.aborted && holds(() => isOfSignal(error, signal))) throw new FirefliesError("handler-failed");
    throw this.failures.answer(kind, error, from);
  }
}

function answering({ service = "", from, trace }: RequestContext) {
  return { side: "answers", name: service, member: from.id, context: trace } as const;
}

function rawly(handler: RawStreamHandler): StreamHandler {
  return (stream, context) => handler(new RawStream(stream), context);
}

function noBytes(reply: unknown): TypeError {
  return new TypeError(`It returned a value of type ${typeof reply}. A reply is a Uint8Array, or undefined for none.`);
}

/** False also where the looking throws, as at errors with getters of a program's own. */
function holds(condition: () => boolean): boolean {
  try {
    return condition();
  } catch {
    return false;
  }
}

function isPromise<T>(value: Promise<T> | T): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === "function";
}

function isOfSignal(error: unknown, { reason }: AbortSignal): boolean {
  return error === reason || (error instanceof Error && error.name === "AbortError");
}

/** Codes of Node for a stream that is used on after its end. */
const ENDED: ReadonlySet<unknown> = new Set(["ERR_STREAM_PREMATURE_CLOSE", "ERR_STREAM_DESTROYED", "ABORT_ERR"]);

function isOfEnd(error: unknown, { errored }: ByteDuplex): boolean {
  return (errored !== null && error === errored) || ENDED.has((error as { readonly code?: unknown } | null)?.code);
}
