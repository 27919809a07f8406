/** Dialling a member, and the link that comes of it: one gRPC channel, one connection, one proven peer. */
import { lookup } from "node:dns/promises";
import type { TLSSocket } from "node:tls";
import { type ChannelOptions, Client, Metadata, connectivityState as State } from "@grpc/grpc-js";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { onAbort } from "../abort.js";
import { formatAddress, parseAddress } from "../address.js";
import { refusalOf, TIMER_MS_MAX, withDeadline } from "../guard.js";
import { chunkProblem, failedDuplex } from "../message-duplex.js";
import {
  type ByteDuplex,
  CALL_BYTES_MAX,
  type CallKind,
  type CallOptions,
  type DialOptions,
  DUPLEX_BYTES_MAX,
  type DuplexKind,
  type Link,
  type TransportOptions,
} from "../transport.js";
import { LinkCredentials } from "./connector.js";
import { CallerDuplex } from "./duplex.js";
import { KEEPALIVE_OPTIONS, WIRE_BYTES_MAX } from "./limits.js";
import { targetOf } from "./resolver.js";
import { CALLS, DUPLEXES } from "./service.js";
import { fromStatus } from "./status.js";
import { STREAM_WINDOW_BYTES } from "./windows.js";

/** How long a closed link's last words may take, in milliseconds, before the connection is cut. */
const CLOSE_GRACE_MS = 500;
/** What the called side learns of a deadline is a little longer than ours, so that ours decides. */
const DEADLINE_SLACK_MS = 250;

const CHANNEL_OPTIONS: ChannelOptions = {
  ...KEEPALIVE_OPTIONS,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": WIRE_BYTES_MAX,
  "grpc.max_send_message_length": WIRE_BYTES_MAX,
  "grpc-node.flow_control_window": STREAM_WINDOW_BYTES,
  // A link is one connection to one address: nothing is looked up, shared, proxied, retried or given up when idle.
  "grpc.service_config_disable_resolution": 1,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  "grpc.client_idle_timeout_ms": TIMER_MS_MAX,
};

/** See Transport.dial. */
export function dial(own: TransportOptions, address: string, options: DialOptions): Promise<Link> {
  return withDeadline(options, async (signal) => {
    const cut = new AbortController();
    const target = targetOf(await resolved(address), cut.signal);
    const credentials = new LinkCredentials(own, address, options.expect);
    const client = new Client(target.target, credentials, { ...CHANNEL_OPTIONS, ...target.options });
    try {
      await ready(client, credentials, address, signal);
    } catch (error) {
      client.close();
      cut.abort();
      throw error;
    }
    return new GrpcLink(own, client, credentials.connected!.peer, credentials.connected!.socket);
  });
}

/** The address with its name looked up: the first answer, as connect() would. */
async function resolved(address: string): Promise<string> {
  const parts = parseAddress(address);
  if (parts === undefined || parts.port === 0) {
    throw new FirefliesError("address-invalid", `"${address}" is not host:port. Put IPv6 hosts in brackets.`);
  }
  try {
    return formatAddress((await lookup(parts.host)).address, parts.port);
  } catch (cause) {
    throw new FirefliesError("peer-unreachable", `The name ${parts.host} cannot be resolved.`, { cause });
  }
}

async function ready(
  client: Client,
  credentials: LinkCredentials,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const channel = client.getChannel();
  for (;;) {
    signal.throwIfAborted();
    const state = channel.getConnectivityState(true);
    if (state === State.READY) return;
    if (state === State.TRANSIENT_FAILURE || state === State.SHUTDOWN) throw dialFailure(credentials, address);
    await stateChange(client, state, signal);
  }
}

function stateChange(client: Client, from: State, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    client.getChannel().watchConnectivityState(from, Number.POSITIVE_INFINITY, () => resolve());
  });
}

function dialFailure({ failure, connected }: LinkCredentials, address: string): FirefliesError {
  if (failure !== undefined) return failure;
  if (connected === undefined) return new FirefliesError("peer-unreachable", `${address} cannot be connected to.`);
  return new FirefliesError("peer-refused", `${address} closed the connection: it may not accept our certificate.`);
}

class GrpcLink implements Link {
  readonly peer: MemberCertificate;
  readonly #own: TransportOptions;
  readonly #client: Client;
  readonly #socket: TLSSocket;
  readonly #duplexes = new Set<ByteDuplex>();
  readonly #listeners = new Set<() => void>();
  closed = false;

  constructor(own: TransportOptions, client: Client, peer: MemberCertificate, socket: TLSSocket) {
    this.#own = own;
    this.#client = client;
    this.peer = peer;
    this.#socket = socket;
    socket.once("close", () => this.close());
    // A peer that shuts down says so before it cuts the connection.
    client.getChannel().watchConnectivityState(State.READY, Number.POSITIVE_INFINITY, () => this.close());
    if (socket.destroyed) this.close();
  }

  async call(kind: CallKind, body: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    const problem = this.#problem() ?? chunkProblem(body, CALL_BYTES_MAX);
    if (problem !== undefined) throw problem;
    return withDeadline(options, (signal) => this.#call(kind, body, options.timeoutMs, signal));
  }

  open(kind: DuplexKind, { signal }: { readonly signal?: AbortSignal | undefined } = {}): ByteDuplex {
    const problem = this.#problem();
    if (problem !== undefined) return failedDuplex(problem);
    const { path, requestSerialize, responseDeserialize } = DUPLEXES[kind];
    const raw = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata(), {});
    const duplex = new CallerDuplex(raw, DUPLEX_BYTES_MAX[kind]);
    this.#track(duplex, signal);
    return duplex;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const duplex of this.#duplexes) duplex.destroy(new FirefliesError("link-closed"));
    this.#client.close();
    this.#cutSoon();
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  onClose(listener: () => void): () => void {
    if (this.closed) listener();
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #call(kind: CallKind, body: Uint8Array, timeoutMs: number, signal: AbortSignal): Promise<Uint8Array> {
    const { path, requestSerialize, responseDeserialize } = CALLS[kind];
    const deadline = Date.now() + Math.min(timeoutMs, TIMER_MS_MAX) + DEADLINE_SLACK_MS;
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        body,
        new Metadata(),
        { deadline },
        (error, answer) => (answer === undefined ? reject(error ? fromStatus(error) : error) : resolve(answer)),
      );
      signal.addEventListener("abort", () => call.cancel(), { once: true });
    });
  }

  #problem(): FirefliesError | undefined {
    if (this.closed) return new FirefliesError("link-closed");
    return refusalOf(this.peer, { admit: () => undefined }, this.#own);
  }

  #track(duplex: ByteDuplex, signal: AbortSignal | undefined): void {
    const cancel = () => duplex.destroy(new FirefliesError("cancelled"));
    this.#duplexes.add(duplex);
    const unwatch = onAbort(signal, cancel);
    duplex.once("close", () => {
      this.#duplexes.delete(duplex);
      unwatch();
    });
  }

  /** Running calls and last words first; a peer that does not let them through is cut. */
  #cutSoon(): void {
    if (this.#socket.destroyed) return;
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }
}
