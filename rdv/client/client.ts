/** A rendezvous client: dials or accepts one peer at a time, by a token that both know. */
import { setMaxListeners } from "node:events";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import { Conn, type ConnMeta, type ConnPath } from "../conn.js";
import { RdvError } from "../errors.js";
import { LAST_WORD_MS, LINE_BYTES_MAX, TOKEN_BYTES_MAX, waitMs } from "../limits.js";
import { contained, type RdvLogger } from "../logger.js";
import { AddressSpaces, spaceOf } from "../spaces.js";
import { formatIpPort, type IpPort, ipPortOf } from "../wire/addresses.js";
import { isHeader } from "../wire/head.js";
import { CONTINUE_LINE, formatOther, isMethod, type Method, parseCommand } from "../wire/lines.js";
import { readLine } from "../wire/pieces.js";
import { formatRequest, isReserved } from "../wire/request.js";
import { escapeToken } from "../wire/token.js";
import { type Met, meet, reachServer } from "./meeting.js";
import { ownAddresses, ownIps } from "./own-addresses.js";
import { type Picker, waitForP2P } from "./picker.js";
import { Punch } from "./punch.js";
import { Queue } from "./queue.js";

export interface RdvClientOptions {
  /** Which addresses are shown to the peer, dialled, and taken connections from. `AddressSpaces.default` by itself. */
  readonly addressSpaces?: AddressSpaces;
  /** The dialler's. `waitForP2P()` by itself: a direct connection, or after one second the relay. */
  readonly picker?: Picker;
  /**
   * Milliseconds for the whole: names, TLS, the peer's coming, the direct way. An hour by itself. An accepter waits for
   * its dialler; for diallers more than 3,000 is right.
   */
  readonly timeoutMs?: number;
  /** For https: `ca`, `cert`, `key` and whatever else `tls.connect` takes. */
  readonly tls?: ConnectionOptions;
  readonly logger?: RdvLogger;
}

export interface MeetOptions {
  /** The application's own, for the server's hooks. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the attempt; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Instead of the client's. */
  readonly timeoutMs?: number;
  /** Called when both are there, before it is known by which connection they go on: an accepter may wait for the next. */
  readonly onMet?: () => void;
}

/** Milliseconds for an accepter whose relay is gone: the dialler's word is then on its way to a direct connection. */
const SETTLING_MS = 10_000;

/** Stateless: any number of attempts at once. */
export class RdvClient {
  readonly #options: RdvClientOptions;

  constructor(options: RdvClientOptions = {}) {
    this.#options = options;
  }

  /** `url` is of the rendezvous server, with its prefix. The token is any text, best drawn at random for each meeting. */
  dial(url: string, token: string, options?: MeetOptions): Promise<Conn> {
    return this.do("DIAL", url, token, options);
  }

  accept(url: string, token: string, options?: MeetOptions): Promise<Conn> {
    return this.do("ACCEPT", url, token, options);
  }

  /**
   * Rejects with an RdvError: "rdv-handshake" with the server's `response`, "rdv-unreachable", "rdv-timeout",
   * "rdv-closed", "rdv-protocol", and "rdv-invalid" for a wrong argument. Leaves no handle behind.
   */
  async do(method: Method, url: string, token: string, options: MeetOptions = {}): Promise<Conn> {
    const server = checkedUrl(url);
    const bytes = checkedToken(token);
    if (!isMethod(method)) throw invalid(`The method is DIAL or ACCEPT, not ${JSON.stringify(method)}.`);
    const headers = checkedHeaders(options.headers ?? {});
    const { timeoutMs = this.#options.timeoutMs } = options;
    const attempt = new Attempt(method, token, bytes, this.#options);
    const end = attempt.endBy(options.signal, waitMs(timeoutMs));
    try {
      return await attempt.run(server, headers, options.onMet);
    } finally {
      end();
      attempt.end();
    }
  }
}

/** One meeting, until a connection is chosen. */
class Attempt {
  readonly #method: Method;
  readonly #token: string;
  readonly #bytes: Buffer;
  readonly #options: RdvClientOptions;
  readonly #log: RdvLogger;
  readonly #spaces: AddressSpaces;
  readonly #over = new AbortController();
  readonly #punch: Punch;
  /** Streams that end with the attempt; the chosen one leaves the set. */
  readonly #open = new Set<Duplex>();
  /** Direct connections that came before anybody could choose. */
  readonly #early: Socket[] = [];
  #onDirect = (socket: Socket): void => void this.#early.push(socket);

  constructor(method: Method, token: string, bytes: Buffer, options: RdvClientOptions) {
    this.#method = method;
    this.#token = token;
    this.#bytes = bytes;
    this.#options = options;
    this.#log = contained(options.logger);
    setMaxListeners(0, this.#over.signal); // One for each connection under way.
    this.#spaces = options.addressSpaces ?? AddressSpaces.default;
    this.#punch = new Punch({
      method,
      token: bytes,
      spaces: this.#spaces,
      log: this.#log,
      signal: this.#over.signal,
      onDirect: (socket) => {
        this.#open.add(socket);
        this.#onDirect(socket);
      },
    });
  }

  get #isRelayOnly(): boolean {
    return this.#spaces.list().length === 0;
  }

