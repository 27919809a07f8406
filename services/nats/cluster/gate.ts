/**
 * Where streams of members come in to the nats-server of this one. The member is proven; the server is told so in its own way:
 * what a program said of itself in CONNECT is replaced by what the member may be here.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { MessageContext } from "../../../client/types.js";
import { FirefliesError } from "../../../identity/index.js";
import { asError, Conduit } from "../../forward/carrying/conduit.js";
import { CONNECTIONS, CONNECTIONS_PER_PEER, DIAL_MS, IDLE_MS } from "../../forward/carrying/limits.js";
import { dialTarget } from "../../forward/carrying/local.js";
import { Traffic, type TrafficFigures } from "../../forward/carrying/traffic.js";
import type { MemberClient } from "../../member-client.js";
import { type Refused, refusalsOf } from "../../refusals.js";
import type { Greet } from "./greet.js";

export interface GateOptions {
  readonly protocol: string;
  /** Of the server, on loopback. */
  readonly port: number;
  /** Why a member may not come in. */
  readonly refusal: (id: string) => FirefliesError | undefined;
  /** Passes the first lines of both ends on, and resolves with the connection to the server. */
  readonly greet: Greet;
  readonly onRefused: (refused: Refused) => void;
}

/** Rejects with "target-unreachable". */
export function dialLoopback(port: number, signal: AbortSignal): Promise<Socket> {
  return dialTarget({ kind: "tcp", host: "127.0.0.1", port }, DIAL_MS, signal);
}

export class Gate {
  readonly #client: MemberClient;
  readonly #options: GateOptions;
  readonly #traffic = new Traffic(Date.now);
  readonly #closing = new AbortController();
  readonly #open = new Set<(error: FirefliesError) => void>();

  /** Throws "name-invalid" and "name-taken". */
  constructor(client: MemberClient, options: GateOptions) {
    this.#client = client;
    this.#options = options;
    const { protocol } = options;
    const how = { streamsPerPeer: CONNECTIONS_PER_PEER, signal: this.#closing.signal };
    client.handle(protocol, (stream, context) => this.#take(stream, context), how);
  }

  figures(): TrafficFigures {
    return this.#traffic.figures();
  }

  close(): void {
    this.#closing.abort();
    for (const end of [...this.#open]) end(new FirefliesError("link-closed", "The NATS server was stopped."));
  }

  async #take(stream: Duplex, { from, signal }: MessageContext): Promise<void> {
    const problem = this.#problemOf(from.id);
    if (problem !== undefined) {
      this.#traffic.refused(problem);
      const { protocol, onRefused } = this.#options;
      if (problem.code === "peer-refused")
        refusalsOf(this.#client).add({ member: from.id, name: from.name, protocol, code: problem.code }, onRefused);
      stream.destroy(problem);
      return;
    }
    this.#traffic.began();
    const { port, greet } = this.#options;
    const dialling = AbortSignal.any([signal, this.#closing.signal]);
    let socket: Socket | undefined;
    try {
      await greet(stream, from.id, async () => {
        socket = await dialLoopback(port, dialling);
        return socket;
      });
      if (socket !== undefined) this.#join(stream, socket);
    } catch (cause) {
      const error = asError(cause);
      stream.destroy(error);
      socket?.destroy();
      this.#traffic.ended(error);
    }
  }

  #join(stream: Duplex, socket: Socket): void {
    const end = (error: FirefliesError) => conduit.fail(error);
    const conduit = new Conduit(socket, stream, {
      ...{ idleMs: IDLE_MS, traffic: this.#traffic },
      onEnd: (error) => {
        this.#open.delete(end);
        this.#traffic.ended(error);
      },
    });
    this.#open.add(end);
    stream.resume(); // It was paused behind its first line.
  }

  #problemOf(id: string): FirefliesError | undefined {
    const refusal = this.#options.refusal(id);
    if (refusal !== undefined || this.#traffic.streams < CONNECTIONS) return refusal;
    return new FirefliesError("overloaded", `The NATS server here has ${CONNECTIONS} connections open.`);
  }
}
