/** What carries the failure detector's datagrams: UDP, or anything that keeps neither order nor a promise of arrival. */
import type { HostPort } from "../address.js";

export interface PingCarrier {
  /** Of this end. */
  readonly local: HostPort;
  /** Sends a datagram; the host is an IP address. What is lost, or cannot be sent, is silent. */
  send(datagram: Uint8Array, to: HostPort): void;
  /** `bytes` are the listener's only until it returns. One listener: a later one replaces it. */
  onDatagram(listener: (bytes: Uint8Array, from: HostPort) => void): void;
  /** Sends and receives nothing from now on; leaves no handle. May be called again. */
  close(): void;
}