  /** Ends the attempt by the caller's signal or after a time. Returns what takes both back. */
  endBy(signal: AbortSignal | undefined, ms: number): () => void {
    const late = () => this.#over.abort(new RdvError("rdv-timeout", `No peer within ${ms} ms.`));
    const timer = setTimeout(late, ms);
    const aborted = () => this.#over.abort(signal?.reason);
    signal?.addEventListener("abort", aborted, { once: true });
    if (signal?.aborted) aborted();
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    };
  }

  async run(url: URL, headers: readonly (readonly [string, string])[], onMet?: () => void): Promise<Conn> {
    const { signal } = this.#over;
    const asking = this.#isRelayOnly ? [] : ownIps(this.#spaces);
    const listenPort = this.#isRelayOnly ? 0 : await this.#punch.listen();
    const { socket, stream, connectPort, rttMs } = await reachServer(url, this.#options.tls ?? {}, signal);
    this.#open.add(stream.on("error", () => {}));
    if (!this.#isRelayOnly) this.#punch.hold(connectPort);
    const own = ownAddresses(await asking, { listenPort, connectPort });
    const request = { method: this.#method, url, token: this.#bytes, selfAddresses: own, headers };
    const met = await meet(stream, formatRequest(request), signal);
    this.#tell(met);
    onMet?.();
    void this.#punch.dial(met.peerAddresses, { connectPort, rttMs });
    const relay = { stream, path: { isRelay: true, ...endsOf(socket) } };
    const meta = this.#meta(met, own);
    return this.#method === "DIAL" ? this.#pick(meta, relay) : this.#hearAll(meta, relay);
  }

  /** Cuts all that was not chosen. */
  end(): void {
    this.#over.abort(new RdvError("rdv-closed", "The attempt is over."));
    this.#punch.end();
    for (const stream of this.#open) stream.destroy();
  }

  /** The dialler's part: chooses, tells the server when it is not the relay, and the peer on the chosen connection. */
  async #pick(meta: ConnMeta, relay: Relay): Promise<Conn> {
    const { signal } = this.#over;
    const candidates = new Queue<Conn>();
    const streams = new Map<Conn, Duplex>();
    const add = (stream: Duplex, path: ConnPath) => {
      const conn = new Conn(stream, meta, path).on("error", ignored);
      streams.set(conn, stream);
      candidates.push(conn);
    };
    const stop = () => candidates.close();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    this.#onDirect = (socket) => add(socket, { isRelay: false, ...endsOf(socket) });
    add(relay.stream, relay.path);
    for (const socket of this.#early.splice(0)) this.#onDirect(socket);
    if (this.#isRelayOnly) stop();
    const picked = await (this.#options.picker ?? waitForP2P())(candidates, stop);
    signal.throwIfAborted();
    const chosen = picked.find((conn) => !conn.destroyed);
    const stream = chosen && streams.get(chosen);
    if (chosen === undefined || stream === undefined) throw new RdvError("rdv-closed", "No connection was chosen.");
    if (!chosen.isRelay) this.#leaveRelay(relay.stream, chosen.remoteAddress);
    this.#open.delete(stream);
    stream.write(CONTINUE_LINE);
    return chosen.off("error", ignored);
  }

  /** Tells the server where the two met; then it closes the relay. */
  #leaveRelay(stream: Duplex, address: string): void {
    this.#open.delete(stream);
    const cut = setTimeout(() => stream.destroy(), LAST_WORD_MS);
    stream.once("close", () => clearTimeout(cut)).resume();
    stream.end(formatOther(address));
  }

  /** The accepter's part: the first connection on which the dialler says CONTINUE. */
  #hearAll(meta: ConnMeta, relay: Relay): Promise<Conn> {
    const { signal } = this.#over;
    return new Promise((resolve, reject) => {
      let settling: NodeJS.Timeout | undefined;
      const settle = (done: () => void) => {
        clearTimeout(settling);
        signal.removeEventListener("abort", aborted);
        done();
      };
      const aborted = () => settle(() => reject(signal.reason));
      const hear = async (stream: Duplex, path: ConnPath) => {
        await this.#hear(stream);
        if (signal.aborted) return;
        this.#open.delete(stream);
        settle(() => resolve(new Conn(stream, meta, path)));
      };
      const relayGone = (error: unknown) => {
        settling = setTimeout(() => settle(() => reject(error)), SETTLING_MS);
      };
      signal.addEventListener("abort", aborted, { once: true });
      if (signal.aborted) aborted();
      hear(relay.stream, relay.path).catch(relayGone);
      this.#onDirect = (socket) => {
        hear(socket, { isRelay: false, ...endsOf(socket) }).catch(() => socket.destroy());
      };
      for (const socket of this.#early.splice(0)) this.#onDirect(socket);
    });
  }

  /** Resolves when the dialler says CONTINUE on a connection. */
  async #hear(stream: Duplex): Promise<void> {
    const command = parseCommand(await readLine(stream, this.#over.signal));
    if (command?.kind !== "continue") throw new RdvError("rdv-protocol", "The dialler sent no CONTINUE.");
  }

  #tell({ observedAddress, peerAddresses }: Met): void {
    const fields = {
      observed: observedAddress && formatIpPort(observedAddress),
      peer: peerAddresses.map(formatIpPort),
    };
    this.#log.debug({ event: "rdv-met", ...fields }, "Both peers are there.");
    if (observedAddress && spaceOf(observedAddress.ip) === "public4") return;
    const message = "The server does not see a public IPv4 address: it may be behind a proxy, or in this network.";
    this.#log.warn({ event: "rdv-not-public", ...fields }, message);
  }

  #meta({ observedAddress, peerAddresses, response }: Met, own: readonly IpPort[]): ConnMeta {
    return {
      method: this.#method,
      token: this.#token,
      selfAddresses: own.map(formatIpPort),
      observedAddress: observedAddress && formatIpPort(observedAddress),
      peerAddresses: peerAddresses.map(formatIpPort),
      response,
    };
  }
}

interface Relay {
  readonly stream: Duplex;
  readonly path: ConnPath;
}

/** Of connections that nobody has chosen yet: "close" follows. */
function ignored(): void {}

function endsOf(socket: Socket): Omit<ConnPath, "isRelay"> {
  const text = (address: IpPort | undefined) => (address === undefined ? "" : formatIpPort(address));
  return {
    remoteAddress: text(ipPortOf(socket.remoteAddress, socket.remotePort)),
    localAddress: text(ipPortOf(socket.localAddress, socket.localPort)),
  };
}

function invalid(message: string): RdvError {
  return new RdvError("rdv-invalid", message);
}

function checkedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === "http:" || url.protocol === "https:") && url.username === "") return url;
  throw invalid(`The server's URL is http://… or https://…, not ${JSON.stringify(text)}.`);
}

function checkedToken(token: string): Buffer {
  const bytes = Buffer.from(token, "utf8");
  if (bytes.length === 0) throw invalid("The token is empty.");
  if (bytes.length > LINE_BYTES_MAX || escapeToken(bytes).length > TOKEN_BYTES_MAX) {
    throw invalid(`The token has more than ${TOKEN_BYTES_MAX} bytes when it is escaped.`);
  }
  return bytes;
}

function checkedHeaders(headers: Readonly<Record<string, string>>): (readonly [string, string])[] {
  const entries = Object.entries(headers);
  for (const [name, value] of entries) {
    if (!isHeader(name, value) || isReserved(name))
      throw invalid(`No header of an application: ${JSON.stringify(name)}.`);
  }
  return entries;
}
