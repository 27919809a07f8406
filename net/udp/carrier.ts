/** What carries datagrams: UDP, or anything that keeps neither order nor a promise of arrival. */
import type { HostPort } from "../address.js";

/** Payload of a datagram that every path carries without fragments: 1,280 bytes (RFC 8200) less IPv6 and UDP headers. */
export const DATAGRAM_BYTES_MAX = 1_232;

/** What carries datagrams for a member. They may be lost, doubled and overtake each other; none is altered unseen. */
export interface DatagramCarrier {
  /** Of this end. */
  readonly local: HostPort;
  /** Sends a datagram; the host is an IP address. What is lost, or cannot be sent, is silent. */
  send(datagram: Uint8Array, to: HostPort): void;
  /** `bytes` are the listener's only until it returns. One listener: a later one replaces it. */
  onDatagram(listener: (bytes: Uint8Array, from: HostPort) => void): void;
  /** Sends and receives nothing from now on; leaves no handle. May be called again. */
  close(): void;
}
