/**
 * A transport within one process, for tests and simulations of whole clients: real certificates, no sockets, no keys
 * used. Members can be cut from each other and healed. Held to the same contract as gRPC.
 */
import { FirefliesError, type Identity, type MemberCertificate, verifyAgainst } from "../identity/index.js";
import type { MemberId } from "../rings/index.js";
import { onAbort } from "./abort.js";
import { formatAddress, parseAddress } from "./address.js";
import { answerCall, certificateRefused, contained, PeerMismatch, refusalOf, withDeadline } from "./guard.js";
import { chunkProblem, failedDuplex } from "./message-duplex.js";
import { duplexPair } from "./paired-duplex.js";
import {
  type ByteDuplex,
  CALL_BYTES_MAX,
  type CallKind,
  type CallOptions,
  type DialOptions,
  DUPLEX_BYTES_MAX,
  type DuplexKind,
  type Link,
  type Listener,
  type ListenOptions,
  type Transport,
  type TransportOptions,
} from "./transport.js";

/** Where ports that were asked for as 0 begin. */
const FIRST_PORT = 40_000;

/** The wires. Every member of one test takes its transport from one network. */
export class MemoryNetwork {
  readonly #listeners = new Map<string, MemoryListener>();
  readonly #links = new Set<MemoryLink>();
  readonly #cut = new Set<string>();
  #nextPort = FIRST_PORT;

  /** The transport of one member. */
  transport(options: TransportOptions): Transport {
    return {
      listen: async (listen) => this.#listen(options, listen),
      dial: (address, dial) => this.#dial(options, address, dial),
    };
  }

