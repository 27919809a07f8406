/** The programs' services for one connection of one member: a gRPC server of its own, so that its caller is known. */
import type {
  Metadata,
  Server,
  ServerOptions,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { FirefliesError, MemberCertificate } from "../../identity/index.js";
import { type Budget, type ByteDuplex, errorText } from "../../net/index.js";
import type { Sender } from "../types.js";
import { ByteStream } from "./byte-stream.js";
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
  readonly budget: Budget;
}

const OPTIONS: ServerOptions = {
  "grpc.max_concurrent_streams": SERVICE_CALLS_MAX,
  "grpc.max_receive_message_length": SERVICE_MESSAGE_BYTES_MAX,
  "grpc.enable_channelz": 0,
};

/** By the call object that a handler is given. */
const callers = new WeakMap<object, Sender>();

/**
 * Who calls: the member that the connection's handshake proved. `call` is what a handler of `Client.addService` was given as
 * its first argument; for anything else it throws a TypeError.
 */
export function callerOf(call: object): Sender {
  const sender = callers.get(call);
  if (sender) return sender;
  throw new TypeError("callerOf takes the call that a handler of addService was given.");
}

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
    this.#server.addService(definition, handlers);
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
  #following({ ServerInterceptingCall, status }: Grpc): NonNullable<ServerOptions["interceptors"]>[number] {
    return (_method, call) => {
      const end = ({ message: details }: FirefliesError) => {
        if (this.#ended(end)) call.sendStatus({ code: status.UNAVAILABLE, details });
      };
      const isOpen = () => this.#running.has(end);
      this.#running.add(end);
      return new ServerInterceptingCall(call, {
        start: (next) => next({ onCancel: () => void this.#ended(end) }),
        sendMetadata: (metadata, next) => isOpen() && next(metadata),
        sendMessage: (message, next) => isOpen() && next(message),
        sendStatus: (answer, next) => this.#ended(end) && next(answer),
      });
    };
  }

  /** A handler that knows its caller, and whose failure ends its call and nothing else. */
  #contained(handler: UntypedHandleCall, answersOnce: boolean): UntypedHandleCall {
    const run = handler as (call: object, callback?: unknown) => unknown;
    return (call: object, callback?: (error: Failure) => void) => {
      callers.set(call, this.#options.sender());
      const failed = (error: unknown) => {
        const failure = statusOf(error, this.#options.grpc);
        if (answersOnce) callback?.(failure);
        else (call as { emit(event: "error", failure: Failure): void }).emit("error", failure);
      };
      new Promise((resolve) => resolve(run(call, callback))).catch(failed);
    };
  }
}

interface Failure {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** What a handler threw, as a status: its own if it is one, else UNKNOWN with its text. */
function statusOf(error: unknown, { status }: Grpc): Failure {
  const { code, details, metadata } = (error ?? {}) as Partial<Failure>;
  const isStatus = typeof code === "number" && code in status;
  const given = metadata === undefined ? {} : { metadata };
  if (isStatus) return { code, details: details ?? errorText(error), ...given };
  return { code: status.UNKNOWN, details: errorText(error) };
}
