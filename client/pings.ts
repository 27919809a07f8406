/**
 * The UDP socket of the failure detector: pings out, authenticated pongs back, and summonses, which nothing answers here
 * (protocol.md 4, rule R20).
 * Datagrams of unknown senders are dropped before any cryptography; a ping is answered only when authentic, with as
 * many bytes, and each sender only so often.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIP, isIPv4, isIPv6 } from "node:net";
import { FirefliesError } from "../identity/index.js";
import { type MemberId, memberIdToBytes, toHex } from "../rings/index.js";
import { formatAddress, parseAddress } from "./address.js";
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
} from "./ping-codec.js";

/** Datagrams of one sender that are acted on per second, plus as many at once. Its pings come once per interval and ring. */
const DATAGRAMS_PER_SECOND = 50;
/** Senders whose rate is remembered: as many as a member has neighbours, many times over. */
const SENDERS_MAX = 4_096;

/** A member as datagrams name it, with the key that we share. */
export interface PingPeer {
  readonly id: MemberId;
  /** 32 bytes, from `pairwiseKey`. */
  readonly key: Uint8Array;
}

export interface PingsOptions {
  /** An address of this host, or "::" or "0.0.0.0"; a name is looked up by the system. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
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
  /** Monotonic milliseconds. */
  readonly now?: (() => number) | undefined;
}

type Fields = Pick<Datagram, "nonce" | "fingerprint">;

export class Pings {
  readonly #options: PingsOptions;
  readonly #socket: Socket;
  readonly #tag: Uint8Array;
  readonly #prefix: Uint8Array;
  readonly #rates: RateLimit;
  readonly #ipv6: boolean;
  #closed = false;

  private constructor(options: PingsOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.#tag = options.networkId.slice(0, TAG_BYTES);
    this.#prefix = memberIdToBytes(options.self).slice(0, PREFIX_BYTES);
    this.#rates = new RateLimit(options.now ?? (() => performance.now()));
    this.#ipv6 = socket.address().family === "IPv6";
    socket.on("message", (bytes, from) => this.#onDatagram(bytes, from));
    socket.on("error", () => {}); // A send that failed is a ping that was lost.
  }

  /** Rejects with "address-in-use" or "address-invalid". */
  static async bind(options: PingsOptions): Promise<Pings> {
    const { host, port } = options;
    const socket = createSocket({ type: isIPv6(host) ? "udp6" : "udp4" });
    try {
      socket.bind({ address: host, port, exclusive: true });
      await once(socket, "listening");
    } catch (cause) {
      socket.close();
      throw bindFailure(formatAddress(host, port), cause);
    }
    return new Pings(options, socket);
  }

  get host(): string {
    return this.#socket.address().address;
  }

  get port(): number {
    return this.#socket.address().port;
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
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  #sendTo(kind: Datagram["kind"], to: PingPeer, address: string, fields: Fields): void {
    const parts = parseAddress(address);
    if (parts === undefined || isIP(parts.host) === 0) return;
    this.#send(kind, to, fields, parts.host, parts.port);
  }

  #send(kind: Datagram["kind"], to: PingPeer, fields: Fields, host: string, port: number): void {
    if (this.#closed) return;
    const receiver = memberIdToBytes(to.id).subarray(0, PREFIX_BYTES);
    const datagram = { kind, tag: this.#tag, sender: this.#prefix, receiver, ...fields };
    try {
      this.#socket.send(encodeDatagram(datagram, to.key), port, this.#reachable(host), () => {});
    } catch {
      // An address that the system refuses outright (port 0, other family): as good as lost.
    }
  }

  /** An IPv6 socket writes IPv4 addresses mapped. */
  #reachable(host: string): string {
    return this.#ipv6 && isIPv4(host) ? `::ffff:${host}` : host;
  }

  #onDatagram(bytes: Uint8Array, from: RemoteInfo): void {
    if (this.#closed) return;
    const datagram = decodeDatagram(bytes);
    if (datagram === undefined || !isFor(datagram, this.#tag, this.#prefix)) return;
    const prefix = toHex(datagram.sender);
    const peer = this.#options.peerOf(prefix);
    if (peer === undefined || !isAuthentic(bytes, peer.key) || !this.#rates.allow(prefix)) return;
    this.#deliver(peer, datagram, from);
  }

  #deliver(peer: PingPeer, datagram: Datagram, { address, port }: RemoteInfo): void {
    const { kind, nonce, fingerprint } = datagram;
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
      this.#send("pong", peer, { nonce, fingerprint: this.#options.fingerprint() }, address, port);
      this.#options.onPing(peer.id, seen);
    }
  }
}

/** Token buckets by sender. The oldest sender is forgotten first, and starts again with a full bucket. */
class RateLimit {
  readonly #now: () => number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  allow(sender: string): boolean {
    const now = this.#now();
    const bucket = this.#buckets.get(sender) ?? this.#add(sender, now);
    const gained = ((now - bucket.at) / 1000) * DATAGRAMS_PER_SECOND;
    bucket.tokens = Math.min(DATAGRAMS_PER_SECOND, bucket.tokens + gained);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #add(sender: string, at: number): { tokens: number; at: number } {
    if (this.#buckets.size >= SENDERS_MAX) this.#buckets.delete(this.#buckets.keys().next().value as string);
    const bucket = { tokens: DATAGRAMS_PER_SECOND, at };
    this.#buckets.set(sender, bucket);
    return bucket;
  }
}

function bindFailure(address: string, cause: unknown): FirefliesError {
  const reason = (cause as NodeJS.ErrnoException)?.code ?? String(cause);
  const taken = reason === "EADDRINUSE" || reason === "EACCES";
  return taken
    ? new FirefliesError(
        "address-in-use",
        `UDP ${address} is in use or not allowed (${reason}). Choose another port, or 0.`,
        { cause },
      )
    : new FirefliesError("address-invalid", `Cannot bind UDP ${address} (${reason}). Give an address of this host.`, {
        cause,
      });
}
