/** A rendezvous server: two clients with one token meet here, and are relayed when they do not reach each other. */
import { setMaxListeners } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { RdvError } from "../errors.js";
import { KEEP_ALIVE_MS, PROMPT_MS } from "../limits.js";
import { contained, type RdvLogger } from "../logger.js";
import { spaceOf } from "../spaces.js";
import { formatIpPort, ipPortOf } from "../wire/addresses.js";
import { refusalHeaders } from "../wire/answer.js";
import { type Head, headersRecord } from "../wire/head.js";
import { judgeRequest, type Wanted } from "../wire/request.js";
import { divert, type HttpServerLike } from "./diversion.js";
import type { Guest, RdvRequest } from "./guests.js";
import { full, type RefusalAnswer, readHead, refuse, tooMany } from "./last-word.js";
import { Lobby, type Parting } from "./lobby.js";
import { Figures, type RdvMetrics } from "./metrics.js";
import { type ObservedAddressHook, observe, remoteAddress } from "./observed.js";
import { Pair } from "./pair.js";
import { originOf, RateLimit } from "./rate-limit.js";
import { Shares } from "./shares.js";

/** What becomes of two that met. Both are cut when it has ended without a word to them, or thrown. */
export type Handler = (pair: Pair) => Promise<void> | void;
/** True lets a client in, false refuses it with 403, a refusal with its own status and headers. */
export type Authorize = (request: RdvRequest) => boolean | RefusalAnswer | Promise<boolean | RefusalAnswer>;

export interface RdvServerOptions {
  /** Tokens are what follows it in a path; "/" by itself. With or without a slash at either end. */
  readonly prefix?: string;
  /** Relays by itself, with the options here. */
  readonly handler?: Handler;
  /** Who may wait here; asked once for each request that is in order, with ten seconds to answer. Everybody by itself. */
  readonly authorize?: Authorize;
  /** Behind proxies; `forwardedAddress` is one. */
  readonly observedAddress?: ObservedAddressHook;
  /** Milliseconds that a client waits for its peer; 0 or left out: an hour. */
  readonly lobbyTimeoutMs?: number;
  /** Milliseconds without a byte, also before the dialler decides, after which a pair ends; 0 or left out: an hour. */
  readonly idleTimeoutMs?: number;
  /** Bytes of each direction of a relay that wait for the receiver. */
  readonly bufferBytes?: number;
  readonly limits?: Partial<RdvServerLimits>;
  readonly logger?: RdvLogger;
}

export interface RdvServerLimits {
  /** Clients in the lobby: a socket and a few kilobytes each. As many again may be waiting for `authorize`. */
  readonly waitingMax: number;
  /** Of them from one IPv4 address or one /64 of IPv6: offices share one. */
  readonly waitingPerAddressMax: number;
  /** Pairs at once: two sockets and twice `bufferBytes` each. */
  readonly pairsMax: number;
  /** Ends of pairs of one address. */
  readonly pairsPerAddressMax: number;
  /** Requests of one address. */
  readonly requestsPerSecond: number;
  readonly requestsBurst: number;
}

const LIMITS: RdvServerLimits = {
  waitingMax: 10_000,
  waitingPerAddressMax: 1_000,
  pairsMax: 10_000,
  pairsPerAddressMax: 1_000,
  requestsPerSecond: 100,
  requestsBurst: 1_000,
};
/** What the system gives in one read. */
const BUFFER_BYTES = 65_536;

const CLOSED = full("rendezvous server is closed");
const FULL = full("rendezvous server is full");
const FORBIDDEN: RefusalAnswer = { status: 403, reason: "not authorized" };
const PARTING_STATUS: Readonly<Record<Exclude<Parting, "left">, number>> = {
  spoke: 400,
  replaced: 409,
  "timed-out": 408,
  evicted: 503,
};

export class RdvServer {
  readonly #options: RdvServerOptions;
  readonly #limits: RdvServerLimits;
  readonly #log: RdvLogger;
  readonly #lobby: Lobby;
  readonly #rate: RateLimit;
  readonly #figures = new Figures();
  readonly #closing = new AbortController();
  readonly #pairs = new Set<Promise<void>>();
  readonly #pairShares = new Shares();
  readonly #detach = new Set<() => void>();
  /** Requests about which the authorize hook is being asked. */
  #asked = 0;
  #hasWarned = false;

