/**
 * All connections over one UDP port. It takes dials, makes its own, takes over connections whose ends were told of each
 * other by others (punches), and answers for streams that are gone. A stranger costs nothing to remember until it has
 * shown by a cookie that it receives at its address, as with DTLS (RFC 9147, section 5.1) and QUIC (RFC 9000, 8.1.2).
 */
import { randomBytes } from "node:crypto";
import { type AgreementKey, FirefliesError, generateAgreementKey } from "../../../identity/index.js";
import { Buckets, equalBytes, Shares, toHex } from "../../../rings/index.js";
import type { HostPort } from "../../address.js";
import { networkOf } from "../../ranges.js";
import type { DatagramCarrier } from "../../udp/carrier.js";
import type { NativeSocket } from "../../udp/native.js";
import type { UdpPort } from "../../udp/port.js";
import type { UdxStream } from "../../udp/udx-native.js";
import { Connection } from "./connection.js";
import { sumOf, type UdxCounts } from "./counts.js";
import { busiest, type UdxFigures } from "./figures.js";
import { type ConnectionKeys, connectionKeys, EndpointSecrets } from "./keys.js";
import { type FarEnd, Lane } from "./lane.js";
import {
  ANSWERS_PER_SECOND,
  ANSWERS_PER_SOURCE_PER_SECOND,
  CONNECTIONS_MAX,
  DIALS_PER_SOURCE_PER_SECOND,
  HALF_OPEN_MAX,
  HALF_OPEN_PER_SOURCE_MAX,
  LOOK_MS,
  REMEMBERED_MS,
  SOURCES_MAX,
} from "./limits.js";
import { type Berth, Mover } from "./mover.js";
import {
  type Control,
  decodeControl,
  decodeOffer,
  encodeControl,
  encodeOffer,
  isAuthenticPath,
  type Offer,
  type PathDatagram,
} from "./wire.js";

type OnConnection = (connection: Connection, from: HostPort) => void;
type Open = Extract<Control, { type: "open" }>;

/** What this end tells the other one of a connection to be. */
export interface Berthed {
  readonly offer: Offer;
  /** `offer` as bytes, for those who bring it to the other end by a way of their own. */
  readonly bytes: Uint8Array;
  /** Begins, with what the other end told. Undefined when that is no offer, or all ends here. */
  open(theirs: Uint8Array | Offer, to: HostPort): Connection | undefined;
  cancel(): void;
}

interface Held {
  readonly connection: Connection;
  readonly mover: Mover;
}

/** A dial that was accepted not long ago. */
interface Accepted {
  readonly key: string;
  readonly connection: Connection;
  readonly answer: Uint8Array;
  readonly nonce: string;
  readonly at: number;
}

/** Ids differ in so many of their lower bits: the library's table of streams grows until they do. 2^18 entries are 2 MiB. */
const DISTINCT_BITS = 18;
const SLOTS = 2 ** DISTINCT_BITS;
const ANSWERS = { burst: ANSWERS_PER_SECOND, refillMs: 1_000 / ANSWERS_PER_SECOND };
const ANSWERS_PER_SOURCE = { burst: ANSWERS_PER_SOURCE_PER_SECOND, refillMs: 1_000 / ANSWERS_PER_SOURCE_PER_SECOND };
const DIALS_PER_SOURCE = { burst: DIALS_PER_SOURCE_PER_SECOND, refillMs: 1_000 / DIALS_PER_SOURCE_PER_SECOND };
/** When a connection was cut the other end is told once more after so many milliseconds. */
const CUT_AGAIN_MS = 200;
/** Of the library's packets: the smallest, and the bit that says that its sender has cut the stream. */
const PACKET_BYTES_MIN = 20;
const DESTROY_BIT = 0x10;

const endpoints = new WeakMap<UdpPort, UdxEndpoint>();

