/**
 * The failure detector's datagrams over a carrier: pings out, authenticated pongs back, and summonses, which nothing answers here
 * (protocol.md 4, rule R20).
 * Datagrams of unknown senders are dropped before any cryptography; a ping is answered only when authentic, with as
 * many bytes, and each sender only so often.
 */
import { isIP } from "node:net";
import { Buckets, type MemberId, memberIdToBytes, toHex } from "../../rings/index.js";
import { type HostPort, parseHostPort } from "../address.js";
import type { DatagramCarrier } from "../udp/carrier.js";
import {
  type Datagram,
  decodeDatagram,
  decodeSummons,
  encodeDatagram,
  encodeSummons,
  isAuthentic,
  isFor,
  PING_NONCE_BYTES,
  PREFIX_BYTES,
  type SummonsFields,
  TAG_BYTES,
} from "./codec.js";

/** Datagrams of one sender that are acted on per second, plus as many at once. Its pings come once per interval and ring. */
const DATAGRAMS_PER_SECOND = 50;
/** Senders whose rate is remembered: as many as a member has neighbours, many times over. */
const SENDERS_MAX = 4_096;
const RATE = { burst: DATAGRAMS_PER_SECOND, refillMs: 1_000 / DATAGRAMS_PER_SECOND };

/** A member as datagrams name it, with the key that we share. */
export interface PingPeer {
  readonly id: MemberId;
  /** 32 bytes, from `pairwiseKey`. */
  readonly key: Uint8Array;
}

export interface PingsOptions {
  readonly carrier: DatagramCarrier;
  readonly self: MemberId;
  readonly networkId: Uint8Array;
  /**
   * The member with this id prefix (PREFIX_BYTES as hex), if it may ping us or has been pinged. Called before anything
   * is verified: a look-up in a table, with the keys computed once (pings.ts keeps none).
   */
  readonly peerOf: (prefix: string) => PingPeer | undefined;
  /** Of our view, 16 bytes; asked for every datagram sent. */
  readonly fingerprint: () => Uint8Array;
  /** An authentic ping has been answered. `fingerprint` is the sender's. */
  readonly onPing: (from: MemberId, fingerprint: Uint8Array) => void;
  /** An authentic pong, maybe late or repeated: the nonce tells. */
  readonly onPong: (from: MemberId, nonce: Uint8Array, fingerprint: Uint8Array) => void;
  /** An authentic summons. */
  readonly onSummons: (from: MemberId, summons: SummonsFields) => void;
  /** Whence an authentic datagram of the member came. */
  readonly onHeard?: ((from: MemberId, at: HostPort) => void) | undefined;
  /** Monotonic milliseconds. */
  readonly now?: (() => number) | undefined;
}

type Fields = Pick<Datagram, "nonce" | "fingerprint">;

export class Pings {
  readonly #options: PingsOptions;
  readonly #carrier: DatagramCarrier;
  readonly #tag: Uint8Array;
  readonly #prefix: Uint8Array;
  readonly #rates = new Buckets<string>(RATE, SENDERS_MAX);
  readonly #now: () => number;

  constructor(options: PingsOptions) {
    this.#options = options;
    this.#carrier = options.carrier;
    this.#tag = options.networkId.slice(0, TAG_BYTES);
    this.#prefix = memberIdToBytes(options.self).slice(0, PREFIX_BYTES);
    this.#now = options.now ?? (() => performance.now());
    this.#carrier.onDatagram((bytes, from) => this.#onDatagram(bytes, from));
  }

  get host(): string {
    return this.#carrier.local.host;
  }

  get port(): number {
    return this.#carrier.local.port;
  }

  /** One ping to `address` ("host:port", the host an IP address); `nonce` has 8 bytes. Lost pings are silent. */
  ping(to: PingPeer, address: string, nonce: Uint8Array): void {
    if (nonce.length !== PING_NONCE_BYTES) throw new RangeError(`A ping's nonce has ${PING_NONCE_BYTES} bytes.`);
    this.#sendTo("ping", to, address, { nonce, fingerprint: this.#options.fingerprint() });
  }

  /** One summons to `address`, as `ping`. */
  summon(to: PingPeer, address: string, summons: SummonsFields): void {
    this.#sendTo("summons", to, address, encodeSummons(summons));
  }

  /** Sends and receives nothing from now on; leaves no handle. */
  close(): void {
    this.#carrier.close();
  }

  #sendTo(kind: Datagram["kind"], to: PingPeer, address: string, fields: Fields): void {
    const target = parseHostPort(address);
    if (target !== undefined && isIP(target.host) !== 0) this.#send(kind, to, fields, target);
  }

  #send(kind: Datagram["kind"], to: PingPeer, fields: Fields, target: HostPort): void {
    const receiver = memberIdToBytes(to.id).subarray(0, PREFIX_BYTES);
    const datagram = { kind, tag: this.#tag, sender: this.#prefix, receiver, ...fields };
    this.#carrier.send(encodeDatagram(datagram, to.key), target);
  }

  #onDatagram(bytes: Uint8Array, from: HostPort): void {
    const datagram = decodeDatagram(bytes);
    if (datagram === undefined || !isFor(datagram, this.#tag, this.#prefix)) return;
    const prefix = toHex(datagram.sender);
    const peer = this.#options.peerOf(prefix);
    if (peer === undefined || !isAuthentic(bytes, peer.key) || this.#rates.take(prefix, this.#now()) > 0) return;
    this.#deliver(peer, datagram, from);
  }

  #deliver(peer: PingPeer, datagram: Datagram, from: HostPort): void {
    const { kind, nonce, fingerprint } = datagram;
    this.#options.onHeard?.(peer.id, from);
    if (kind === "summons") {
      const summons = decodeSummons(datagram);
      if (summons) this.#options.onSummons(peer.id, summons);
      return;
    }
    // Copies: the socket's buffer is used again.
    const seen = new Uint8Array(fingerprint);
    if (kind === "pong") {
      this.#options.onPong(peer.id, new Uint8Array(nonce), seen);
    } else {
      this.#send("pong", peer, { nonce, fingerprint: this.#options.fingerprint() }, from);
      this.#options.onPing(peer.id, seen);
    }
  }
}
