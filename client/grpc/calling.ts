/**
 * gRPC to one member, for all stubs of it: its connections run over sessions, the best one for what is called now
 * (path-channel.ts). A lost connection is made anew when it is needed, for as long as the member is in the view.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type {
  ChannelCredentials,
  ChannelOptions,
  Client as GrpcClient,
  ClientOptions as GrpcClientOptions,
} from "@grpc/grpc-js";
import type { FirefliesError } from "../../identity/index.js";
import type { Session } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { ByteStream, connectionLost } from "./byte-stream.js";
import type { CallCount } from "./counting.js";
import { RECONNECT_MS, SERVICE_MESSAGE_BYTES_MAX, SERVICE_WINDOW_BYTES, SERVICES } from "./limits.js";
import type { Grpc } from "./load.js";
import { type Call, PathChannel, type Superseded } from "./path-channel.js";

/** A class of grpc-js clients, as `makeGenericClientConstructor` and code generators make them. */
export type StubClass<Stub extends GrpcClient> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<GrpcClientOptions>,
) => Stub;

export interface CallingOptions {
  readonly grpc: Grpc;
  readonly id: MemberId;
  /** On loopback, of a decoy (decoy.ts). */
  readonly port: number;
  /** A session with the member. Rejects with a FirefliesError. */
  readonly reach: () => Promise<Session>;
  /** Counts a call, by its path. */
  readonly begin: (path: string) => CallCount;
}

/** One connection that is not shared, looked up, proxied or watched: sessions watch theirs. */
function channelOptions(id: MemberId): ChannelOptions {
  return {
    "grpc.default_authority": id,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_channelz": 0,
    "grpc.initial_reconnect_backoff_ms": RECONNECT_MS.first,
    "grpc.max_reconnect_backoff_ms": RECONNECT_MS.longest,
    "grpc.max_receive_message_length": SERVICE_MESSAGE_BYTES_MAX,
    "grpc-node.flow_control_window": SERVICE_WINDOW_BYTES,
  };
}

export class Calling {
  readonly #options: CallingOptions;
  readonly #channel: PathChannel;
  /** Of stubs, which use the channel's. */
  readonly #credentials: ChannelCredentials;
  readonly #streams = new Set<ByteStream>();
  #ended: FirefliesError | undefined;

  constructor(options: CallingOptions) {
    const { grpc, id, port, begin } = options;
    this.#options = options;
    this.#credentials = grpc.credentials.createInsecure();
    this.#channel = new PathChannel((onSuperseded) => {
      const credentials = this.#credentialsOf(grpc, onSuperseded);
      return new grpc.Channel(`ipv4:127.0.0.1:${port}`, credentials, channelOptions(id));
    }, begin);
  }

  get isOpen(): boolean {
    return this.#streams.size > 0;
  }

  /** A stub whose `close` does nothing: the channel is not its own. */
  stub<Stub extends GrpcClient>(Class: StubClass<Stub>): Stub {
    const options = { channelOverride: this.#channel };
    const stub = new Class(this.#options.id, this.#credentials, options);
    Object.defineProperty(stub, "close", { value: () => {} });
    return stub;
  }

  /** All calls end with UNAVAILABLE, and so do those that are made later. */
  end(error: FirefliesError): void {
    if (this.#ended) return;
    this.#ended = error;
    for (const stream of this.#streams) stream.destroy(connectionLost(error));
    const { grpc } = this.#options;
    this.#channel.end(() => deadCall(grpc, error.message));
  }

  #credentialsOf(grpc: Grpc, onSuperseded: Superseded): ChannelCredentials {
    const connect = (socket: Socket) => this.#connect(socket, onSuperseded);
    class MemberCredentials extends grpc.ChannelCredentials {
      override _isSecure(): boolean {
        return true;
      }
      override _equals(other: ChannelCredentials): boolean {
        return this === other;
      }
      override _createSecureConnector(): ReturnType<ChannelCredentials["_createSecureConnector"]> {
        return {
          connect: async (socket) => ({ socket: await connect(socket), secure: true }),
          waitForReady: async () => {},
          getCallCredentials: () => grpc.CallCredentials.createEmpty(),
          destroy: () => {},
        };
      }
    }
    return new MemberCredentials();
  }

  async #connect(decoy: Socket, onSuperseded: Superseded): Promise<Socket> {
    decoy.on("error", () => {}); // It was never needed.
    decoy.destroy();
    const session = await this.#options.reach();
    if (this.#ended) throw this.#ended;
    const stream = new ByteStream(session.open(SERVICES));
    this.#streams.add(stream);
    const unwatch = session.onSuperseded(onSuperseded);
    stream.once("close", () => {
      unwatch();
      this.#streams.delete(stream);
    });
    // HTTP/2 takes any Duplex for its connection; grpc-js listens to it and destroys it, and nothing else.
    return stream as Duplex as Socket;
  }
}

/** A call that ends with UNAVAILABLE as soon as it begins. */
function deadCall({ Metadata, status }: Grpc, details: string): Call {
  const nothing = () => {};
  return {
    start: (_metadata, listener) => {
      const metadata = new Metadata();
      process.nextTick(() => listener.onReceiveStatus({ code: status.UNAVAILABLE, details, metadata }));
    },
    getPeer: () => "",
    getAuthContext: () => null,
    cancelWithStatus: nothing,
    sendMessageWithContext: nothing,
    startRead: nothing,
    halfClose: nothing,
    getCallNumber: () => 0,
    setCredentials: nothing,
  };
}
