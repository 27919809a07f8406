/** An agent of `node:http` whose connections are streams to members: for `http.request`, and for WebSocket clients as ws is. */
import { Agent, type AgentOptions, type ClientRequestArgs } from "node:http";
import type { Duplex } from "node:stream";
import { onAbort } from "../../../net/index.js";
import { POOL, POOL_IDLE_MS, POOL_IDLE_PER_HOST, POOL_PER_HOST } from "../wire/limits.js";
import { MemberSocket } from "../wire/member-socket.js";
import { type Caller, openTo } from "./opening.js";

export interface MemberAgentOptions
  extends Pick<AgentOptions, "maxSockets" | "maxTotalSockets" | "maxFreeSockets" | "scheduling"> {
  /** The protocol of the members' servers; "/http/1.1" by default. */
  readonly protocol?: string | undefined;
  /** Milliseconds that a connection waits for the next request; 15,000 by default, less where the server says so. */
  readonly idleMs?: number | undefined;
}

class MemberAgent extends Agent {
  readonly #client: Caller;
  readonly #protocol: string | undefined;
  #turn = 0;

  constructor(client: Caller, { protocol, idleMs = POOL_IDLE_MS, ...pool }: MemberAgentOptions) {
    super({
      ...{ maxSockets: POOL_PER_HOST, maxTotalSockets: POOL, maxFreeSockets: POOL_IDLE_PER_HOST, ...pool },
      ...{ keepAlive: true, timeout: idleMs },
    });
    this.#client = client;
    this.#protocol = protocol;
    onAbort(client.stopping, () => this.#endIdle());
  }

  override createConnection(options: ClientRequestArgs): Duplex {
    const host = String(options.host ?? options.hostname ?? "");
    const whither = { host, port: Number(options.port ?? 80), protocol: this.#protocol };
    const socket = new MemberSocket(false);
    openTo(this.#client, whither, this.#turn++).then(
      ({ stream, id }) => socket.attach(stream, id),
      (error: Error) => socket.destroy(error),
    );
    return socket;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    // The types say nothing of the result, by which Node decides.
    const isKept = super.keepSocketAlive(socket) as unknown as boolean;
    return isKept && !this.#client.stopping.aborted;
  }

  /** So that `Client.stop` has nothing to wait for. */
  #endIdle(): void {
    for (const sockets of Object.values(this.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}

/**
 * An `http.Agent` for `http.request("http://bob.fireflies/", { agent: memberAgent(client) })`, and for ws: `new
 * WebSocket("ws://bob.fireflies/", { agent })`. Hosts are those of `memberFetch`. Connections are kept for the next request: 64
 * to a host and 512 in all at most, then requests wait. Errors of a request are FirefliesErrors where the network is why.
 * `destroy()` ends all connections; `Client.stop` ends those that are idle.
 */
export function memberAgent(client: Caller, options: MemberAgentOptions = {}): Agent {
  return new MemberAgent(client, options);
}
