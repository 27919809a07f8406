/** The programs' services for one connection of one member: a gRPC server of its own, so that its caller is known. */
import type {
  Metadata,
  Server,
  ServerOptions,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type FirefliesError, type MemberCertificate, ReplyError } from "../../identity/index.js";
import type { Budget, ByteDuplex } from "../../net/index.js";
import type { HandlerFailures } from "../handler-failures.js";
import type { Following } from "../traffic/following.js";
import type { Tally } from "../traffic/tally.js";
import type { Member, Sender } from "../types.js";
import { ByteStream } from "./byte-stream.js";
import { ProvenCaller, setCaller } from "./caller.js";
import { CallCount, type RpcTraffic, serviceIn, traceOfCall } from "./counting.js";
import { SERVICE_CALLS_MAX, SERVICE_MESSAGE_BYTES_MAX } from "./limits.js";
import type { Grpc } from "./load.js";
import { Meter } from "./meter.js";

/** What a program serves. */
export interface Service {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface ServingOptions {
  readonly grpc: Grpc;
  readonly peer: MemberCertificate;
  readonly duplex: ByteDuplex;
  readonly services: readonly Service[];
  readonly sender: () => Sender;
  /** Its entry in the view. */
  readonly member: () => Member | undefined;
  readonly budget: Budget;
  readonly failures: Pick<HandlerFailures, "answer">;
  /** Count calls, by service. */
  readonly tallies: RpcTraffic["answered"];
  readonly following: Following;
}

type Interceptor = NonNullable<ServerOptions["interceptors"]>[number];
type InterceptingCall = ReturnType<Interceptor>;
type Listener = Parameters<Parameters<Interceptor>[1]["start"]>[0];

const OPTIONS: ServerOptions = {
  "grpc.max_concurrent_streams": SERVICE_CALLS_MAX,
  "grpc.max_receive_message_length": SERVICE_MESSAGE_BYTES_MAX,
  "grpc.enable_channelz": 0,
};

export class Serving {
  readonly #options: ServingOptions;
  readonly #server: Server;
  readonly #meter = new Meter();
  /** How to end each call that has begun and has no status yet. */
  readonly #running = new Set<(error: FirefliesError) => void>();
  #onIdle: () => void = () => {};

  constructor(options: ServingOptions) {
    const { grpc, peer, duplex, budget, services } = options;
    this.#options = options;
    this.#server = new grpc.Server({ ...OPTIONS, interceptors: [this.#following(grpc)] });
    for (const service of services) this.add(service);
    const injector = this.#server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
    const holder = { cut: (error: FirefliesError) => void duplex.destroy(error) };
    duplex.once("close", () => {
      budget.set(peer.id, holder, 0);
      this.#server.forceShutdown();
      this.#running.clear();
      this.#onIdle();
    });
    const stream = new ByteStream(duplex, (bytes) => {
      this.#meter.read(bytes);
      if (!duplex.destroyed) budget.set(peer.id, holder, this.#meter.held);
    });
    injector.injectConnection(stream);
  }

  add({ definition, implementation }: Service): void {
    const handlers: Record<string, UntypedHandleCall> = {};
    for (const [name, { originalName = name, responseStream }] of Object.entries(definition)) {
      const handler = implementation[name] ?? implementation[originalName];
      if (handler) handlers[name] = this.#contained(handler.bind(implementation), !responseStream);
    }
    this.#server.removeService(definition); // One of the program's own takes the place of ours.
    this.#server.addService(this.#guarded(definition), handlers);
  }

  /** What a serializer throws of an answer is the handler's failure, too: grpc-js tells the caller alone. */
  #guarded(definition: ServiceDefinition): ServiceDefinition {
    const guarded = (method: ServiceDefinition[string]): ServiceDefinition[string] => ({
      ...method,
      requestDeserialize: (bytes: Buffer) => {
        this.#tallyOf(method.path).bytesIn += bytes.length;
        return method.requestDeserialize(bytes);
      },
      responseSerialize: (value: unknown) => {
        try {
          const bytes = method.responseSerialize(value);
          this.#tallyOf(method.path).bytesOut += bytes.length;
          return bytes;
        } catch (error) {
          throw this.#options.failures.answer("service", error, this.#options.sender());
        }
      },
    });
    return Object.fromEntries(Object.entries(definition).map(([name, method]) => [name, guarded(method)]));
  }

  #tallyOf(path: string): Tally {
    return this.#options.tallies.of(serviceIn(path));
  }

