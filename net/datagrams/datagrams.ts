/**
 * Datagrams between programs: unreliable, unordered, sealed with keys of the session, over the member's one UDP port, and
 * inside the session where UDP does not get through. Nothing waits: what does not fit now is dropped and counted.
 */
import { randomBytes } from "node:crypto";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { HostPort } from "../address.js";
import type { Protocols } from "../session/protocol.js";
import type { ByteDuplex, Session } from "../session/session.js";
import type { DatagramCarrier } from "../udp/carrier.js";
import { EXPORT_BYTES, EXPORT_LABEL, type FlowKeys, flowKeys, readHeader, SALT_BYTES } from "./codec.js";
import { InFlow, OutFlow, type Send, type Verdict } from "./flow.js";
import {
  DATAGRAM_LIMITS,
  FLOWS_MAX,
  IDLE_MS,
  QUEUED_BYTES_MAX,
  REFUSED_MS,
  WAITING_MAX,
  WAITING_PER_PEER_MAX,
} from "./limits.js";

/** The protocol's id. */
export const DATAGRAMS = "datagrams";

export interface DatagramsOptions {
  /** Me: what I send myself comes in a later turn. */
  readonly self: MemberId;
  /** The best session with a member, if there is one. */
  readonly usable: (to: MemberId) => Session | undefined;
  /** Makes one. Rejects. */
  readonly reach: (to: MemberId) => Promise<Session>;
  /** Where a member's note says that it takes datagrams. */
  readonly places: (of: MemberId) => readonly HostPort[];
  /** `data` are the receiver's. False when nobody takes them. */
  readonly onDatagram: (from: MemberId, data: Uint8Array) => boolean;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Since the start, in datagrams. */
export interface DatagramFigures {
  /** That went by UDP. */
  readonly sentByUdp: number;
  /** That went inside a session. */
  readonly sentInSession: number;
  /** That were handed to the handler. */
  readonly received: number;
  /** That were not sent: too many waited for a session or in one, or the member could not be reached. */
  readonly dropped: { readonly full: number; readonly unreachable: number };
  /** That came and were not taken: nobody handles them, no flow has their tag, or they are forged, replayed or misshapen. */
  readonly refused: Readonly<Record<"unhandled" | "unknown" | "forged" | "replayed" | "malformed", number>>;
}

export class Datagrams {
  readonly #options: DatagramsOptions;
  #carrier: DatagramCarrier | undefined;
  /** In the order of their use: the first is the one that was used least lately. */
  readonly #out = new Map<MemberId, OutFlow>();
  readonly #outByTag = new Map<string, OutFlow>();
  readonly #inByTag = new Map<string, InFlow>();
  /** Where members were heard from. */
  readonly #heardAt = new Map<MemberId, HostPort>();
  readonly #waiting = new Map<MemberId, Uint8Array[]>();
  /** Until when nothing is opened with a member that has refused. */
  readonly #refusing = new Map<MemberId, number>();
  #waitingCount = 0;
  #queuedBytes = 0;
  #isClosed = false;
  readonly #counts = { sentByUdp: 0, sentInSession: 0, received: 0 };
  readonly #dropped = { full: 0, unreachable: 0 };
  readonly #refused = { unhandled: 0, unknown: 0, forged: 0, replayed: 0, malformed: 0 };

  constructor(options: DatagramsOptions) {
    this.#options = options;
  }