  /** Closes all links between two members and makes dialling fail until `heal`. */
  cut(a: MemberId, b: MemberId): void {
    this.#cut.add(pairKey(a, b));
    for (const link of [...this.#links]) if (pairKey(link.self.id, link.peer.id) === pairKey(a, b)) link.close();
  }

  heal(a: MemberId, b: MemberId): void {
    this.#cut.delete(pairKey(a, b));
  }

  /** Cuts every member of `left` from every member of `right`. */
  partition(left: Iterable<MemberId>, right: Iterable<MemberId>): void {
    const others = [...right];
    for (const a of left) for (const b of others) this.cut(a, b);
  }

  healAll(): void {
    this.#cut.clear();
  }

  #listen(own: TransportOptions, { host, port, handlers }: ListenOptions): Listener {
    const address = formatAddress(host, port === 0 ? this.#nextPort++ : port);
    const parts = parseAddress(address);
    if (parts === undefined) throw new FirefliesError("address-invalid", `Cannot listen on ${address}.`);
    if (this.#listeners.has(address)) throw new FirefliesError("address-in-use", `${address} is in use.`);
    const listener = new MemoryListener(own, handlers, parts.host, parts.port, () => this.#listeners.delete(address));
    this.#listeners.set(address, listener);
    return listener;
  }

  #dial(own: TransportOptions, address: string, options: DialOptions): Promise<Link> {
    return withDeadline(options, async () => this.#connect(own, address, options));
  }

  #connect(own: TransportOptions, address: string, { expect }: DialOptions): Link {
    if (parseAddress(address) === undefined)
      throw new FirefliesError("address-invalid", `"${address}" is not host:port.`);
    const listener = this.#listeners.get(address);
    const unreachable = new FirefliesError("peer-unreachable", `Nobody answers at ${address}.`);
    if (listener === undefined) throw unreachable;
    const self = own.identity().certificate;
    const target = listener.own.identity().certificate;
    if (this.#cut.has(pairKey(self.id, target.id))) throw unreachable;
    const peer = proven(own, target);
    if (expect !== undefined && peer.id !== expect) throw new PeerMismatch(address, expect, peer.id);
    const caller = provenToPeer(listener.own, self, address);
    if (listener.refusal(caller) !== undefined) throw refusedBy(address);
    const link = new MemoryLink(own, listener, peer, caller);
    this.#links.add(link);
    link.onClose(() => this.#links.delete(link));
    return link;
  }
}

function pairKey(a: MemberId, b: MemberId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** The other's certificate as the handshake would have proven it. Throws "certificate-invalid". */
function proven(own: TransportOptions, chain: MemberCertificate): MemberCertificate {
  const { root, certificate }: Identity = own.identity();
  const verdict = verifyAgainst(chain, { root, network: certificate, now: own.now, proves: own.proves });
  if (!verdict.ok) throw certificateRefused(verdict.reason);
  return verdict.certificate;
}

/** What a dialler sees of a refusal: no reason, as over TCP. */
function provenToPeer(peer: TransportOptions, self: MemberCertificate, address: string): MemberCertificate {
  try {
    return proven(peer, self);
  } catch {
    throw refusedBy(address);
  }
}

function refusedBy(address: string): FirefliesError {
  return new FirefliesError("peer-refused", `${address} closed the connection: it may not accept our certificate.`);
}

class MemoryListener implements Listener {
  readonly links = new Set<MemoryLink>();
  readonly #running = new Set<Promise<unknown>>();

  constructor(
    readonly own: TransportOptions,
    readonly handlers: ListenOptions["handlers"],
    readonly host: string,
    readonly port: number,
    readonly unlist: () => void,
  ) {}

  recheck(): void {
    for (const link of [...this.links]) if (this.refusal(link.self) !== undefined) link.close();
  }

  refusal(caller: MemberCertificate): FirefliesError | undefined {
    return refusalOf(caller, this.handlers, this.own);
  }

  async answer(caller: MemberCertificate, kind: CallKind, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const refused = this.refusal(caller);
    if (refused !== undefined) throw refused;
    const answer = answerCall(this.handlers, caller, kind, new Uint8Array(body), signal);
    const done = answer.catch(() => {}).finally(() => this.#running.delete(done));
    this.#running.add(done);
    return new Uint8Array(await answer);
  }

  accept(caller: MemberCertificate, kind: DuplexKind, duplex: ByteDuplex): void {
    if (duplex.destroyed) return;
    const refused = this.refusal(caller);
    if (refused !== undefined) duplex.destroy(refused);
    else contained(() => this.handlers.onDuplex(caller, kind, duplex), duplex);
  }

  async close(graceMs: number): Promise<void> {
    this.unlist();
    for (const link of this.links) link.endDuplexes();
    const grace = { timeoutMs: graceMs };
    await withDeadline(grace, () => Promise.allSettled(this.#running)).catch(() => {});
    for (const link of [...this.links]) link.close();
  }
}

class MemoryLink implements Link {
  closed = false;
  readonly #listener: MemoryListener;
  readonly #own: TransportOptions;
  readonly #closing = new AbortController();
  readonly #duplexes = new Set<ByteDuplex>();

  constructor(
    own: TransportOptions,
    listener: MemoryListener,
    readonly peer: MemberCertificate,
    readonly self: MemberCertificate,
  ) {
    this.#own = own;
    this.#listener = listener;
    listener.links.add(this);
  }

  async call(kind: CallKind, body: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    const problem = this.#problem() ?? chunkProblem(body, CALL_BYTES_MAX);
    if (problem !== undefined) throw problem;
    return withDeadline(options, (signal) => {
      return this.#answered(kind, body, signal);
    });
  }

  async #answered(kind: CallKind, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const controller = new AbortController();
    const unwatch = [
      onAbort(signal, () => controller.abort()),
      onAbort(this.#closing.signal, () => controller.abort()),
    ];
    const stopped = new Promise<never>((_, reject) => {
      onAbort(controller.signal, () => reject(new FirefliesError("link-closed")));
    });
    try {
      return await Promise.race([this.#listener.answer(this.self, kind, body, controller.signal), stopped]);
    } finally {
      for (const stop of unwatch) stop();
    }
  }

  open(kind: DuplexKind, { signal }: { readonly signal?: AbortSignal | undefined } = {}): ByteDuplex {
    const problem = this.#problem();
    if (problem !== undefined) return failedDuplex(problem);
    const [near, far] = duplexPair(DUPLEX_BYTES_MAX[kind]);
    const cancel = () => near.destroy(new FirefliesError("cancelled"));
    this.#duplexes.add(near);
    const unwatch = onAbort(signal, cancel);
    near.once("close", () => {
      unwatch();
      this.#duplexes.delete(near);
    });
    queueMicrotask(() => this.#listener.accept(this.self, kind, far));
    return near;
  }

  endDuplexes(): void {
    for (const duplex of this.#duplexes) duplex.destroy(new FirefliesError("link-closed"));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener.links.delete(this);
    this.endDuplexes();
    this.#closing.abort();
  }

  onClose(listener: () => void): () => void {
    return onAbort(this.#closing.signal, listener);
  }

  #problem(): FirefliesError | undefined {
    if (this.closed) return new FirefliesError("link-closed");
    return refusalOf(this.peer, { admit: () => undefined }, this.#own);
  }
}
