/** The links that I have made, one per member, dialled when needed and closed when long unused. */
import { dateProblem, FirefliesError, type Identity, type MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { withDeadline } from "../guard.js";
import type { Link, Transport } from "../transport.js";
import { DialHistory, mayDial } from "./dial-policy.js";
import { resolved } from "./resolve.js";

/**
 * A link nobody used for this long is closed, milliseconds. Equal views call each neighbour once in eleven turns of all
 * rings (protocol section 5): 20 minutes with 100 rings. A new link costs as many bytes as a day of keeping one.
 */
const IDLE_MS = 30 * 60_000;
/** A link that was replaced may stay for streams that are open on it, milliseconds; no longer than its certificates. */
const RETIRED_MS = 24 * 60 * 60_000;
/** Links kept; the longest unused beyond them are closed. A ring neighbour for each of 100 rings, and as many others. */
const LINKS_MAX = 512;
/** Milliseconds for one dial: longer than a handshake on a busy machine, shorter than a call's deadline. */
const DIAL_TIMEOUT_MS = 2000;

/** Whom to reach; without an id, whoever proves itself at one of the addresses. */
export interface Destination {
  readonly id?: MemberId | undefined;
  readonly addresses: readonly string[];
}

export interface LinkPoolOptions {
  readonly transport: Transport;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Mine now, after a renewal the new one. */
  readonly identity: () => Identity;
  /** Unix milliseconds by which certificates are judged. */
  readonly wall: () => number;
  /** See TransportOptions. */
  readonly current?: ((peer: MemberCertificate) => MemberCertificate) | undefined;
  /** Why nobody may talk to the bearer of a certificate at all (rules R12, R17); undefined when one may. */
  readonly refusal?: ((peer: MemberCertificate) => string | undefined) | undefined;
  /** The certificate of a member that is known. */
  readonly certificateOf?: ((id: MemberId) => MemberCertificate | undefined) | undefined;
  /** My own addresses: never dialled, and they tell whether loopback may be. */
  readonly mine: () => readonly string[];
  /** A link broke without my doing. */
  readonly onLost: (id: MemberId) => void;
}

interface Pooled {
  readonly link: Link;
  /** The certificate of mine that it was made with. */
  readonly own: MemberCertificate;
  /** That was dialled. */
  readonly address: string;
  usedAt: number;
}

export class LinkPool {
  readonly #options: LinkPoolOptions;
  readonly #links = new Map<MemberId, Pooled>();
  readonly #retired = new Set<Pooled>();
  readonly #dialling = new Map<string, Promise<Link>>();
  readonly #history = new DialHistory();
  #closed = false;

  constructor(options: LinkPoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#links.size;
  }

  /** The link to the member, if there is one that can be used. */
  linkTo({ id }: Destination): Link | undefined {
    const pooled = id && this.#links.get(id);
    if (!pooled || pooled.link.closed || !this.#isCurrent(pooled)) return undefined;
    pooled.usedAt = this.#options.now();
    return pooled.link;
  }

  /** A link to the member, a new one if need be. Rejects with a FirefliesError. */
  async reach(to: Destination, timeoutMs = DIAL_TIMEOUT_MS): Promise<Link> {
    const existing = this.linkTo(to);
    if (existing) return existing;
    this.#requireAdmitted(to.id && this.#options.certificateOf?.(to.id));
    const key = to.id ?? to.addresses.join(" ");
    const running = this.#dialling.get(key) ?? this.#dialAny(to, timeoutMs).finally(() => this.#dialling.delete(key));
    this.#dialling.set(key, running);
    return await running;
  }

  /** Closes the link to a member that is gone. */
  drop(id: MemberId): void {
    const pooled = this.#links.get(id);
    this.#links.delete(id);
    pooled?.link.close();
    for (const { link } of this.#retired) if (link.peer.id === id) link.close();
  }

  /** Closes the links to whoever is refused from now on (rule R17). */
  recheck(): void {
    for (const { link } of [...this.#links.values(), ...this.#retired]) if (this.#isRefused(link.peer)) link.close();
  }

  #isRefused(peer: MemberCertificate): boolean {
    const { refusal = () => undefined } = this.#options;
    return refusal(peer) !== undefined || refusal(this.#currentOf(peer)) !== undefined;
  }

  /** Links are for both sides to cut: what the other one would not do, I do. */
  #requireAdmitted(peer: MemberCertificate | undefined): void {
    if (peer === undefined || !this.#isRefused(peer)) return;
    throw new FirefliesError("peer-removed", `Member ${peer.id} is revoked, or has contradicted itself.`);
  }

  /** My addresses have changed: what was made from the old ones may be dead without a sign. */
  renew(): void {
    for (const id of [...this.#links.keys()]) this.drop(id);
    for (const { link } of this.#retired) link.close();
  }

  /** The member is to be called at these addresses: a link to another one serves what is open on it, and nothing new. */
  moved(id: MemberId, addresses: readonly string[]): void {
    const pooled = this.#links.get(id);
    if (pooled && !addresses.includes(pooled.address)) this.#retire(id);
  }

  forgive(addresses: readonly string[]): void {
    for (const address of addresses) this.#history.forgive(address);
  }

  closeIdle(): void {
    const now = this.#options.now();
    for (const [id, { usedAt }] of this.#links) if (now - usedAt > IDLE_MS) this.drop(id);
    for (const retired of this.#retired) if (this.#isOver(retired)) retired.link.close();
  }

  close(): void {
    this.#closed = true;
    for (const id of [...this.#links.keys()]) this.drop(id);
    for (const { link } of this.#retired) link.close();
  }

  async #dialAny(to: Destination, timeoutMs: number): Promise<Link> {
    let last = new FirefliesError("peer-unreachable", "The member has no address that may be dialled from here.");
    for (const address of to.addresses) {
      try {
        return await this.#dial(address, to.id, timeoutMs);
      } catch (error) {
        if (!(error instanceof FirefliesError)) throw error;
        last = error;
      }
    }
    throw last;
  }

  async #dial(address: string, expect: MemberId | undefined, timeoutMs: number): Promise<Link> {
    const { transport, now } = this.#options;
    this.#refuse(address, address);
    const recent = this.#history.recent(address, now(), expect);
    if (recent) throw recent;
    const target = await withDeadline({ timeoutMs }, () => resolved(address));
    this.#refuse(address, target);
    const own = this.#options.identity().certificate;
    try {
      const link = await transport.dial(target, { expect, timeoutMs });
      this.#history.forgive(address);
      return this.#keep(link, own, address);
    } catch (error) {
      this.#history.failed(address, now(), error as Error);
      throw error;
    }
  }

  #refuse(address: string, target: string): void {
    if (mayDial(target, this.#options.mine())) return;
    throw new FirefliesError("peer-unreachable", `${address} may not be dialled from here.`);
  }

  /** `own` is mine from before the handshake: one that was renewed meanwhile costs another link, and no more. */
  #keep(link: Link, own: MemberCertificate, address: string): Link {
    const { id } = link.peer;
    const existing = this.linkTo({ id, addresses: [] });
    if (this.#closed) link.close();
    if (this.#isRefused(link.peer)) {
      link.close();
      this.#requireAdmitted(link.peer);
    }
    if (existing) {
      // Dialled by address and by id at once: one link is enough.
      link.close();
      return existing;
    }
    this.#retire(id);
    this.#links.set(id, { link, own, address, usedAt: this.#options.now() });
    link.onClose(() => this.#lost(id, link));
    this.#makeRoom();
    return link;
  }

  /** Made with keys that still have a certificate: a link must not outlive them (rule R17). */
  #isCurrent({ link, own }: Pooled): boolean {
    const { identity, wall } = this.#options;
    const { certificate } = identity();
    const isMine = own === certificate || own.publicKey.equals(certificate.publicKey);
    const now = wall();
    return isMine && dateProblem(this.#currentOf(link.peer, now), now) === undefined;
  }

  #currentOf(peer: MemberCertificate, now = this.#options.wall()): MemberCertificate {
    const { current } = this.#options;
    return current !== undefined && dateProblem(peer, now) !== undefined ? current(peer) : peer;
  }

  /** What is open on a link to be replaced may go on while its certificates last. */
  #retire(id: MemberId): void {
    const pooled = this.#links.get(id);
    if (!pooled || pooled.link.closed) return;
    this.#links.delete(id);
    this.#retired.add(pooled);
    pooled.link.onClose(() => this.#retired.delete(pooled));
    const [oldest] = this.#retired;
    if (this.#retired.size > LINKS_MAX) oldest?.link.close();
  }

  #isOver({ link, own, usedAt }: Pooled): boolean {
    const { now, wall } = this.#options;
    const certificates = [own, this.#currentOf(link.peer)];
    const isExpired = certificates.some((certificate) => dateProblem(certificate, wall()) !== undefined);
    return isExpired || now() - usedAt > RETIRED_MS;
  }

  #lost(id: MemberId, link: Link): void {
    if (this.#links.get(id)?.link !== link) return;
    this.#links.delete(id);
    if (!this.#closed) this.#options.onLost(id);
  }

  #makeRoom(): void {
    if (this.#links.size <= LINKS_MAX) return;
    const [oldest] = [...this.#links].sort(([, a], [, b]) => a.usedAt - b.usedAt);
    if (oldest) this.drop(oldest[0]);
  }
}
