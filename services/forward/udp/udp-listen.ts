/** The listener's side of UDP: each source of datagrams is a flow, a stream to a member with a datagram as each message. */
import type { Socket } from "node:dgram";
import type { MessageStream } from "../../../client/types.js";
import { FirefliesError } from "../../../identity/index.js";
import { formatHostPort, onAbort } from "../../../net/index.js";
import type { MemberClient } from "../../member-client.js";
import { formatServiceAddress, type InternetAddress } from "../../service-address.js";
import { asError } from "../carrying/conduit.js";
import { FLOW_AHEAD_BYTES, FLOW_WAITING_MAX, OPEN_MS } from "../carrying/limits.js";
import type { Listener } from "../carrying/running.js";
import type { ListenPlan } from "../carrying/settings.js";
import { Traffic, type TrafficFigures } from "../carrying/traffic.js";
import type { Whom } from "../carrying/whom.js";
import { Flows } from "./flows.js";
import { boundTo, closed } from "./sockets.js";

/** How often silent flows are looked for, in milliseconds: they live so much longer at most. */
const SWEEP_MS = 10_000;

interface Source {
  readonly address: string;
  readonly port: number;
}

export class UdpListener implements Listener {
  readonly #client: MemberClient;
  readonly #protocol: string;
  readonly #whom: Whom;
  readonly #at: InternetAddress;
  readonly #traffic = new Traffic(Date.now);
  readonly #flows: Flows<Flow>;
  #socket: Socket | undefined;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(client: MemberClient, at: InternetAddress, { protocol, connections, idleMs }: ListenPlan, whom: Whom) {
    this.#client = client;
    this.#protocol = protocol;
    this.#whom = whom;
    this.#at = at;
    this.#flows = new Flows({
      ...{ max: connections, idleMs, now: () => performance.now() },
      onOver: (flow) => flow.end(),
    });
  }

  get address(): string {
    const port = this.#socket?.address().port;
    return formatServiceAddress(port === undefined ? this.#at : { ...this.#at, port });
  }

  async bind(): Promise<void> {
    const socket = await boundTo(this.#at);
    this.#socket = socket;
    this.#sweeper = setInterval(() => this.#flows.sweep(), SWEEP_MS).unref();
    socket.on("message", (datagram, from) => this.#onDatagram(datagram, from));
    onAbort(this.#client.stopping, () => void this.close());
  }

  figures(): TrafficFigures {
    return this.#traffic.figures();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    if (this.#socket !== undefined) closed(this.#socket);
    this.#flows.close();
  }

  #onDatagram(datagram: Uint8Array, from: Source): void {
    const source = formatHostPort(from.address, from.port);
    const flow = this.#flows.use(source, () => this.#begin(source, from));
    this.#traffic.bytesOut += datagram.length;
    flow.send(datagram);
  }

  #begin(source: string, { address, port }: Source): Flow {
    const traffic = this.#traffic;
    traffic.began();
    const flow: Flow = new Flow({
      open: (signal) => this.#open(signal),
      onAnswer: (datagram) => {
        this.#flows.use(source, () => flow);
        traffic.bytesIn += datagram.length;
        this.#socket?.send(datagram, port, address, () => {}); // What cannot be sent is lost, as any datagram may be.
      },
      onEnd: (error) => {
        this.#flows.forget(source, flow);
        traffic.ended(error);
      },
    });
    return flow;
  }

  async #open(signal: AbortSignal): Promise<MessageStream> {
    let problem: unknown;
    for (const id of this.#whom.next()) {
      try {
        return await this.#client.openStream(id, { protocol: this.#protocol, signal });
      } catch (error) {
        problem = error;
      }
    }
    throw problem;
  }
}

interface FlowOptions {
  readonly open: (signal: AbortSignal) => Promise<MessageStream>;
  readonly onAnswer: (datagram: Uint8Array) => void;
  /** Called once. */
  readonly onEnd: (error?: FirefliesError) => void;
}

class Flow {
  readonly #options: FlowOptions;
  readonly #ending = new AbortController();
  /** Until the stream is open. */
  #waiting: Uint8Array[] = [];
  #stream: MessageStream | undefined;
  #isOver = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    void this.#begin();
  }

  send(datagram: Uint8Array): void {
    const stream = this.#stream;
    if (stream === undefined) {
      if (this.#waiting.length < FLOW_WAITING_MAX) this.#waiting.push(datagram);
    } else if (stream.writable && stream.writableLength <= FLOW_AHEAD_BYTES) stream.write(datagram);
  }

  end(): void {
    this.#over();
    this.#ending.abort();
    this.#stream?.destroy();
  }

  async #begin(): Promise<void> {
    const late = setTimeout(() => this.#ending.abort(), OPEN_MS);
    try {
      const stream = await this.#options.open(this.#ending.signal);
      stream.on("data", this.#options.onAnswer);
      stream.on("error", () => {}); // "close" follows.
      stream.once("end", () => stream.destroy());
      stream.once("close", () => this.#over(stream.errored === null ? undefined : asError(stream.errored)));
      this.#stream = stream;
      for (const datagram of this.#waiting.splice(0)) this.send(datagram);
      if (stream.destroyed) this.#over(new FirefliesError("stream-reset"));
    } catch (cause) {
      this.#over(asError(cause));
    } finally {
      clearTimeout(late);
    }
  }

  #over(error?: FirefliesError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#options.onEnd(error);
  }
}
