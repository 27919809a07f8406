/**
 * The one UDP port of a member. Pings, streams, probes of punches and datagrams of programs share it, so that one hole in
 * a NAT serves all of them. The upper half of a datagram's first byte says whose it is.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { HostPort } from "../address.js";
import type { DatagramCarrier } from "./carrier.js";
import { NativeSocket } from "./native.js";
import { PlainSocket } from "./plain.js";

/** The upper half of the first byte. 0xf is that of streams themselves (0xff in the library's wire). */
const KINDS = { ping: 0x1, stream: 0x2, punch: 0x3, application: 0x4 } as const;
/** Of packets that belong to a stream, which no stream of ours has taken. */
const STRAY = 0xf;

export type DatagramKind = keyof typeof KINDS;

/** The first byte of a datagram of this kind; `type`, 0 to 15, is the kind's own. */
export function firstByteOf(kind: DatagramKind, type = 0): number {
  return KINDS[kind] * 16 + type;
}

type Listener = (bytes: Uint8Array, from: HostPort) => void;

export interface UdpPortOptions {
  /** With true, and the package udx-native, the port carries streams too. Else the package is not loaded. */
  readonly streams?: boolean | undefined;
}

export class UdpPort {
  /** Undefined when the port carries datagrams only. */
  readonly native: NativeSocket | undefined;
  readonly #socket: DatagramCarrier;
  /** By the upper half of the first byte. */
  readonly #listeners: (Listener | undefined)[] = Array(16).fill(undefined);

  #beforeClose: () => void = () => {};

  private constructor(socket: DatagramCarrier) {
    this.#socket = socket;
    this.native = socket instanceof NativeSocket ? socket : undefined;
    socket.onDatagram((bytes, from) => this.#listeners[(bytes[0] ?? 0) >> 4]?.(bytes, from));
  }

  /**
   * `host` is an address of this host, or "::" or "0.0.0.0"; a name is looked up by the system. Port 0 is any free one.
   * Rejects with "address-in-use" or "address-invalid".
   */
  static async bind({ host, port }: HostPort, { streams = false }: UdpPortOptions = {}): Promise<UdpPort> {
    const found = isIP(host) !== 0 ? host : await addressOf(host);
    const native = streams && found !== undefined ? await NativeSocket.bind({ host: found, port }) : undefined;
    return new UdpPort(native ?? (await PlainSocket.bind({ host, port })));
  }

  /** Over something else that carries datagrams. */
  static over(carrier: DatagramCarrier): UdpPort {
    return new UdpPort(carrier);
  }

  get local(): HostPort {
    return this.#socket.local;
  }

  /**
   * What one of those that share the port sends and receives. One for each kind: a second one takes over. Its `close`
   * ends what it receives; the port stays.
   */
  carrier(kind: DatagramKind): DatagramCarrier {
    let isClosed = false;
    const at = KINDS[kind];
    return {
      local: this.local,
      send: (datagram, to) => {
        if ((datagram[0] ?? 0) >> 4 !== at) throw new RangeError(`A datagram for ${kind} begins with another byte.`);
        if (!isClosed) this.#socket.send(datagram, to);
      },
      onDatagram: (listener) => {
        if (!isClosed) this.#listeners[at] = listener;
      },
      close: () => {
        if (!isClosed) this.#listeners[at] = undefined;
        isClosed = true;
      },
    };
  }

  /** Packets of streams that are no more. */
  onStray(listener: Listener): void {
    this.#listeners[STRAY] = listener;
  }

  /** Streams end before the port does. */
  beforeClose(run: () => void): void {
    this.#beforeClose = run;
  }

  /** Nothing is sent or received from now on. Leaves no handle, once the last stream is closed. May be called again. */
  async close(): Promise<void> {
    this.#beforeClose();
    this.#listeners.fill(undefined);
    await this.#socket.close();
  }
}

/** Undefined when the name has none: binding it then says so. */
async function addressOf(name: string): Promise<string | undefined> {
  return await lookup(name).then(
    ({ address }) => address,
    () => undefined,
  );
}
