/** A connection with a peer, as a program has it: a Duplex, whether its bytes go directly or through the server. */
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { RdvError } from "./errors.js";
import type { RdvResponse } from "./response.js";
import type { Method } from "./wire/lines.js";

/** What is known of a meeting, on the client's side. Addresses are "ip:port". */
export interface ConnMeta {
  readonly method: Method;
  readonly token: string;
  /** What this client told of itself. */
  readonly selfAddresses: readonly string[];
  /** Where the server sees this client come from; undefined when it did not say. */
  readonly observedAddress: string | undefined;
  /** The peer's own addresses and the one that the server observed. */
  readonly peerAddresses: readonly string[];
  /** The server's answer, with the application's headers in it. */
  readonly response: RdvResponse;
}

export interface ConnPath {
  readonly isRelay: boolean;
  /** The peer, or the server of a relayed connection. */
  readonly remoteAddress: string;
  readonly localAddress: string;
}

/**
 * Bytes in order, with back-pressure both ways; neither encrypted nor authenticated by itself, so run TLS or the like
 * over it. `end()` is a half-close on a direct connection. On a relayed one it ends both directions: what was written is
 * delivered, what the peer would still answer is lost.
 */
export class Conn extends Duplex implements ConnMeta, ConnPath {
  readonly method: Method;
  readonly token: string;
  readonly selfAddresses: readonly string[];
  readonly observedAddress: string | undefined;
  readonly peerAddresses: readonly string[];
  readonly response: RdvResponse;
  readonly isRelay: boolean;
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly #socket: Duplex;
  #isReading = false;

  /** For this room: clients return these. Takes the socket over, with what waits in it. */
  constructor(socket: Duplex, meta: ConnMeta, path: ConnPath) {
    super({ allowHalfOpen: !path.isRelay });
    this.method = meta.method;
    this.token = meta.token;
    this.selfAddresses = meta.selfAddresses;
    this.observedAddress = meta.observedAddress;
    this.peerAddresses = meta.peerAddresses;
    this.response = meta.response;
    this.isRelay = path.isRelay;
    this.remoteAddress = path.remoteAddress;
    this.localAddress = path.localAddress;
    this.#socket = socket;
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.#onClose());
  }

  override _read(): void {
    if (this.#isReading) {
      this.#socket.resume();
      return;
    }
    this.#isReading = true;
    this.#socket.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) this.#socket.pause();
    });
    this.#socket.on("end", () => this.push(null));
    if (this.#socket.readableEnded) this.push(null);
    else this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket.destroyed) done(new RdvError("rdv-closed", "The peer is gone."));
    else if (this.#socket.write(chunk)) done();
    else this.#whenDrained(done);
  }

  #whenDrained(done: () => void): void {
    const go = () => {
      this.#socket.off("drain", go).off("close", go);
      done();
    };
    this.#socket.on("drain", go).on("close", go);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  /**
   * What is destroyed before its own end is cut: the other side hears of a reset, not of an end in order. But while an end is on
   * its way to the system Node refuses a reset, and then never closes the descriptor (20 to 24).
   */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const socket = this.#socket;
    const isEnding = socket.writableEnded && socket.writableLength === 0;
    const isCut = !this.writableFinished && !socket.destroyed && !isEnding;
    if (isCut && socket instanceof Socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy();
    else socket.destroy();
    done(error);
  }

  /** What was read before the socket closed stays readable. */
  #onClose(): void {
    if (!this.#socket.readableEnded || this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
  }
}
