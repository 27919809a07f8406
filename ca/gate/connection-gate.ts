/**
 * Who may hold a connection to the authority, and for how long. A connection costs its caller nothing and us a socket and
 * the state of a TLS session, so each has a deadline in every phase of its life, whatever the HTTP server above it does,
 * and whatever its caller reads or closes. Addresses share the slots: when all are taken, the address that holds most
 * loses its oldest connection on which nothing is worked on, so that a newcomer always finds one. Members, once they
 * have proven themselves, are counted by themselves and not with others behind their address.
 */
import type { Server, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { Shares } from "../../rings/index.js";
import { limitKeyOf } from "./caller-address.js";
import { readProxyHeader } from "./proxy-header.js";
import { RateLimit } from "./rate-limit.js";
import type { GateOptions, Waits } from "./service-limits.js";
import { TrustedProxies } from "./trusted-proxies.js";

/**
 * Why a connection was closed by us without being asked to: it came too often, or found no slot; it lost its slot to another;
 * it did not finish in time; it began without the header that trusted proxies send; its bytes are no TLS or no HTTP.
 */
export type Closed = "rate" | "connections" | "displaced" | "late" | "proxy-header" | "broken";

/** Requests of one connection at once: clients wait for an answer before they ask again. */
const PIPELINED_MAX = 4;

/** opening: no request may come yet; waiting: for a whole request; working: on one; answering: its answer is to be taken. */
type Phase = "opening" | "waiting" | "working" | "answering" | "closing";

interface Entry {
  readonly socket: Socket;
  /** Which the socket under TLS and the one over it have in common. */
  readonly endpoint: string;
  /** When it came, milliseconds. */
  readonly since: number;
  /** Of the caller: its own, or what a trusted proxy said. */
  address: string;
  /** For whom it is counted: an address, or a member. */
  key: string;
  isMember: boolean;
  phase: Phase;
  /** Requests whose head has come and whose answer has not gone. */
  requests: number;
  /** Bytes that had come when it began to wait for another request; undefined when one has begun. */
  idleFrom: number | undefined;
  timer: NodeJS.Timeout | undefined;
}

type ListenerOf = (this: Server, socket: Socket) => void;

export class ConnectionGate {
  readonly #options: GateOptions;
  readonly #waits: Waits;
  readonly #proxies: TrustedProxies;
  readonly #limit: RateLimit;
  readonly #closed: (reason: Closed) => void;
  /** By addresses and ports of both ends. */
  readonly #entries = new Map<string, Entry>();
  /** Those on which nothing is worked on, the longest unused first. */
  readonly #waiting: Shares<Entry>;

  constructor(
    options: GateOptions,
    waits: Waits,
    closed: (reason: Closed) => void,
    proxies: TrustedProxies = new TrustedProxies(),
  ) {
    this.#options = options;
    this.#waits = waits;
    this.#closed = closed;
    this.#proxies = proxies;
    this.#limit = new RateLimit(options.handshakes);
    this.#waiting = new Shares(Number.POSITIVE_INFINITY, options.addressMax);
  }

  /** Puts itself before the server's own handling of new connections. */
  guard(server: Server): void {
    const listeners = server.listeners("connection") as ListenerOf[];
    server.removeAllListeners("connection");
    const isTls = server instanceof TlsServer;
    server.on("connection", (socket: Socket) => {
      this.#enter(socket, () => {
        for (const listener of listeners) listener.call(server, socket);
        if (!isTls) this.#opened(this.#of(socket));
      });
    });
    server.on("secureConnection", (socket: Socket) => this.#opened(this.#of(socket)));
  }

  /** Connections that are open. */
  get size(): number {
    return this.#entries.size;
  }

  /** The caller's address: that of the socket, or what a trusted proxy said. */
  addressOf(socket: Socket): string {
    return this.#of(socket)?.address ?? socket.remoteAddress ?? "";
  }

  /** Whether a request can be answered on this connection at all: its handshake is done. */
  isOpen(socket: Socket): boolean {
    const phase = this.#of(socket)?.phase;
    return phase !== undefined && phase !== "opening";
  }

  /** The head of a request has come. False when this connection asks for more at once than any client needs. */
  asked(socket: Socket): boolean {
    const entry = this.#of(socket);
    if (entry === undefined) return true;
    entry.requests += 1;
    const wasIdle = entry.idleFrom !== undefined;
    entry.idleFrom = undefined;
    if (wasIdle) this.#goes(entry, entry.phase, this.#waits.requestMs + this.#waits.graceMs);
    return entry.requests <= PIPELINED_MAX;
  }

  /** The whole request has come, and is worked on from now on. */
  working(socket: Socket): void {
    const entry = this.#of(socket);
    if (entry === undefined || entry.phase === "closing") return;
    this.#waiting.remove(entry);
    this.#goes(entry, "working", this.#waits.workMs);
  }

  /** The caller has proven to be a member. */
  proven(socket: Socket, id: string): void {
    const entry = this.#of(socket);
    if (entry === undefined || entry.isMember) return;
    const isWaiting = entry.phase === "waiting";
    this.#waiting.remove(entry);
    entry.isMember = true;
    entry.key = `member ${id}`;
    if (isWaiting) this.#wait(entry);
  }

  /** An answer is there, and the caller is to take it. */
  answering(socket: Socket): void {
    const entry = this.#of(socket);
    if (entry === undefined || entry.phase === "closing") return;
    this.#goes(entry, "answering", this.#waits.requestMs + this.#waits.graceMs);
  }

  /** How long this connection may be without a request, milliseconds: clients that know it do not ask on one that just ends. */
  idleMsOf(socket: Socket): number {
    return this.#of(socket)?.isMember ? this.#waits.keepAliveMs : this.#waits.requestMs;
  }

  /** The answer has left this process. */
  answered(socket: Socket): void {
    const entry = this.#of(socket);
    if (entry === undefined || entry.phase === "closing") return;
    entry.requests = Math.max(0, entry.requests - 1);
    if (entry.requests > 0) {
      this.#goes(entry, "working", this.#waits.workMs);
      return;
    }
    entry.idleFrom = entry.socket.bytesRead;
    this.#wait(entry);
    this.#goes(entry, "waiting", this.idleMsOf(socket) + this.#waits.graceMs);
  }

  /** The last word was said on this connection; its caller has the grace to hear it, less the time between two looks. */
  closing(socket: Socket): void {
    const entry = this.#of(socket);
    if (entry === undefined) return void socket.destroy();
    if (entry.phase !== "closing") this.#goes(entry, "closing", this.#waits.graceMs - this.#waits.checkMs);
  }

  /** Nothing can be said on this connection. `isOurs`: we end it, because its bytes are no TLS or no HTTP. */
  broken(socket: Socket, isOurs: boolean): void {
    const entry = this.#of(socket);
    if (isOurs && entry !== undefined) this.#close(entry, "broken");
    entry?.socket.destroy();
    socket.destroy();
  }

  /** Ends those of which no request is under way; a handshake is none. */
  endIdle(): void {
    for (const { socket, requests } of this.#entries.values()) if (requests === 0) socket.destroy();
  }

  endAll(): void {
    for (const { socket } of this.#entries.values()) socket.destroy();
  }

  #enter(socket: Socket, begin: () => void): void {
    socket.on("error", () => {}); // Also while nobody else listens; its end is what counts.
    const address = socket.remoteAddress;
    if (address === undefined) return void socket.destroy(); // It is gone already.
    const isAnnounced = this.#proxies.announces(address);
    // Of a trusted proxy nothing is counted before it has said who calls.
    if (!(isAnnounced || this.#admits(address)) || !this.#makeRoom()) return void socket.destroy();
    const entry = entryOf(socket, address);
    this.#entries.set(entry.endpoint, entry);
    socket.once("close", () => this.#left(entry));
    this.#waiting.add(entry);
    this.#goes(entry, "opening", this.#waits.requestMs);
    if (isAnnounced) this.#readHeader(entry, begin);
    else begin();
  }

  /** What comes before the first byte of TLS. Nothing that is behind it is lost. */
  #readHeader(entry: Entry, begin: () => void): void {
    const { socket } = entry;
    let bytes = Buffer.alloc(0);
    const read = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      const header = readProxyHeader(bytes);
      if (header.kind === "unfinished") return;
      socket.removeListener("readable", read);
      socket.removeListener("end", gone);
      if (header.kind === "invalid") return this.#close(entry, "proxy-header");
      this.#waiting.remove(entry);
      entry.address = header.address ?? entry.address;
      entry.key = limitKeyOf(entry.address);
      if (!this.#admits(entry.address)) return void socket.destroy();
      this.#waiting.add(entry);
      if (header.length < bytes.length) socket.unshift(bytes.subarray(header.length));
      begin();
    };
    const gone = () => socket.destroy();
    socket.on("readable", read);
    socket.once("end", gone);
  }

  /** Whether one more of this address may begin. Tells why not. */
  #admits(address: string): boolean {
    if (this.#proxies.isShared(address)) return true;
    const key = limitKeyOf(address);
    const now = performance.now();
    const victim = this.#waiting.victim(key);
    const isFull = victim !== undefined && now - victim.since < this.#options.youngMs;
    if (isFull || this.#limit.take(key, now) > 0) {
      this.#closed(isFull ? "connections" : "rate");
      return false;
    }
    if (victim !== undefined) this.#close(victim, "displaced");
    return true;
  }

  /** A slot for one more, of whichever address. False when all are worked on. */
  #makeRoom(): boolean {
    if (this.#entries.size < this.#options.connectionsMax) return true;
    const victim = this.#waiting.greediest();
    if (victim === undefined) this.#closed("connections");
    else this.#close(victim, "displaced");
    return victim !== undefined;
  }

  /** Requests may come from now on. */
  #opened(entry: Entry | undefined): void {
    if (entry?.phase === "opening") this.#goes(entry, "waiting", this.#waits.requestMs + this.#waits.graceMs);
  }

  /** Counts a connection on which nothing is worked on. */
  #wait(entry: Entry): void {
    this.#waiting.remove(entry);
    const victim = entry.isMember ? this.#waiting.victim(entry.key, this.#options.memberMax) : undefined;
    if (victim !== undefined) this.#close(victim, "displaced");
    this.#waiting.add(entry);
  }

  #goes(entry: Entry, phase: Phase, waitMs: number): void {
    entry.phase = phase;
    clearTimeout(entry.timer);
    if (entry.socket.destroyed) return;
    entry.timer = setTimeout(() => this.#expired(entry), waitMs);
  }

  #expired(entry: Entry): void {
    const { socket, phase, idleFrom } = entry;
    const isIdle = phase === "waiting" && idleFrom !== undefined;
    if (isIdle && socket.bytesRead > idleFrom) {
      // A request has begun: it has its own time now.
      entry.idleFrom = undefined;
      this.#goes(entry, "waiting", this.#waits.requestMs + this.#waits.graceMs);
      return;
    }
    if (isIdle || phase === "closing") socket.destroy();
    else this.#close(entry, "late");
  }

  #close(entry: Entry, reason: Closed): void {
    this.#closed(reason);
    entry.socket.destroy();
    this.#left(entry);
  }

  #left(entry: Entry): void {
    clearTimeout(entry.timer);
    this.#waiting.remove(entry);
    if (this.#entries.get(entry.endpoint) === entry) this.#entries.delete(entry.endpoint);
  }

  #of(socket: Socket): Entry | undefined {
    return this.#entries.get(endpointOf(socket));
  }
}

function entryOf(socket: Socket, address: string): Entry {
  return {
    socket,
    endpoint: endpointOf(socket),
    since: performance.now(),
    address,
    key: limitKeyOf(address),
    isMember: false,
    phase: "opening",
    requests: 0,
    idleFrom: undefined,
    timer: undefined,
  };
}

/** Both ends: to two addresses of this machine a caller may come from one port. */
function endpointOf({ remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
