/** A server of HTTP that members reach: their streams are its connections, and no port is open. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Member, MessageContext, Sender } from "../../../client/types.js";
import { FirefliesError } from "../../../identity/index.js";
import { isAllowed } from "../../access.js";
import { Traffic, type TrafficFigures } from "../../forward/carrying/traffic.js";
import type { MemberClient } from "../../member-client.js";
import { pulseOf } from "../../pulse.js";
import { refusalsOf } from "../../refusals.js";
import { DRAIN_MS, SWEEP_MS } from "../wire/limits.js";
import { MemberSocket } from "../wire/member-socket.js";
import { setCaller } from "./callers.js";
import { Connection } from "./connection.js";
import type { AttachOptions, AttachPlan } from "./options.js";

/** A server that is attached. */
export interface AttachedHttp extends AsyncDisposable {
  /** The name by which members ask for it. */
  readonly protocol: string;
  figures(): HttpFigures;
  /**
   * Takes no new connection, ends those that are idle, waits `drain` milliseconds (5,000 by default) for requests that run, and
   * cuts what is left. The server itself stays as it is. `Client.stop` does the same.
   */
  close(options?: { readonly drain?: number }): Promise<void>;
}

export interface HttpFigures extends TrafficFigures {
  /** Since the start. */
  readonly requests: number;
}

export interface AttachedParts {
  readonly client: MemberClient;
  readonly server: Server;
  /** Resolves when the server may be given connections. */
  readonly ready: () => Promise<unknown>;
  readonly plan: AttachPlan;
  readonly onRefused: AttachOptions["onRefused"];
}

export class Attached implements AttachedHttp {
  readonly #parts: AttachedParts;
  readonly #traffic = new Traffic(Date.now);
  readonly #closing = new AbortController();
  readonly #connections = new Map<Duplex, Connection>();
  #sweeping: NodeJS.Timeout | undefined;
  #requests = 0;
  #closed: Promise<void> | undefined;
  #onIdle: () => void = () => {};
  readonly #onStopping = () => void this.close();

  /** Throws as `Client.handle`. */
  constructor(parts: AttachedParts) {
    const { client, server, plan } = parts;
    this.#parts = parts;
    const options = { streamsPerPeer: plan.connectionsPerPeer, signal: this.#closing.signal };
    client.handle(plan.protocol, (stream, context) => this.#take(stream, context), options);
    server.prependListener("request", this.#onRequest);
    client.stopping.addEventListener("abort", this.#onStopping, { once: true });
  }

  get protocol(): string {
    return this.#parts.plan.protocol;
  }

  figures(): HttpFigures {
    return { ...this.#traffic.figures(), requests: this.#requests };
  }

  close({ drain = DRAIN_MS }: { readonly drain?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(drain);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drainMs: number): Promise<void> {
    this.#closing.abort();
    this.#parts.client.stopping.removeEventListener("abort", this.#onStopping);
    for (const connection of this.#connections.values()) connection.finish();
    if (this.#connections.size > 0) await this.#drained(drainMs);
    for (const stream of this.#connections.keys()) stream.destroy(new FirefliesError("member-stopping"));
    this.#parts.server.removeListener("request", this.#onRequest);
  }

  async #drained(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #take(stream: Duplex, { from }: MessageContext): Promise<void> {
    const member = this.#parts.client.member(from.id);
    const problem = this.#problemOf(member);
    if (problem !== undefined || member === undefined) {
      this.#refuse(stream, from, problem ?? new FirefliesError("peer-refused"));
      return;
    }
    await this.#parts.ready();
    if (!stream.destroyed) this.#connect(stream, member);
  }

  #connect(stream: Duplex, member: Member): void {
    const { client, server } = this.#parts;
    const traffic = this.#traffic;
    const socket = new MemberSocket(true, {
      onRead: (bytes) => {
        traffic.bytesIn += bytes;
        connection.onBytes(performance.now());
      },
      onWritten: (bytes) => {
        traffic.bytesOut += bytes;
      },
    });
    const connection = new Connection(socket, performance.now());
    setCaller(socket, () => client.member(member.id) ?? member);
    traffic.began();
    if (member.id !== client.id) pulseOf(client).watch(member.id, stream);
    this.#connections.set(socket, connection);
    this.#sweeping ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
    socket.once("close", () => this.#ended(socket, connection));
    server.emit("connection", socket.attach(stream, member.id));
    if (this.#closing.signal.aborted) connection.finish();
  }

  #ended(socket: Duplex, { isIdle }: Connection): void {
    this.#connections.delete(socket);
    const { errored } = socket;
    this.#traffic.ended(errored instanceof FirefliesError && !isIdle ? errored : undefined);
    if (this.#connections.size > 0) return;
    clearInterval(this.#sweeping);
    this.#sweeping = undefined;
    this.#onIdle();
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return; // By a port of its own.
    this.#requests += 1;
    connection.onRequest(request, response, performance.now());
  };

  /** Ends what takes too long to arrive, as Node does it for servers that listen: by "clientError", or with status 408. */
  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections.values()) {
      if (!connection.isLate(now, this.#parts.server)) continue;
      const late = Object.assign(new Error("The request took too long to arrive."), {
        code: "ERR_HTTP_REQUEST_TIMEOUT",
      });
      connection.socket.emit("error", late);
    }
  }

  #refuse(stream: Duplex, { id, name }: Sender, problem: FirefliesError): void {
    const { client, onRefused = () => {} } = this.#parts;
    this.#traffic.refused(problem);
    const { protocol } = this;
    if (problem.code === "peer-refused") {
      refusalsOf(client).add({ member: id, name, protocol, code: problem.code }, onRefused);
    }
    stream.destroy(problem);
  }

  /** Why this member gets nothing. */
  #problemOf(member: Member | undefined): FirefliesError | undefined {
    const { rules, connections } = this.#parts.plan;
    if (member === undefined || !isAllowed(rules, member)) {
      return new FirefliesError("peer-refused", "The server is not open to this member.", {
        advice: "Ask the other member's operator to allow it.",
      });
    }
    if (this.#traffic.streams < connections) return undefined;
    return new FirefliesError("overloaded", `The server has ${connections} connections of members.`);
  }
}
