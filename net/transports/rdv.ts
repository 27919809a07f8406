/**
 * Connections that are met through a rendezvous server (docs/rdv.md): both ends dial each other at once, and their bytes go
 * directly, or by the server where NATs allow nothing else. An address is that of the server with the token that the
 * listener waits by: "rdv://host:port/prefix/TOKEN". What the server says is the word of a stranger, and that nobody came is
 * no evidence that nobody is there.
 */
import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import {
  AddressSpaces,
  addressSpace,
  type Conn,
  type Method,
  RdvClient,
  RdvError,
  type RdvErrorCode,
} from "../../rdv/index.js";
import { pause } from "../abort.js";
import { type Address, formatAddress, formatHostPort, parseHostPort, RDV_SCHEME } from "../address.js";
import { DialError, type DialReason } from "./dial-error.js";
import type { Bound, DialTarget, ListenAddress, Reached, Transport } from "./transport.js";

export interface RdvOptions {
  /** Called when waiting at a server has failed three times in a row, with why; once until it succeeds. It goes on trying. */
  readonly onUnmet?: ((server: string, cause: unknown) => void) | undefined;
  /** What I wait by, a part of a path: my id. Drawn at random for each place without it. */
  readonly token?: (() => string) | undefined;
  /** Headers that prove me to servers which ask for that; `server` as the request's Host has it. */
  readonly headers?: ((method: Method, token: string, server: string) => Readonly<Record<string, string>>) | undefined;
}

/** Bytes of a token that is drawn. */
const TOKEN_BYTES = 16;
/** Meetings of one listener whose way is not known yet. */
const MEETINGS_MAX = 8;
/** A server that refuses, or is not there, is asked again after this, doubled each time, milliseconds. */
const AGAIN_MS = { least: 500, most: 60_000 };
/** Failures in a row that are told: one or two are a server that starts anew. */
const UNMET = 3;
/** Two that dial one token at the same time displace each other: each tries again after this at most, milliseconds. */
const DISPLACED_MS = 200;
const DISPLACED = 409;

const REASONS: Readonly<Record<RdvErrorCode, DialReason>> = {
  "rdv-unreachable": "no-route",
  "rdv-handshake": "no-route",
  "rdv-closed": "no-route",
  "rdv-timeout": "timeout",
  "rdv-protocol": "handshake",
  "rdv-other": "handshake",
  "rdv-invalid": "forbidden",
};

export function rdvTransport(options: RdvOptions = {}): Transport {
  return {
    scheme: RDV_SCHEME,
    dial: (to, target) => dial(options, to, target),
    listen: async (at, onConnection) => new Listener(options, at, onConnection),
  };
}

async function dial({ headers }: RdvOptions, to: Address, { signal }: DialTarget): Promise<Duplex & Reached> {
  const text = formatAddress(to);
  const { url, token } = placeOf(to);
  if (token === "") throw new DialError("forbidden", text, { detail: "it names no token" });
  const client = clientFor(to.host);
  for (;;) {
    try {
      const conn = await client.dial(url, token, {
        signal,
        headers: headers?.("DIAL", token, new URL(url).host) ?? {},
      });
      conn.on("error", () => {}); // "close" follows.
      return Object.assign(conn, { reached: otherEnd(conn, to) });
    } catch (cause) {
      const isDisplaced = cause instanceof RdvError && cause.response?.status === DISPLACED;
      if (!isDisplaced || signal.aborted) throw failureOf(text, cause, signal);
      await pause(Math.random() * DISPLACED_MS, signal);
    }
  }
}

type OnConnection = (connection: Duplex, from: Address) => void;

/** Waits at one server for all who come, one after the other. */
class Listener implements Bound {
  readonly address: Address;
  readonly #options: RdvOptions;
  readonly #onConnection: OnConnection;
  readonly #client: RdvClient;
  readonly #url: string;
  readonly #token: string;
  readonly #over = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #isWaiting = false;
  #failures = 0;

  constructor(options: RdvOptions, { host, port, path = "/" }: ListenAddress, onConnection: OnConnection) {
    this.#options = options;
    this.#onConnection = onConnection;
    this.#client = clientFor(host);
    this.#token = options.token?.() ?? randomBytes(TOKEN_BYTES).toString("hex");
    const folder = path.endsWith("/") ? path : `${path}/`;
    this.#url = `http://${formatHostPort(host, port)}${folder}`;
    this.address = { scheme: RDV_SCHEME, host, port, path: `${folder}${this.#token}` };
    this.#wait();
  }

  async close(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#running);
  }

  /** For the next one that dials; when it is there, for the one after it. One waits at a time: a second would displace it. */
  #wait(): void {
    if (this.#isWaiting || this.#over.signal.aborted || this.#running.size >= MEETINGS_MAX) return;
    this.#isWaiting = true;
    const meeting = this.#meet().finally(() => {
      this.#running.delete(meeting);
      this.#wait();
    });
    this.#running.add(meeting);
  }

  async #meet(): Promise<void> {
    const { signal } = this.#over;
    let isMet = false;
    const onMet = () => {
      isMet = true;
      this.#isWaiting = false;
      this.#failures = 0;
      setImmediate(() => this.#wait());
    };
    try {
      const headers = this.#options.headers?.("ACCEPT", this.#token, new URL(this.#url).host) ?? {};
      const conn = await this.#client.accept(this.#url, this.#token, { signal, headers, onMet });
      conn.on("error", () => {}); // "close" follows.
      if (signal.aborted) conn.destroy();
      else this.#onConnection(conn, otherEnd(conn, this.address));
    } catch (cause) {
      if (isMet) return; // Its dialler gave up, or broke the protocol.
      if (this.#failures + 1 === UNMET && !signal.aborted) this.#options.onUnmet?.(this.#url, cause);
      const ms = Math.min(AGAIN_MS.least * 2 ** this.#failures++, AGAIN_MS.most);
      await pause(ms * (0.5 + Math.random() / 2), signal);
      this.#isWaiting = false;
    }
  }
}

/** Where the other end is, without a path; of a connection that goes by the server, the server's address with its path. */
function otherEnd({ isRelay, remoteAddress }: Conn, server: Address): Address {
  const { host, port } = parseHostPort(remoteAddress) ?? server;
  return isRelay ? server : { scheme: RDV_SCHEME, host, port };
}

function placeOf({ host, port, path = "/" }: Address): { readonly url: string; readonly token: string } {
  const at = path.lastIndexOf("/") + 1;
  return { url: `http://${formatHostPort(host, port)}${path.slice(0, at)}`, token: path.slice(at) };
}

/** Loopback when the server is on this machine: then the other end may be, too. */
function clientFor(host: string): RdvClient {
  const isHere = host === "localhost" || addressSpace(host)?.startsWith("loopback") === true;
  const spaces = isHere ? (["loopback4", "loopback6"] as const) : [];
  return new RdvClient({ addressSpaces: AddressSpaces.of(AddressSpaces.default, ...spaces) });
}

function failureOf(address: string, cause: unknown, signal: AbortSignal): DialError {
  if (signal.aborted) return new DialError("cancelled", address, { cause });
  const reason = cause instanceof RdvError ? REASONS[cause.code] : "local";
  return new DialError(reason, address, { cause, detail: cause instanceof Error ? cause.message : String(cause) });
}