  constructor(options: RdvServerOptions = {}) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#log = contained(options.logger);
    setMaxListeners(0, this.#closing.signal); // One for each pair.
    this.#rate = new RateLimit(this.#limits.requestsPerSecond, this.#limits.requestsBurst);
    const limits = { ...this.#limits, timeoutMs: options.lobbyTimeoutMs };
    this.#lobby = new Lobby(limits, (guest, parting) => this.#parted(guest, parting));
  }

  /**
   * Answers below a prefix of an HTTP or HTTPS server, also beside handlers and frameworks that it has, or gets later:
   * all other requests are theirs. Several rendezvous servers may share one. Returns what ends that.
   */
  attach(server: HttpServerLike, { prefix = this.#options.prefix }: { readonly prefix?: string | undefined } = {}) {
    const folder = folderOf(prefix);
    const undo = divert(server, {
      prefix: folder,
      serve: (socket, head) => void this.#serve(socket, head, folder),
      refuse: (request, response) => this.#refuseParsed(request, response, folder),
    });
    const detach = () => {
      this.#detach.delete(detach);
      undo();
    };
    this.#detach.add(detach);
    return detach;
  }

  /**
   * Takes a connection whose request is not read yet (`socket.unshift` what was), for servers of any other kind.
   * Resolves when its client waits or has met its peer; rejects with "rdv-handshake" when it was refused, and answered.
   */
  async upgrade(
    socket: Socket,
    { prefix = this.#options.prefix }: { readonly prefix?: string | undefined } = {},
  ): Promise<void> {
    const head = await readHead(socket);
    const refusal = head === undefined ? "no request of HTTP" : await this.#serve(socket, head, folderOf(prefix));
    if (refusal !== undefined) throw new RdvError("rdv-handshake", `The client was refused: ${refusal}.`);
  }

  metrics(): RdvMetrics {
    return this.#figures.read({ waiting: this.#lobby.size, pairs: this.#pairs.size });
  }

  /** Evicts the lobby, tells the handlers by their pairs' signal, and refuses who comes from now on, all with 503. */
  shutdown(): void {
    if (this.#closing.signal.aborted) return;
    this.#log.info({ event: "rdv-shutdown", ...this.metrics() }, "The rendezvous server is shutting down.");
    this.#closing.abort();
    this.#lobby.evictAll();
  }

  /** `shutdown`, then waits for the handlers, and leaves the HTTP servers. May be called again. */
  async close(): Promise<void> {
    this.shutdown();
    await Promise.all(this.#pairs);
    for (const detach of this.#detach) detach();
  }

  /** Resolves to why the client was refused, undefined when it was not. */
  async #serve(socket: Socket, head: Head, prefix: string): Promise<string | undefined> {
    socket.on("error", () => {}).setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const refusal = await this.#admit(socket, head, prefix);
    if (refusal === undefined) return undefined;
    this.#figures.refused(refusal.status);
    this.#log.info({ event: "rdv-refused", ...refusal, from: socket.remoteAddress }, "A client was refused.");
    refuse(socket, refusal);
    return refusal.reason;
  }

  async #admit(socket: Socket, head: Head, prefix: string): Promise<RefusalAnswer | undefined> {
    if (this.#closing.signal.aborted) return CLOSED;
    const judged = judgeRequest(head, prefix);
    if (!judged.ok) return judged;
    this.#figures.add("requests");
    const guest = this.#guestOf(socket, head, judged);
    const rate = this.#rate.take(guest.origin);
    if (!rate.ok) return tooMany("requests from this address", rate.waitMs / 1_000);
    if (this.#asked >= this.#limits.waitingMax) return FULL;
    this.#asked += 1;
    const allowed = await this.#authorized(guest.request).finally(() => {
      this.#asked -= 1;
    });
    if (allowed !== true) return allowed === false ? FORBIDDEN : allowed;
    if (this.#closing.signal.aborted) return CLOSED;
    return this.#join(guest);
  }

  #join(guest: Guest): RefusalAnswer | undefined {
    const peer = this.#lobby.peerOf(guest);
    const refusal = peer && this.#noPairFor([guest, peer]);
    if (refusal) return refusal;
    const joined = this.#lobby.join(guest);
    if (joined === "waiting") {
      this.#log.debug({ event: "rdv-waiting", ...placeOf(guest.request) }, "A client waits for its peer.");
    } else if ("status" in joined) return joined;
    else this.#pair(guest, joined);
    return undefined;
  }

  /** The one that waits goes on to wait when there is no place for the two. */
  #noPairFor(both: readonly Guest[]): RefusalAnswer | undefined {
    const { pairsMax, pairsPerAddressMax } = this.#limits;
    if (this.#pairs.size >= pairsMax) return FULL;
    const isTooMany = both.some(({ origin }) => this.#pairShares.of(origin) >= pairsPerAddressMax);
    return isTooMany ? tooMany("pairs of this address or its peer's") : undefined;
  }

  #pair(guest: Guest, other: Guest): void {
    const [dialer, accepter] = guest.method === "DIAL" ? [guest, other] : [other, guest];
    const pair = new Pair(dialer, accepter, {
      idleTimeoutMs: this.#options.idleTimeoutMs,
      bufferBytes: this.#options.bufferBytes ?? BUFFER_BYTES,
      signal: this.#closing.signal,
      onDirect: (address) => this.#figures.direct((address && spaceOf(address.ip)) ?? "unknown"),
      onBytes: (side, bytes) => this.#figures.add(side === "dialer" ? "dialerBytes" : "accepterBytes", bytes),
      onRelayed: () => this.#figures.add("relayed"),
    });
    this.#figures.add("met");
    for (const { origin } of [guest, other]) this.#pairShares.add(origin);
    const handled = this.#handle(pair).finally(() => {
      this.#pairs.delete(handled);
      for (const { origin } of [guest, other]) this.#pairShares.remove(origin);
    });
    this.#pairs.add(handled);
  }

  async #handle(pair: Pair): Promise<void> {
    const who = { dialer: pair.dialer.remoteAddress, accepter: pair.accepter.remoteAddress };
    try {
      if (this.#options.handler) await this.#options.handler(pair);
      else await this.#relay(pair);
    } catch (err) {
      const isDirect = err instanceof RdvError && err.code === "rdv-other";
      if (isDirect) this.#log.info({ event: "rdv-direct", ...who, address: err.address }, "Two clients met directly.");
      else this.#log.warn({ event: "rdv-pair-failed", ...who, err }, "Two clients met, and then it failed.");
    } finally {
      pair.end();
    }
  }

  async #relay(pair: Pair): Promise<void> {
    await pair.continue();
    const relayed = await pair.relay();
    this.#log.info({ event: "rdv-relayed", ...relayed }, "Two clients were relayed.");
  }

  #guestOf(socket: Socket, head: Head, { method, token, selfAddresses }: Wanted): Guest {
    const remote = ipPortOf(socket.remoteAddress, socket.remotePort);
    const request: RdvRequest = {
      method,
      token: token.toString("utf8"),
      url: head.startLine.split(" ")[1] ?? "",
      headers: headersRecord(head),
      selfAddresses: selfAddresses.map(formatIpPort),
      remoteAddress: remote && formatIpPort(remote),
      socket,
    };
    const hook = this.#options.observedAddress ?? remoteAddress;
    const observedAddress = observe(hook, request, (problem) =>
      this.#log.warn({ event: "rdv-unobserved", problem }, "Where a client comes from is not known."),
    );
    if (observedAddress && !this.#hasWarned && !spaceOf(observedAddress.ip)?.startsWith("public")) {
      this.#hasWarned = true;
      const fields = { event: "rdv-not-public", address: formatIpPort(observedAddress) };
      this.#log.warn(fields, "A client's observed address is not public: behind a proxy, set observedAddress.");
    }
    const origin = originOf(observedAddress?.ip ?? remote?.ip);
    return { request, method, key: token.toString("latin1"), socket, observedAddress, selfAddresses, origin };
  }