  /** `take` lets the sender of a duplex in, now or later. */
  register(
    protocols: Protocols,
    take: (peer: MemberCertificate, duplex: ByteDuplex, accept: () => void) => void,
  ): void {
    protocols.register({
      kind: "duplex",
      id: DATAGRAMS,
      limits: DATAGRAM_LIMITS,
      onDuplex: (peer, duplex) => take(peer, duplex, () => this.#accept(peer.id, duplex)),
    });
  }

  /** Datagrams go by UDP from now on, where they get through. */
  use(carrier: DatagramCarrier): void {
    this.#carrier = carrier;
    carrier.onDatagram((bytes, from) => this.#onDatagram(bytes, from));
  }

  get figures(): DatagramFigures {
    return { ...this.#counts, dropped: { ...this.#dropped }, refused: { ...this.#refused } };
  }

  /** False when it was dropped here. `data` may be changed afterwards; at most DATAGRAM_PAYLOAD_MAX bytes. */
  send(to: MemberId, data: Uint8Array): boolean {
    if (this.#isClosed) return false;
    if (to === this.#options.self) return this.#toMyself(data.slice());
    const session = this.#options.usable(to);
    if (session !== undefined) return this.#through(session, to, data);
    const waiting = this.#waiting.get(to);
    if (this.#isRefused(to)) return this.#drop("unreachable");
    if ((waiting?.length ?? 0) >= WAITING_PER_PEER_MAX || this.#waitingCount >= WAITING_MAX) return this.#drop("full");
    this.#waitingCount += 1;
    if (waiting !== undefined) waiting.push(data.slice());
    else void this.#reach(to, data.slice());
    return true;
  }

  /** Closes what has not been used for a while. */
  tidy(): void {
    const now = this.#options.now();
    for (const flow of [...this.#out.values()]) if (now - flow.usedAt > IDLE_MS) this.#end(flow);
    for (const [id, until] of this.#refusing) if (until <= now) this.#refusing.delete(id);
  }

  /** It has left the view: nothing goes to it, and its sessions end. */
  drop(id: MemberId): void {
    const flow = this.#out.get(id);
    if (flow) this.#end(flow);
    this.#heardAt.delete(id);
    for (const [tag, { from }] of this.#inByTag) if (from === id) this.#inByTag.delete(tag);
  }

  close(): void {
    this.#isClosed = true;
    for (const flow of [...this.#out.values()]) this.#end(flow);
    this.#inByTag.clear();
    this.#waiting.clear();
    this.#carrier?.close();
  }

  // --- Out ---

  #toMyself(data: Uint8Array): true {
    setImmediate(() => this.#deliver(this.#options.self, data));
    return true;
  }

  #drop(why: keyof DatagramFigures["dropped"], count = 1): false {
    this.#dropped[why] += count;
    return false;
  }

  /** One dial, for all that waits. */
  async #reach(to: MemberId, first: Uint8Array): Promise<void> {
    const waiting = [first];
    this.#waiting.set(to, waiting);
    const session = await this.#options.reach(to).catch(() => undefined);
    this.#waiting.delete(to);
    this.#waitingCount -= waiting.length;
    if (this.#isClosed) return;
    if (session === undefined) {
      this.#refuse(to);
      this.#drop("unreachable", waiting.length);
    } else {
      for (const data of waiting) this.#through(session, to, data);
    }
  }

  #through(session: Session, to: MemberId, data: Uint8Array): boolean {
    const flow = this.#flow(session, to);
    if (flow === undefined) return this.#drop("unreachable");
    const went = flow.send(data, this.#options.now());
    if (went === "full") return this.#drop("full");
    if (went === "udp") this.#counts.sentByUdp += 1;
    else this.#counts.sentInSession += 1;
    return true;
  }

  /** Over this session; one over another session ends, and its keys with it. Undefined while the member refuses. */
  #flow(session: Session, to: MemberId): OutFlow | undefined {
    const found = this.#out.get(to);
    if (found?.session === session) return found;
    if (found !== undefined) this.#end(found);
    if (this.#isRefused(to)) return undefined;
    if (this.#out.size >= FLOWS_MAX) this.#end(this.#leastUsed());
    const flow = this.#open(session, to);
    this.#out.set(to, flow);
    if (flow.keys) this.#outByTag.set(flow.keys.tag, flow);
    return flow;
  }

  #open(session: Session, to: MemberId): OutFlow {
    const duplex = session.open(DATAGRAMS);
    const salt = new Uint8Array(randomBytes(SALT_BYTES));
    duplex.write(salt);
    const flow = new OutFlow({
      to,
      session,
      duplex,
      keys: keysOf(duplex, salt),
      send: this.#send,
      places: () => this.#places(to),
      queue: (bytes) => this.#queue(bytes),
    });
    duplex.resume();
    duplex.once("error", () => this.#refuse(to));
    duplex.once("close", () => this.#forget(flow));
    return flow;
  }

  #leastUsed(): OutFlow {
    return [...this.#out.values()].reduce((least, flow) => (flow.usedAt < least.usedAt ? flow : least));
  }

  #places(of: MemberId): readonly HostPort[] {
    const heard = this.#heardAt.get(of);
    const noted = this.#options.places(of);
    return heard === undefined ? noted : [heard, ...noted];
  }

  #queue(bytes: number): boolean {
    if (bytes > 0 && this.#queuedBytes + bytes > QUEUED_BYTES_MAX) return false;
    this.#queuedBytes += bytes;
    return true;
  }

  readonly #send: Send = (bytes, to) => this.#carrier?.send(bytes, to);

  #end(flow: OutFlow): void {
    this.#forget(flow);
    flow.end();
  }

  #forget(flow: OutFlow): void {
    if (this.#out.get(flow.to) === flow) this.#out.delete(flow.to);
    if (flow.keys) this.#outByTag.delete(flow.keys.tag);
  }

  #refuse(id: MemberId): void {
    this.#refusing.set(id, this.#options.now() + REFUSED_MS);
  }

  #isRefused(id: MemberId): boolean {
    return (this.#refusing.get(id) ?? Number.NEGATIVE_INFINITY) > this.#options.now();
  }

  // --- In ---

  /** The first message is the salt; each later one is a datagram. */
  #accept(from: MemberId, duplex: ByteDuplex): void {
    let flow: InFlow | undefined;
    let isSalted = false;
    duplex.on("data", (chunk: Uint8Array) => {
      if (isSalted) return this.#deliver(from, chunk);
      isSalted = true;
      if (chunk.length !== SALT_BYTES) return void duplex.destroy(new FirefliesError("bad-frame"));
      const keys = keysOf(duplex, chunk);
      if (keys === undefined) return;
      flow = new InFlow(from, keys);
      this.#inByTag.set(keys.tag, flow);
    });
    duplex.once("end", () => duplex.end());
    duplex.once("close", () => {
      if (flow && this.#inByTag.get(flow.keys.tag) === flow) this.#inByTag.delete(flow.keys.tag);
    });
  }

  #onDatagram(bytes: Uint8Array, at: HostPort): void {
    const header = readHeader(bytes);
    if (header === undefined) {
      this.#refused.malformed += 1;
      return;
    }
    if (header.type === "answer") {
      const flow = this.#outByTag.get(header.tag);
      if (flow === undefined) this.#refused.unknown += 1;
      else if (!flow.answered(header, bytes, this.#options.now())) this.#refused.forged += 1;
      return;
    }
    const flow = this.#inByTag.get(header.tag);
    if (flow === undefined) {
      this.#refused.unknown += 1;
      return;
    }
    const { verdict, payload } = flow.take(header, bytes, at, this.#send);
    this.#judged(flow, verdict, payload);
  }

  #judged(flow: InFlow, verdict: Verdict, payload: Uint8Array | undefined): void {
    if (verdict === "forged" || verdict === "replayed") {
      this.#refused[verdict] += 1;
      return;
    }
    if (flow.place) this.#heardAt.set(flow.from, flow.place);
    if (payload) this.#deliver(flow.from, payload);
  }

  #deliver(from: MemberId, data: Uint8Array): void {
    if (!this.#isClosed && this.#options.onDatagram(from, data)) this.#counts.received += 1;
    else this.#refused.unhandled += 1;
  }
}

/** Undefined where no TLS is between. */
function keysOf(duplex: ByteDuplex, salt: Uint8Array): FlowKeys | undefined {
  const exported = duplex.exportKey?.(EXPORT_LABEL, salt, EXPORT_BYTES);
  return exported && flowKeys(exported);
}
