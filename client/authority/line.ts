/**
 * A connection to the authority that is kept from one call to the next, for a member that asks again soon: a new one
 * costs a handshake and the authority's certificates, eight times the bytes of a question and its answer.
 */
import { Agent } from "node:http";
import type { TLSSocket } from "node:tls";

/** Before TCP looks whether the authority is there, milliseconds: later than the next question comes, or no bytes are saved. */
const PROBE_AFTER_MS = 10 * 60_000;

export class Line {
  readonly #agent = new LineAgent({
    keepAlive: true,
    keepAliveMsecs: PROBE_AFTER_MS,
    maxSockets: 1,
    maxFreeSockets: 1,
  });
  #url = "";

  /** The connection that is open and idle, if it leads there. */
  idle(url: string): TLSSocket | undefined {
    return url === this.#url ? this.#agent.idle : undefined;
  }

  /** For a request's `agent`: it goes over the idle connection, or over this one and leaves it open for the next call. */
  over(socket: TLSSocket, url: string): Agent {
    if (this.#agent.idle !== socket) this.close();
    this.#url = url;
    this.#agent.next = socket;
    return this.#agent;
  }

  close(): void {
    this.#agent.destroy();
  }
}

class LineAgent extends Agent {
  next: TLSSocket | undefined;

  get idle(): TLSSocket | undefined {
    const [sockets] = Object.values(this.freeSockets);
    const socket = sockets?.[0] as TLSSocket | undefined;
    return socket?.destroyed ? undefined : socket;
  }

  /** Node asks for a connection when none is idle. */
  override createConnection(): TLSSocket | undefined {
    return this.next;
  }
}