  async #authorized(request: RdvRequest): Promise<boolean | RefusalAnswer> {
    const { authorize } = this.#options;
    if (authorize === undefined) return true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<RefusalAnswer>((resolve) => {
      timer = setTimeout(() => resolve(full("authorization takes too long")), PROMPT_MS);
    });
    try {
      return await Promise.race([authorize(request), late]);
    } catch (err) {
      this.#log.error({ event: "rdv-authorize-failed", err }, "The authorize hook has thrown.");
      return { status: 500, reason: "authorization failed" };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Of a request that Node.js has parsed, which is none of DIAL and ACCEPT: judged alike, and never taken. */
  #refuseParsed(request: IncomingMessage, response: ServerResponse | undefined, prefix: string): void {
    const { method = "", url = "", httpVersion, rawHeaders } = request;
    const startLine = `${method} ${url} HTTP/${httpVersion}`;
    const headers = rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1] ?? ""] as const] : [],
    );
    const judged = judgeRequest({ startLine, headers }, prefix);
    const refusal = judged.ok ? { status: 400, reason: "malformed request" } : judged;
    this.#figures.refused(refusal.status);
    const { status, reason } = refusal;
    if (response === undefined) refuse(request.socket, refusal);
    else response.writeHead(status, Object.fromEntries(refusalHeaders(status))).end(reason);
  }

  #parted({ request }: Guest, parting: Parting): void {
    if (parting === "left") this.#figures.add("left");
    else this.#figures.refused(PARTING_STATUS[parting]);
    this.#log.debug({ event: "rdv-parted", ...placeOf(request), parting }, "A client left the lobby without a peer.");
  }
}

/** For the log, which never has tokens: whoever knows one can be the peer. */
function placeOf({ method, remoteAddress: from }: RdvRequest) {
  return { method, from };
}

function folderOf(prefix = "/"): string {
  const parts = prefix.split("/").filter((part) => part !== "");
  return parts.length === 0 ? "/" : `/${parts.join("/")}/`;
}