  /** Takes no new call. Resolves when those that run have ended, or the connection has. */
  async drain(): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#running.size === 0) resolve();
    });
    // On Node 24 a server says that it is shut down while calls of injected connections still run.
    await Promise.all([idle, new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()))]);
  }

  /** Ends what still runs with UNAVAILABLE. How many calls that cuts. */
  cut(error: FirefliesError): number {
    const running = [...this.#running];
    for (const end of running) end(error);
    return running.length;
  }

  /** False when it had ended before. */
  #ended(end: (error: FirefliesError) => void): boolean {
    const wasRunning = this.#running.delete(end);
    if (this.#running.size === 0) setImmediate(this.#onIdle); // The status is on its way by then.
    return wasRunning;
  }

  /** Follows calls from their first header to their status; after it a handler's words go nowhere. */
  #following({ status }: Grpc): Interceptor {
    return ({ path }, call) => {
      const count = new CallCount(this.#tallyOf(path));
      // In place: a call around the call, as interceptors usually make it, costs as much as the call.
      const { start, sendMetadata, sendMessage, sendStatus } = call;
      const end = ({ message: details }: FirefliesError) => {
        if (!this.#ended(end)) return;
        count.end(status.UNAVAILABLE);
        sendStatus.call(call, { code: status.UNAVAILABLE, details });
      };
      const cancelled = () => {
        count.end(status.CANCELLED);
        this.#ended(end);
      };
      const isOpen = () => this.#running.has(end);
      this.#running.add(end);
      call.start = (listener) => start.call(call, this.#followed(path, count, cancellable(listener, cancelled)));
      call.sendMetadata = (metadata) => void (isOpen() && sendMetadata.call(call, metadata));
      call.sendMessage = (message, sent) => void (isOpen() && sendMessage.call(call, message, sent));
      call.sendStatus = (answer) => {
        if (!this.#ended(end)) return;
        count.end(answer.code ?? status.UNKNOWN);
        sendStatus.call(call, answer);
      };
      return call as InterceptingCall;
    };
  }

  /** Handlers are called from within what their listener hears. */
  #followed(path: string, count: CallCount, listener: Listener): Listener {
    const { following, peer } = this.#options;
    if (following.follow === undefined) return listener;
    return {
      onReceiveMetadata: (metadata) => {
        const about = { side: "answers", name: path, member: peer.id, bytes: undefined } as const;
        count.followed = following.begin("rpc", { ...about, context: traceOfCall(metadata) });
        count.run(() => listener.onReceiveMetadata(metadata));
      },
      onReceiveMessage: (message) => count.run(() => listener.onReceiveMessage(message)),
      onReceiveHalfClose: () => count.run(() => listener.onReceiveHalfClose()),
      onCancel: () => listener.onCancel(),
    };
  }

  /** A handler that knows its caller, and whose failure ends its call and nothing else. However it tells it, it tells no secrets. */
  #contained(handler: UntypedHandleCall, answersOnce: boolean): UntypedHandleCall {
    const run = handler as (call: Call, callback?: Callback) => unknown;
    return ((call: Call, callback?: Callback) => {
      const { sender, peer, member } = this.#options;
      const from = new ProvenCaller(sender(), peer, member);
      setCaller(call, from);
      const { emit } = call;
      // What it emits, and what it destroys the call with.
      call.emit = (event, ...args) =>
        event === "error"
          ? emit.call(call, event, this.#statusOf(args[0], call, from))
          : emit.call(call, event, ...args);
      const done: Callback | undefined =
        callback && ((error, ...answer) => callback(error && this.#statusOf(error, call, from), ...answer));
      const failed = (error: unknown) => {
        if (answersOnce) done?.(error ?? new Error());
        else call.emit("error", error);
      };
      try {
        const running = run(call, done);
        if (isThenable(running)) Promise.resolve(running).catch(failed);
      } catch (error) {
        failed(error);
      }
    }) as UntypedHandleCall;
  }

  /** What a handler failed with, as a status: its own if it is one, else UNKNOWN. Its text only where it was meant for the caller. */
  #statusOf(error: unknown, call: Call, from: Sender): Failure {
    const { grpc, failures } = this.#options;
    if (made.has(error as object)) return error as Failure;
    const { code, details, message, metadata } = (error ?? {}) as Partial<Failure & Error>;
    const isStatus = typeof code === "number" && code in grpc.status;
    const text = details ?? (error instanceof Error ? undefined : message);
    const given = isStatus && metadata !== undefined ? { metadata } : {};
    if (isStatus && typeof text === "string") return failure({ code, details: text, ...given });
    const answer = call.cancelled ? undefined : failures.answer("service", error, from);
    const words = answer?.message ?? "The call was cancelled.";
    const tagged =
      answer instanceof ReplyError && answer.code !== undefined ? { metadata: coded(grpc, answer.code) } : given;
    return failure({ code: isStatus ? code : grpc.status.UNKNOWN, details: words, ...tagged });
  }
}

function cancellable(listener: Listener, onCancel: () => void): Listener {
  return {
    onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
    onReceiveMessage: (message) => listener.onReceiveMessage(message),
    onReceiveHalfClose: () => listener.onReceiveHalfClose(),
    onCancel: () => {
      onCancel();
      listener.onCancel();
    },
  };
}

interface Failure {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

type Callback = (error: unknown, ...answer: unknown[]) => void;

interface Call {
  readonly cancelled?: boolean;
  emit(event: string, ...args: unknown[]): boolean;
}

function isThenable(value: unknown): boolean {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === "function";
}

/** Statuses that were made here: they may pass again. */
const made = new WeakSet<object>();

function failure(status: Failure): Failure {
  made.add(status);
  return status;
}

/** Key of the metadata that has the code of a handler's `ReplyError`. */
const REPLY_CODE_KEY = "fireflies-code";

function coded(grpc: Grpc, code: string): Metadata {
  const metadata = new grpc.Metadata();
  metadata.set(REPLY_CODE_KEY, code);
  return metadata;
}