export class UdxEndpoint {
  readonly #native: NativeSocket;
  readonly #carrier: DatagramCarrier;
  readonly #secrets = new EndpointSecrets();
  /** By the tag that the other end uses. */
  readonly #connections = new Map<string, Held>();
  /** Streams that are reserved or open, by the lower bits of their ids: the ids. */
  readonly #slots = new Map<number, number>();
  /** By the other end's id. Two ends may have chosen the same. */
  readonly #lanes = new Map<number, Set<Lane>>();
  readonly #accepted = new Map<string, Accepted>();
  readonly #halfOpen = new Shares<Accepted>(HALF_OPEN_MAX, HALF_OPEN_PER_SOURCE_MAX);
  readonly #answers = new Buckets<"all">(ANSWERS, 1);
  readonly #answersBySource = new Buckets<string>(ANSWERS_PER_SOURCE, SOURCES_MAX);
  readonly #dialsBySource = new Buckets<string>(DIALS_PER_SOURCE, SOURCES_MAX);
  readonly #dials = new Map<string, (control: Control, from: HostPort) => void>();
  #onConnection: OnConnection | undefined;
  #onIdle: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #refused = 0;
  #moves = 0;
  /** Of the lanes that are closed. */
  #past: UdxCounts = sumOf([]);
  #isClosed = false;

