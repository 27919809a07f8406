/**
 * NATS as a path, for sites where nothing but a NATS cluster is reachable: two members make a link through it. An address is
 * "nats://SITE:4222/TOKEN": which cluster, by a name that its members agree on, and what the member listens by. NATS sees
 * ciphertext: the members prove themselves to each other within. Whoever may publish there can cut a link, and read nothing.
 */
import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import type { NatsConnection } from "@nats-io/transport-node";
import { FirefliesError } from "../../../identity/index.js";
import {
  type Address,
  type Bound,
  DialError,
  type DialTarget,
  formatAddress,
  type ListenAddress,
  NATS_SCHEME,
  onAbort,
  pause,
  type Transport,
} from "../../../net/index.js";
import { connectNats, type NatsServers, natsError } from "../connection/connect.js";
import { NatsHub } from "./nats-hub.js";

export interface NatsTransportOptions {
  /** The cluster's name in addresses, the same at all its members: a name of DNS's letters. "nats" by default. */
  readonly site?: string | undefined;
  /** Where the cluster is; or a connection of the program's, which it closes itself. */
  readonly nats: NatsServers | NatsConnection;
  /** What I listen by, 1 to 64 letters, digits, "_" and "-"; drawn at random by default. */
  readonly token?: (() => string) | undefined;
  /** Subjects begin with it: "ff.link" by default. One needs to publish and subscribe below it. */
  readonly prefix?: string | undefined;
  /** Told each time that NATS cannot be listened at; it is tried again after growing pauses. */
  readonly onTrouble?: ((error: FirefliesError) => void) | undefined;
}

const SITE = "nats";
const PREFIX = "ff.link";
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
const TOKEN_BYTES = 16;
/** Of the addresses; nothing is dialled by it. */
const PORT = 4_222;
/** Behind all ways that lead to the member itself. */
const RANK = 200;
/** A connection to NATS that nobody uses is closed after this, milliseconds. */
const IDLE_MS = 2_000;

/** Milliseconds until NATS is tried again that was away, twice as long each time, and at most. */
const PAUSE_MS = { least: 500, most: 60_000 };
const PAUSES_DOUBLED = 16;

/** What listens, and how to end it. */
interface Hearing {
  readonly hub: NatsHub;
  readonly stop: () => void;
}

type OnConnection = (connection: Duplex, from: Address) => void;

/** For `new Client({ network: { extraTransports: [natsTransport(options)] } })`. */
export function natsTransport(options: NatsTransportOptions): Transport {
  return new NatsTransport(options);
}

class NatsTransport implements Transport {
  readonly scheme = NATS_SCHEME;
  readonly ownNames = true;
  readonly rank = RANK;
  readonly #options: NatsTransportOptions;
  readonly #site: string;
  #hub: Promise<NatsHub> | undefined;
  #bounds = 0;
  #idle: NodeJS.Timeout | undefined;
  #close: () => Promise<void> = async () => {};

  constructor(options: NatsTransportOptions) {
    this.#options = options;
    this.#site = options.site ?? SITE;
  }

