/** A dial over reliable UDP: HELLO, RETRY with a cookie, OPEN, ACCEPT; each sent again until it is answered. */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { onAbort } from "../../abort.js";
import { type Address, formatAddress, type HostPort } from "../../address.js";
import { DialError, type DialReason } from "../dial-error.js";
import type { DialTarget } from "../transport.js";
import type { Connection } from "./connection.js";
import type { Berthed, UdxEndpoint } from "./endpoint.js";
import { HANDSHAKE_MS, RETRY_MS } from "./limits.js";
import { type Control, encodeControl, NONCE_BYTES } from "./wire.js";

/** Rejects with a DialError. */
export function dialUdx(
  endpoint: UdxEndpoint,
  to: Address,
  { signal }: Pick<DialTarget, "signal">,
): Promise<Connection> {
  const address = formatAddress(to);
  if (signal.aborted) return Promise.reject(new DialError("cancelled", address));
  const own = endpoint.offer();
  if (own === undefined) return Promise.reject(new DialError("local", address));
  return new Promise((resolve, reject) => new Dial(endpoint, own, to, { signal, resolve, reject }));
}

interface Settled {
  readonly signal: AbortSignal;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: DialError) => void;
}

class Dial {
  readonly #endpoint: UdxEndpoint;
  readonly #own: Berthed;
  readonly #to: Address;
  readonly #settled: Settled;
  readonly #nonce = randomBytes(NONCE_BYTES);
  readonly #ends: (() => void)[];
  /** Until the address is known to answer. */
  #cookie: Uint8Array | undefined;
  #again: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(endpoint: UdxEndpoint, own: Berthed, to: Address, settled: Settled) {
    this.#endpoint = endpoint;
    this.#own = own;
    this.#to = to;
    this.#settled = settled;
    const late = setTimeout(() => this.#fail("timeout"), HANDSHAKE_MS);
    this.#ends = [
      () => clearTimeout(late),
      onAbort(settled.signal, () => this.#fail("cancelled")),
      endpoint.awaits(this.#nonce, (control, from) => this.#heard(control, from)),
      knock(to, encodeControl({ type: "hello", nonce: this.#nonce }), () => this.#fail("refused")),
    ];
    this.#send(RETRY_MS);
  }

  #send(waitMs: number): void {
    const nonce = this.#nonce;
    const { offer } = this.#own;
    if (this.#cookie === undefined) this.#endpoint.send({ type: "hello", nonce }, this.#to);
    else this.#endpoint.send({ type: "open", nonce, cookie: this.#cookie, offer }, this.#to);
    this.#again = setTimeout(() => this.#send(2 * waitMs), waitMs);
  }

  #heard(control: Control, from: HostPort): void {
    if (from.host !== this.#to.host || from.port !== this.#to.port) return;
    if (control.type === "refuse") this.#fail("refused");
    else if (control.type === "retry" && this.#cookie === undefined) {
      this.#cookie = new Uint8Array(control.cookie);
      clearTimeout(this.#again);
      this.#send(RETRY_MS);
    } else if (control.type === "accept" && this.#cookie !== undefined) {
      const connection = this.#own.open(control.offer, { host: from.host, port: from.port });
      if (connection === undefined) this.#fail("handshake");
      else this.#succeed(connection);
    }
  }

  #succeed(connection: Connection): void {
    this.#end();
    this.#settled.resolve(connection);
  }

  #fail(reason: DialReason): void {
    if (this.#isOver) return;
    this.#end();
    this.#own.cancel();
    this.#settled.reject(new DialError(reason, formatAddress(this.#to)));
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#again);
    for (const end of this.#ends) end();
  }
}

/**
 * The system tells only a socket that sends to one address that nobody listens there (ICMP): so the first datagram goes
 * out of such a socket as well. Returns the way to stop.
 */
function knock({ host, port }: HostPort, hello: Uint8Array, onRefused: () => void): () => void {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  let isOpen = true;
  const close = () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (isOpen && error.code === "ECONNREFUSED") onRefused();
    close();
  });
  socket.on("message", close);
  // No route, or no address to send to: the call gets the error then, and the dial its time.
  socket.connect(port, host, (error?: unknown) => {
    if (error) close();
    else if (isOpen) socket.send(hello);
  });
  return close;
}