  private constructor(port: UdpPort, native: NativeSocket) {
    this.#native = native;
    this.#carrier = port.carrier("stream");
    this.#carrier.onDatagram((bytes, from) => this.#onDatagram(bytes, from));
    port.onStray((bytes, from) => this.#onStray(bytes, from));
    port.beforeClose(() => this.close());
  }

  /** Of a port that carries streams: one for each. Undefined for the others. */
  static of(port: UdpPort): UdxEndpoint | undefined {
    const known = endpoints.get(port);
    if (known !== undefined || port.native === undefined) return known;
    const endpoint = new UdxEndpoint(port, port.native);
    endpoints.set(port, endpoint);
    return endpoint;
  }

  get local(): HostPort {
    return this.#native.local;
  }

  get figures(): UdxFigures {
    const held = [...this.#connections.values()].map(({ connection }) => connection);
    return {
      ...{ connections: held.length, halfOpen: this.#halfOpen.size, refused: this.#refused },
      moves: held.reduce((sum, { moves }) => sum + moves, this.#moves),
      ...sumOf([this.#past, ...this.#openLanes().map(({ counts }) => counts)]),
      busiest: busiest(held),
    };
  }

  #openLanes(): Lane[] {
    return [...this.#lanes.values()].flatMap((lanes) => [...lanes]);
  }

  get isListening(): boolean {
    return this.#onConnection !== undefined;
  }

  /** Whether connections can go there from here. */
  reaches(to: HostPort): boolean {
    return !this.#isClosed && this.#native.reaches(to);
  }

  /** Dials are taken from now on. Returns the way to stop. One listener. */
  listen(onConnection: OnConnection): () => void {
    this.#onConnection = onConnection;
    return () => {
      if (this.#onConnection === onConnection) this.#onConnection = undefined;
    };
  }

  /** Called whenever the last connection has ended. */
  onIdle(listener: () => void): void {
    this.#onIdle = listener;
  }

  get isIdle(): boolean {
    return this.#slots.size === 0 && this.#dials.size === 0 && this.#connections.size === 0;
  }

  #idleMaybe(): void {
    if (this.isIdle) this.#onIdle();
  }

  /** Answers to datagrams with this nonce go to `listener`. Returns the way to stop. */
  awaits(nonce: Uint8Array, listener: (control: Control, from: HostPort) => void): () => void {
    const key = toHex(nonce);
    this.#dials.set(key, listener);
    return () => {
      if (this.#dials.delete(key)) this.#idleMaybe();
    };
  }

  send(control: Parameters<typeof encodeControl>[0], to: HostPort): void {
    this.#carrier.send(encodeControl(control), to);
  }

  /** An id and a key for a connection to be. Undefined when there is no room. */
  offer(): Berthed | undefined {
    if (this.#connections.size >= CONNECTIONS_MAX) return undefined;
    const agreement = generateAgreementKey();
    const reserved = this.#reserve();
    if (reserved === undefined) return undefined;
    const offer = { id: reserved.id, token: reserved.token, publicKey: agreement.publicKey };
    return {
      offer,
      bytes: encodeOffer(offer),
      open: (theirs, to) => this.#open(reserved, agreement, theirs, to),
      cancel: () => reserved.cancel(),
    };
  }

  /** The own address may have changed: all other ends hear where they find me. */
  announce(): void {
    for (const { mover } of this.#connections.values()) mover.look(true);
  }

  /** Cuts all connections. The port is its owner's. */
  close(): void {
    this.#isClosed = true;
    this.#onConnection = undefined;
    for (const { connection } of [...this.#connections.values()]) connection.destroy();
    for (const { connection } of [...this.#connections.values()]) connection.giveUp();
    this.#carrier.close();
    clearInterval(this.#timer);
  }

  #reserve(): Reserved | undefined {
    if (this.#isClosed) return undefined;
    const id = this.#freeId();
    const slot = id % SLOTS;
    this.#slots.set(slot, id);
    const stream = this.#native.reserve(id);
    let isClosed = false;
    stream.once("close", () => {
      isClosed = true;
      this.#slots.delete(slot);
      this.#idleMaybe();
    });
    stream.on("error", () => {}); // "close" follows.
    const cancel = () => stream.destroy();
    return { id, token: this.#secrets.token(id), stream, isClosed: () => isClosed, cancel };
  }

  #freeId(): number {
    for (;;) {
      const id = randomBytes(4).readUInt32BE();
      if (!this.#slots.has(id % SLOTS)) return id;
    }
  }

  #open(reserved: Reserved, agreement: AgreementKey, theirs: Uint8Array | Offer, to: HostPort): Connection | undefined {
    const offer = theirs instanceof Uint8Array ? decodeOffer(theirs) : theirs;
    const keys = offer && connectionKeys(agreement, offer.publicKey);
    if (keys === undefined || reserved.isClosed() || !this.reaches(to)) {
      reserved.cancel();
      return undefined;
    }
    const { id, token } = offer as Offer;
    const far = { ...to, id, token: new Uint8Array(token) };
    const connection = this.#connection(keys, to);
    connection.begin(this.#lane(reserved.stream, far, connection));
    return connection;
  }

  #connection(keys: ConnectionKeys, remote: HostPort): Connection {
    const tag = toHex(keys.tag);
    const connection = new Connection({
      keys,
      remote,
      onCut: (cut) => this.#sayGone(cut),
      onOver: ({ moves }) => {
        this.#moves += moves;
        this.#connections.get(tag)?.mover.close();
        this.#connections.delete(tag);
        if (this.#connections.size === 0) {
          clearInterval(this.#timer);
          this.#timer = undefined;
        }
        this.#idleMaybe();
      },
    });
    const mover = new Mover({
      secrets: this.#secrets,
      connection,
      send: (datagram, to) => this.#carrier.send(datagram, to),
      reserve: () => this.#berthFor(connection),
      now: () => performance.now(),
    });
    this.#connections.set(tag, { connection, mover });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    return connection;
  }

  #berthFor(connection: Connection): Berth | undefined {
    const reserved = this.#reserve();
    if (reserved === undefined) return undefined;
    const { id, token, stream, isClosed, cancel } = reserved;
    const connect = (to: FarEnd) => {
      if (!isClosed()) connection.moveTo(this.#lane(stream, to, connection));
    };
    return { id, token, cancel, connect };
  }

  #lane(stream: UdxStream, to: FarEnd, connection: Connection): Lane {
    this.#native.connect(stream, to.id, to);
    const lane = new Lane(stream, to, connection);
    const same = this.#lanes.get(to.id) ?? new Set();
    this.#lanes.set(to.id, same.add(lane));
    stream.once("close", () => {
      this.#past = sumOf([this.#past, lane.counts]);
      same.delete(lane);
      if (same.size === 0) this.#lanes.delete(to.id);
    });
    return lane;
  }

  #look(): void {
    const now = performance.now();
    for (const { connection, mover } of this.#connections.values()) {
      connection.look();
      mover.look();
    }
    for (const accepted of this.#accepted.values()) {
      if (accepted.connection.isConfirmed || accepted.connection.destroyed) this.#halfOpen.remove(accepted);
      else if (now - accepted.at > REMEMBERED_MS) accepted.connection.destroy();
      if (now - accepted.at > REMEMBERED_MS) this.#forget(accepted);
    }
  }

  #onDatagram(bytes: Uint8Array, from: HostPort): void {
    const control = decodeControl(bytes);
    if (control === undefined || this.#isClosed) return;
    if (control.type === "hello") this.#onHello(control.nonce, from);
    else if (control.type === "open") this.#onOpen(control, from);
    else if (control.type === "gone") this.#onGone(control.id, control.token);
    else if ("tag" in control) this.#onPath(bytes, control, from);
    else this.#dials.get(toHex(control.nonce))?.(control, from);
  }

  #onGone(id: number, token: Uint8Array): void {
    for (const lane of this.#lanes.get(id) ?? []) if (equalBytes(lane.to.token, token)) lane.gone();
  }

  #onPath(bytes: Uint8Array, datagram: PathDatagram, from: HostPort): void {
    const held = this.#connections.get(toHex(datagram.tag));
    if (held === undefined) {
      if (datagram.type === "path") this.#answerGone(datagram.id, from);
    } else if (isAuthenticPath(bytes, held.connection.keys.key)) {
      held.connection.confirm();
      held.mover.heard(datagram, from);
    }
  }

  #mayAnswer(from: HostPort): boolean {
    const now = performance.now();
    return this.#answersBySource.take(networkOf(from.host), now) === 0 && this.#answers.take("all", now) === 0;
  }

  #onHello(nonce: Uint8Array, from: HostPort): void {
    if (!this.#mayAnswer(from)) return;
    if (this.#onConnection === undefined) this.send({ type: "refuse", nonce }, from);
    else this.send({ type: "retry", nonce, cookie: this.#secrets.cookie(from, nonce, performance.now()) }, from);
  }

  #onOpen(open: Open, from: HostPort): void {
    const nonce = toHex(open.nonce);
    const now = performance.now();
    const known = this.#accepted.get(nonce);
    // The cookie first: a repeated one costs an answer.
    if (!this.#secrets.isCookie(open.cookie, from, open.nonce, now)) return;
    if (known !== undefined) {
      if (known.connection.destroyed) this.send({ type: "refuse", nonce: open.nonce }, from);
      else this.#carrier.send(known.answer, from);
      return;
    }
    if (this.#dialsBySource.take(networkOf(from.host), now) > 0) return;
    const accepted = this.#accept(open, from, now);
    if (accepted === undefined) {
      this.#refused++;
      this.send({ type: "refuse", nonce: open.nonce }, from);
      return;
    }
    this.#carrier.send(accepted.answer, from);
    this.#onConnection?.(accepted.connection, from);
  }

  #accept({ nonce, offer }: Open, from: HostPort, at: number): Accepted | undefined {
    if (this.#onConnection === undefined) return undefined;
    const key = networkOf(from.host);
    this.#halfOpen.victim(key)?.connection.destroy();
    const own = this.offer();
    const connection = own?.open(offer, from);
    if (own === undefined || connection === undefined) return undefined;
    const answer = encodeControl({ type: "accept", nonce, offer: own.offer });
    const accepted = { key, connection, answer, nonce: toHex(nonce), at };
    this.#accepted.set(accepted.nonce, accepted);
    this.#halfOpen.add(accepted);
    connection.once("close", () => this.#halfOpen.remove(accepted));
    return accepted;
  }

  #forget(accepted: Accepted): void {
    this.#accepted.delete(accepted.nonce);
    this.#halfOpen.remove(accepted);
  }

  /** A packet for a stream that is no more: its sender is to hear of that. What only says the same is not answered. */
  #onStray(bytes: Uint8Array, from: HostPort): void {
    if (bytes.length < PACKET_BYTES_MIN || (bytes[2]! & DESTROY_BIT) !== 0) return;
    this.#answerGone(Buffer.from(bytes.buffer, bytes.byteOffset + 4, 4).readUInt32LE(), from);
  }

  #answerGone(id: number, from: HostPort): void {
    // A stream that is reserved is to come: the answer to its dial is under way.
    if (this.#isClosed || this.#slots.get(id % SLOTS) === id || !this.#mayAnswer(from)) return;
    this.send({ type: "gone", id, token: this.#secrets.token(id) }, from);
  }

  #sayGone({ lane, remote }: Connection): void {
    if (lane === undefined) return;
    const say = () => this.send({ type: "gone", id: lane.id, token: this.#secrets.token(lane.id) }, remote);
    say();
    setTimeout(say, CUT_AGAIN_MS).unref();
  }
}

interface Reserved {
  readonly id: number;
  readonly token: Uint8Array;
  readonly stream: UdxStream;
  /** It may be cut before it has begun: by the other end, which knows its id already. */
  isClosed(): boolean;
  cancel(): void;
}

/** "address-invalid": the package is not there. */
export function withoutUdx(): FirefliesError {
  return new FirefliesError("address-invalid", 'Addresses of "udx:" need the package udx-native.', {
    advice: "Run `npm install udx-native`. It has binaries for Linux (glibc), macOS and Windows, on x64 and arm64.",
  });
}
