/** What a member reaches others with, all of it: for programs that bring their own, in place of the system's. */
import type { NetworkInterfaceInfo } from "node:os";
import type { HostPort } from "./address.js";
import type { Resolver } from "./dialling/resolver.js";
import type { Transport } from "./transports/transport.js";
import type { DatagramCarrier } from "./udp/carrier.js";

/** As os.networkInterfaces() gives them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Where a member stands: `new Client({ network })`. What is left out is the usual one: TCP, UDP, the system's names and
 * addresses. `MemoryNetwork` makes whole ones within a process.
 */
export interface HostNetwork {
  /** What carries bytes to other hosts, TCP by default; the first is the one that listens. */
  readonly transports?: readonly Transport[] | undefined;
  /** Beside the usual ones; each in place of the one with its scheme. */
  readonly extraTransports?: readonly Transport[] | undefined;
  /** Binds what carries datagrams, a UDP socket by default. Rejects with "address-in-use" or "address-invalid". */
  readonly bindDatagrams?: ((at: HostPort) => Promise<DatagramCarrier>) | undefined;
  /** Looks names up; the system's configuration by default. */
  readonly resolver?: Resolver | undefined;
  /** The addresses of this machine: os.networkInterfaces() by default. */
  readonly interfaces?: (() => Interfaces) | undefined;
  /** Where a member listens that is told nothing, and what it advertises then; 127.0.0.1 by default. */
  readonly host?: string | undefined;
}

/** Those that a program brings along, and `usual` ones where it brings none. */
export function transportsOf(
  { transports, extraTransports = [] }: HostNetwork,
  usual: () => readonly Transport[],
): readonly Transport[] {
  const schemes = new Set(extraTransports.map(({ scheme }) => scheme));
  return [...(transports ?? usual()).filter(({ scheme }) => !schemes.has(scheme)), ...extraTransports];
}
