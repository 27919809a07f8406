/**
 * The package udx-native, as far as it is used here: loaded once, when the first port that wants it is bound. It brings
 * no declarations. It is an optional peer with prebuilt binaries for Linux (glibc), macOS and Windows on x64 and arm64.
 */
import type { EventEmitter } from "node:events";

export interface UdxAddress {
  readonly host: string;
  readonly family: number;
  readonly port: number;
}

/** Events: "message" (bytes, UdxAddress), of what belongs to no stream of its library; "close". */
export interface UdxSocket extends EventEmitter {
  /** Throws an error with a code of the system's. */
  bind(port: number, host: string): void;
  address(): UdxAddress | null;
  /** Throws when `host` is no IP address. */
  trySend(bytes: Uint8Array, port: number, host: string): void;
  /** Resolves once all of its streams are closed, and the handle is. */
  close(): Promise<void>;
}

/** A Duplex of streamx. Events: "data", "end", "drain", "error", "close" (last). */
export interface UdxStream extends EventEmitter {
  readonly id: number;
  /** Smoothed, milliseconds. */
  readonly rtt: number;
  /** Of all datagrams that came for it, with headers. */
  readonly bytesReceived: number;
  readonly packetsReceived: number;
  /** Of all that left, with headers. */
  readonly bytesTransmitted: number;
  readonly packetsTransmitted: number;
  /** Of packets, modulo 2^16. */
  readonly retransmits: number;
  /** The congestion window, in packets. */
  readonly cwnd: number;
  connect(socket: UdxSocket, remoteId: number, port: number, host: string): void;
  /** False when the caller should wait for "drain". */
  write(bytes: Uint8Array): boolean;
  end(): void;
  destroy(error?: Error): void;
}

/** Of each other: a stream's ids are known to all sockets of one. */
export interface Udx {
  createSocket(): UdxSocket;
  /** `firewall` is asked about packets that come before the stream is connected: true drops them. */
  createStream(id: number, options: { readonly firewall: () => boolean }): UdxStream;
}

let loading: Promise<(new () => Udx) | undefined> | undefined;

/** Undefined when the package is not installed, or has no binary for this machine. */
export function loadUdx(): Promise<(new () => Udx) | undefined> {
  loading ??= load();
  return loading;
}

async function load(): Promise<(new () => Udx) | undefined> {
  const name = "udx-native"; // Not a literal: bundlers leave optional peers where they are.
  try {
    const loaded = (await import(name)) as { readonly default: new () => Udx };
    return loaded.default;
  } catch {
    return undefined;
  }
}
