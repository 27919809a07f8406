/**
 * One connection of a member at an HTTP server: whether a request runs on it, and since when one arrives. Node watches that only
 * for servers that listen at a port.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { MemberSocket } from "../wire/member-socket.js";

/** Milliseconds; 0 for no limit. As `http.Server` has them. */
export interface ArrivalLimits {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
}

export class Connection {
  readonly socket: MemberSocket;
  /** Answers to requests that run: to pipelined ones as well. */
  readonly #running = new Set<ServerResponse>();
  /** Since when a request arrives, and how far it is. */
  #arriving: { readonly since: number; readonly what: "headers" | "body" } | undefined;
  #isLast = false;

  constructor(socket: MemberSocket, now: number) {
    this.socket = socket;
    this.#arriving = { since: now, what: "headers" };
  }

  /** No request runs: an end is in order then, however it comes. */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Bytes have come. */
  onBytes(now: number): void {
    if (this.#running.size === 0 && this.#arriving === undefined) this.#arriving = { since: now, what: "headers" };
  }

  /** A request has come, its body perhaps not yet. */
  onRequest(request: IncomingMessage, response: ServerResponse, now: number): void {
    this.#running.add(response);
    this.#arriving = { since: this.#arriving?.since ?? now, what: "body" };
    const arrived = () => {
      this.#arriving = undefined;
    };
    request.once("end", arrived).once("close", arrived);
    if (this.#isLast) sayLast(response);
    response.once("close", () => {
      this.#running.delete(response);
      if (this.#isLast && this.#running.size === 0) this.socket.destroySoon();
    });
  }

  /** Has what arrives taken too long? Never after an upgrade: what follows is no HTTP. */
  isLate(now: number, { headersTimeout, requestTimeout }: ArrivalLimits): boolean {
    if (this.#arriving === undefined || this.#isUpgraded) return false;
    const ms = now - this.#arriving.since;
    const isOver = (limit: number) => limit > 0 && ms > limit;
    return isOver(requestTimeout) || (this.#arriving.what === "headers" && isOver(headersTimeout));
  }

  /** Takes no request after those that run. What was upgraded goes on. */
  finish(): void {
    this.#isLast = true;
    for (const response of this.#running) sayLast(response);
    if (this.#running.size === 0 && !this.#isUpgraded) this.socket.destroySoon();
  }

  /** HTTP of Node has let go of the socket: its parser is the mark of its own. */
  get #isUpgraded(): boolean {
    const { parser } = this.socket as { readonly parser?: unknown };
    return parser === null || parser === undefined;
  }
}

function sayLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}