  async dial(to: Address, { signal }: DialTarget): Promise<Duplex> {
    const address = formatAddress(to);
    const token = (to.path ?? "").slice(1);
    if (signal.aborted) throw new DialError("cancelled", address);
    if (!TOKEN.test(token)) throw new DialError("forbidden", address, { detail: "it names no token" });
    if (to.host !== this.#site)
      throw new DialError("no-route", address, { detail: `this member speaks to the NATS cluster ${this.#site}` });
    const connection = await this.#connection(token, address, signal);
    if (connection === undefined) throw new DialError("refused", address);
    return connection;
  }

  async listen({ path = "/" }: ListenAddress, onConnection: OnConnection): Promise<Bound> {
    const said = path.slice(1);
    const token = said !== "" ? said : (this.#options.token?.() ?? randomBytes(TOKEN_BYTES).toString("hex"));
    if (!TOKEN.test(token))
      throw new FirefliesError("address-invalid", `${JSON.stringify(token)} is no token to listen by.`);
    const from: Address = { scheme: NATS_SCHEME, host: this.#site, port: PORT };
    const ending = new AbortController();
    const arrived = (connection: Duplex) => onConnection(connection, from);
    this.#bounds += 1;
    const first = await this.#hear(token, arrived).catch((error: FirefliesError) => {
      // Where it listens is known without NATS: others find it there when NATS is back.
      if (error.code === "nats-unreachable") return this.#tell(error);
      this.#bounds -= 1;
      throw error;
    });
    const over = this.#stay(first, () => this.#hear(token, arrived), ending.signal);
    const close = async () => {
      if (!ending.signal.aborted) this.#bounds -= 1;
      ending.abort();
      await over;
    };
    return { address: { ...from, path: `/${token}` }, close };
  }

  /** Listens at NATS, once it is there. Rejects with a FirefliesError. */
  async #hear(token: string, arrived: (connection: Duplex) => void): Promise<Hearing> {
    const hub = await this.#reach();
    try {
      const stop = hub.listen(token, arrived);
      await hub.flush();
      return { hub, stop };
    } catch (cause) {
      throw natsError(cause);
    }
  }

  /** Listens until the signal fires: begins again when NATS was away at the start, or is gone for good. */
  async #stay(first: Hearing | undefined, hear: () => Promise<Hearing>, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => onAbort(signal, resolve));
    let hearing = first;
    for (let failures = 0; !signal.aborted; ) {
      if (hearing !== undefined) {
        await Promise.race([hearing.hub.closed, aborted]);
        if (signal.aborted) break;
      }
      const { nats } = this.#options;
      if (!("servers" in nats) && nats.isClosed()) return; // The program has closed its own.
      await pause(Math.min(PAUSE_MS.least * 2 ** failures, PAUSE_MS.most), signal);
      hearing = signal.aborted ? undefined : await hear().catch((error: FirefliesError) => this.#tell(error));
      failures = hearing === undefined ? Math.min(failures + 1, PAUSES_DOUBLED) : 0;
    }
    if (hearing === undefined) return;
    hearing.stop();
    await hearing.hub.flush().catch(() => {});
    this.#rest(hearing.hub);
  }

  #tell(error: FirefliesError): undefined {
    this.#options.onTrouble?.(error);
  }

  async #connection(token: string, address: string, signal: AbortSignal): Promise<Duplex | undefined> {
    let hub: NatsHub | undefined;
    try {
      hub = await until(this.#reach(), signal);
      return await hub.dial(token, signal);
    } catch (cause) {
      if (signal.aborted) throw new DialError("cancelled", address, { cause });
      const { code, message } = natsError(cause);
      throw new DialError(code === "package-missing" ? "local" : "no-route", address, { cause, detail: message });
    } finally {
      if (hub !== undefined) this.#rest(hub);
    }
  }

  /** One connection to NATS for all, made when it is needed. */
  #reach(): Promise<NatsHub> {
    clearTimeout(this.#idle);
    this.#hub ??= this.#made().catch((error: unknown) => {
      this.#hub = undefined;
      throw natsError(error);
    });
    return this.#hub;
  }

  async #made(): Promise<NatsHub> {
    const { nats: given, prefix = PREFIX } = this.#options;
    const isOwn = "servers" in given;
    const nats = isOwn ? await connectNats(given) : given;
    const hub: NatsHub = new NatsHub(nats, prefix, () => this.#rest(hub));
    this.#close = async () => {
      hub.close();
      if (isOwn) await nats.close();
    };
    void nats.closed().then(() => {
      this.#hub = undefined;
    });
    return hub;
  }

  /** Nobody listens, dials or is connected: the next one begins anew. */
  #rest(hub: NatsHub): void {
    clearTimeout(this.#idle);
    if (this.#bounds > 0 || hub.size > 0) return;
    this.#idle = setTimeout(() => {
      this.#hub = undefined;
      void this.#close();
    }, IDLE_MS);
  }
}

/** What comes of it later is dropped. */
function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((done, reject) => {
    const given = () => reject(signal.reason);
    signal.addEventListener("abort", given);
    promise.then(done, reject).finally(() => signal.removeEventListener("abort", given));
  });
}
