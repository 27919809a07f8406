/** Reliable UDP as a transport, for addresses as "udx://host:port". Needs the package udx-native, loaded when it is used. */
import { isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import type { FirefliesError } from "../../../identity/index.js";
import { type Address, formatAddress, formatHostPort, type HostPort } from "../../address.js";
import { UdpPort } from "../../udp/port.js";
import { DialError } from "../dial-error.js";
import type { ConnectionGate } from "../gate.js";
import type { Bound, DialTarget, ListenAddress, Transport } from "../transport.js";
import type { Connection } from "./connection.js";
import { dialUdx } from "./dial.js";
import { UdxEndpoint, withoutUdx } from "./endpoint.js";

export interface UdxOptions {
  /** See TcpOptions. */
  readonly gate?: ConnectionGate | undefined;
  /**
   * The member's UDP port, once it is bound: it is listened at and dialled from. Without one, or when it carries no
   * streams or not the address's family, the transport binds ports of its own.
   */
  readonly port?: (() => UdpPort | undefined) | undefined;
  /** Is somebody waited for from there? The gate would wait for the first bytes, which may be the listener's. */
  readonly expects?: ((from: Address) => boolean) | undefined;
}

export function udxTransport(options: UdxOptions = {}): Transport {
  return new UdxTransport(options);
}

/** Behind all hosts of a name that others are dialled at. */
const RANK = 100;

type OnConnection = (connection: Duplex, from: Address) => void;

class UdxTransport implements Transport {
  readonly scheme = "udx";
  /** Where TCP works as well it is taken: the system carries it at a third of the cost. */
  readonly rank = RANK;
  readonly #options: UdxOptions;
  /** That it has bound to listen at, by "host:port". Connections outlive their listener. */
  readonly #own = new Map<string, UdpPort>();
  /** To dial from, by family; open while it is used. */
  readonly #dialling = new Map<string, Promise<UdxEndpoint>>();

  constructor(options: UdxOptions) {
    this.#options = options;
  }

  async dial(to: Address, target: DialTarget): Promise<Duplex> {
    const address = formatAddress(to);
    if (target.signal.aborted) throw new DialError("cancelled", address);
    const shared = this.#shared();
    let endpoint = shared?.reaches(to) ? shared : await this.#dialler(to);
    // Its last connection may have ended meanwhile, and the port with it.
    if (!endpoint.reaches(to)) endpoint = await this.#dialler(to);
    return await dialUdx(endpoint, to, target);
  }

  async listen(at: ListenAddress, onConnection: OnConnection): Promise<Bound> {
    const port = await this.#portAt(at);
    const endpoint = UdxEndpoint.of(port);
    if (endpoint === undefined) throw withoutUdx();
    const waiting = new Set<Connection>();
    const stop = endpoint.listen((connection, { host, port: from }) => {
      this.#enter(connection, { scheme: "udx", host, port: from }, waiting, onConnection);
    });
    const close = async () => {
      stop();
      for (const connection of waiting) connection.destroy();
      await this.#release(port, endpoint);
    };
    return { address: { scheme: "udx", ...port.local }, close };
  }

  #enter(connection: Connection, from: Address, waiting: Set<Connection>, onConnection: OnConnection): void {
    const { gate, expects } = this.#options;
    if (gate === undefined || expects?.(from)) {
      onConnection(connection, from);
      return;
    }
    waiting.add(connection);
    const handOver = () => waiting.delete(connection);
    connection.once("close", handOver);
    gate.enter(connection, from.host, () => {
      handOver();
      onConnection(connection, from);
    });
  }

  #shared(): UdxEndpoint | undefined {
    const port = this.#options.port?.();
    return port && UdxEndpoint.of(port);
  }

  async #portAt({ host, port }: ListenAddress): Promise<UdpPort> {
    const shared = this.#options.port?.();
    if (shared !== undefined && (port === 0 || port === shared.local.port)) return shared;
    const known = this.#own.get(formatHostPort(host, port));
    if (known !== undefined && UdxEndpoint.of(known)?.isListening === false) return known;
    const bound = await UdpPort.bind({ host, port }, { streams: true });
    if (bound.native === undefined) {
      await bound.close();
      throw withoutUdx();
    }
    this.#own.set(keyOf(bound), bound);
    return bound;
  }

  /** A port of its own is closed with its last connection, and for the caller at once when it has none. */
  async #release(port: UdpPort, endpoint: UdxEndpoint): Promise<void> {
    if (this.#own.get(keyOf(port)) !== port) return;
    const closeWhenUnused = async () => {
      if (!endpoint.isIdle || endpoint.isListening) return;
      this.#own.delete(keyOf(port));
      await port.close();
    };
    endpoint.onIdle(() => void closeWhenUnused());
    await closeWhenUnused();
  }

  async #dialler(to: Address): Promise<UdxEndpoint> {
    const host = isIPv6(to.host) ? "::" : "0.0.0.0";
    const found = this.#dialling.get(host) ?? this.#openDialler(host);
    this.#dialling.set(host, found);
    try {
      return await found;
    } catch (cause) {
      this.#dialling.delete(host);
      throw new DialError("local", formatAddress(to), { cause, detail: (cause as FirefliesError).message });
    }
  }

  async #openDialler(host: string): Promise<UdxEndpoint> {
    const port = await UdpPort.bind({ host, port: 0 }, { streams: true });
    const endpoint = UdxEndpoint.of(port);
    if (endpoint === undefined) {
      await port.close();
      throw withoutUdx();
    }
    endpoint.onIdle(() => {
      this.#dialling.delete(host);
      void port.close();
    });
    return endpoint;
  }
}

function keyOf({ local: { host, port } }: { readonly local: HostPort }): string {
  return formatHostPort(host, port);
}
