/** Where local connections come in: bounded, counted, each on its way to a member or reset. */
import { once } from "node:events";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../../identity/index.js";
import type { MemberClient } from "../../member-client.js";
import { formatServiceAddress, type ServiceAddress } from "../../service-address.js";
import { asError, Conduit, resetSocket } from "./conduit.js";
import { boundAt, listenAt } from "./local.js";
import { Traffic, type TrafficFigures } from "./traffic.js";

export interface DoorPlan {
  readonly listen: ServiceAddress;
  /** At once. */
  readonly connections: number;
  readonly idleMs: number;
}

/** Brings a connection on its way, by `Door.carry`. What it rejects with ends the connection by a reset. */
export type Usher = (socket: Socket) => Promise<void>;

export class Door {
  readonly client: MemberClient;
  readonly #plan: DoorPlan;
  readonly #usher: Usher;
  readonly #traffic = new Traffic(Date.now);
  readonly #closing = new AbortController();
  readonly #open = new Set<(error: FirefliesError) => void>();
  #server: Server | undefined;

  constructor(client: MemberClient, plan: DoorPlan, usher: Usher) {
    this.client = client;
    this.#plan = plan;
    this.#usher = usher;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  get address(): string {
    const { listen: at } = this.#plan;
    return formatServiceAddress(this.#server === undefined ? at : boundAt(this.#server, at));
  }

  async bind(): Promise<void> {
    this.#server = await listenAt(this.#plan.listen, (socket) => void this.#take(socket));
    // A member that stops takes nothing new; what is open ends with its streams.
    this.client.stopping.addEventListener("abort", () => this.#server?.close(), { signal: this.closing });
  }

  figures(): TrafficFigures {
    return this.#traffic.figures();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const server = this.#server;
    const closed = server?.listening ? once(server.close(), "close") : undefined;
    for (const end of [...this.#open]) end(new FirefliesError("link-closed", "What listened here was closed."));
    await closed;
  }

  /** Joins a connection that came in here with a stream. */
  carry(socket: Socket, stream: Duplex): void {
    const end = (error: FirefliesError) => conduit.fail(error);
    const conduit = new Conduit(socket, stream, {
      ...{ idleMs: this.#plan.idleMs, traffic: this.#traffic },
      onEnd: (error) => {
        this.#open.delete(end);
        this.#traffic.ended(error);
      },
    });
    this.#open.add(end);
  }

  /** It could not be brought on its way, and was told so. */
  refuse(socket: Socket, error: FirefliesError, words: Uint8Array): void {
    this.#traffic.ended(error);
    socket.end(words);
    socket.resume(); // What comes yet is of no use, and would keep it open.
    setTimeout(() => socket.destroy(), LAST_WORD_MS).unref();
  }

  async #take(socket: Socket): Promise<void> {
    const { connections } = this.#plan;
    socket.on("error", () => {}); // "close" follows.
    if (this.#traffic.streams >= connections) {
      this.#traffic.refused(new FirefliesError("overloaded", `${connections} connections are open here.`));
      resetSocket(socket);
      return;
    }
    this.#traffic.began();
    try {
      await this.#usher(socket);
    } catch (cause) {
      resetSocket(socket);
      this.#traffic.ended(asError(cause));
    }
  }
}

/** Milliseconds for a program to read why it was refused. */
const LAST_WORD_MS = 1_000;
