/** The links to all members: sessions are dialled when needed, adopted when others make them, and closed when long unused. */
import { isIP } from "node:net";
import { dateProblem, FirefliesError, type Identity, type MemberCertificate, titleOf } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { formatAddress, parseAddress } from "../address.js";
import { type Deadline, deadlineIn, withDeadline } from "../deadline.js";
import type { Dialler } from "../dialling/dialler.js";
import type { SessionHost } from "../session/host.js";
import { pathOf } from "../session/path.js";
import type { Session } from "../session/session.js";
import { DialError } from "../transports/dial-error.js";
import { type Held, Link, type Unreached } from "./link.js";

/**
 * A session nobody used for this long is closed, milliseconds. Equal views call each neighbour once in eleven turns of all
 * rings (protocol section 5): 20 minutes with 100 rings. A new session costs as many bytes as a day of keeping one.
 */
const IDLE_MS = 30 * 60_000;
/** A session that was replaced may stay for streams that are open on it, milliseconds; no longer than its certificates. */
const RETIRED_MS = 24 * 60 * 60_000;
/** Dialled sessions kept; the longest unused beyond them are closed. A ring neighbour for each of 100 rings, and as many others. */
const DIALLED_MAX = 512;
/** Links remembered: those with sessions, and of others that they were reached, or could not be. */
const LINKS_MAX = 8192;
/**
 * Milliseconds for one dial with everything in it. It serves all who wait for the member, each with a deadline of its own:
 * longer than a handshake on a busy machine, shorter than a message's deadline.
 */
const DIAL_TIMEOUT_MS = 3000;
/** Milliseconds that a dial gets before a session that the other side made is used: RFC 8305's delay between attempts. */
const REVERSE_DELAY_MS = 250;
/** Dials to a member that is reached the other way round are tried again after this pause, milliseconds. */
const REDIAL_MS = 30_000;

/** Whom to reach; without an id, the member that proves itself at one of the addresses. */
export interface Destination {
  readonly id?: MemberId | undefined;
  readonly addresses: readonly string[];
}

export interface LinksOptions {
  readonly host: Pick<SessionHost, "connect">;
  readonly dialler: Pick<Dialler, "dial" | "forgive">;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Mine now, after a renewal the new one. */
  readonly identity: () => Identity;
  /** Unix milliseconds by which certificates are judged. */
  readonly wall: () => number;
  /** The newest certificate that is held for a peer's id and key. */
  readonly current?: ((peer: MemberCertificate) => MemberCertificate) | undefined;
  /** Why nobody may talk to the owner of a certificate (rules R12, R17); undefined when one may. */
  readonly refusal?: ((peer: MemberCertificate) => string | undefined) | undefined;
  /** The certificate of a member that is known. */
  readonly certificateOf?: ((id: MemberId) => MemberCertificate | undefined) | undefined;
  /** Is something open with this member that must not be cut, though nothing passes? Then its session is never idle. */
  readonly isHeld?: ((id: MemberId) => boolean) | undefined;
  /** A session that I had dialled broke without my doing. */
  readonly onLost?: ((id: MemberId) => void) | undefined;
}

export class Links {
  readonly #options: LinksOptions;
  readonly #links = new Map<MemberId, Link>();
  readonly #retired = new Set<Held>();
  readonly #dialling = new Map<string, Promise<Session>>();
  /** When members that are reached the other way round were dialled last. */
  readonly #redialled = new WeakMap<Link, number>();
  #closed = false;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** Members with a session. */
  get size(): number {
    let size = 0;
    for (const { sessions } of this.#links.values()) size += Number(sessions.length > 0);
    return size;
  }

  /** What stands between me and this member; undefined when nothing was ever tried. */
  get(id: MemberId): Link | undefined {
    return this.#links.get(id);
  }

  /** The session to use for this member, if there is one that needs no wait. */
  usable({ id }: Destination): Session | undefined {
    const link = id && this.#links.get(id);
    if (!link) return undefined;
    const held = this.#dialledOf(link) ?? (link.isReversed ? this.#acceptedOf(link) : undefined);
    if (held) held.usedAt = this.#options.now();
    return held?.session;
  }

  /** A session with the member, a new one if need be. Rejects with a FirefliesError, a DialError when dials failed. */
  async reach(to: Destination, { deadline, signal }: Deadline): Promise<Session> {
    const existing = this.usable(to);
    if (existing) {
      this.#redial(to);
      return existing;
    }
    this.#requireAdmitted(to.id && this.#options.certificateOf?.(to.id));
    const running = this.#dial(to);
    return await withDeadline({ deadline, signal }, () => this.#firstOf(to, running));
  }

  /** A session that the other side has made. */
  adopt(session: Session): void {
    const link = this.#linkTo(session.peer.id);
    const held = this.#heldOf(session, this.#options.identity().certificate, []);
    link.accept(held);
    session.onClose(() => this.#lost(link, held));
  }

  /** A session that I have made by other means than a dial. Returns the one to use: mine before it, or this one. */
  offer(session: Session): Session {
    return this.#keep(session, this.#options.identity().certificate, []);
  }

  /** The member has used a session with me: it may be the only one that it has. */
  touch(id: MemberId): void {
    const { dialled } = this.#links.get(id) ?? {};
    if (dialled) dialled.usedAt = this.#options.now();
  }

  /** Closes all sessions with a member that is gone, and forgets what was known of the way to it. */
  drop(id: MemberId): void {
    const link = this.#links.get(id);
    this.#links.delete(id);
    for (const session of link?.sessions ?? []) session.close();
    for (const { session } of this.#retired) if (session.peer.id === id) session.close();
  }

  /** Closes the sessions with those who are refused from now on (rule R17). */
  recheck(): void {
    for (const link of this.#links.values()) this.#cut(link, ({ session }) => this.#isRefused(session.peer));
    for (const { session } of this.#retired) if (this.#isRefused(session.peer)) session.close();
  }

  /** The member has said something new: no reason to wait before the next dial. */
  forgive(addresses: readonly string[]): void {
    this.#options.dialler.forgive(addresses);
  }

  /** My addresses have changed: sessions over the old ones may be dead without a sign, so all are made anew. */
  renew(): void {
    for (const link of this.#links.values()) this.#cut(link, () => true);
  }

  /** The member is to be reached at these addresses: a session to another one serves what is open on it, and nothing new. */
  moved(id: MemberId, addresses: readonly string[]): void {
    const link = this.#links.get(id);
    const held = link?.dialled;
    if (!held || leadsTo(held, addresses)) return;
    link.lost(held);
    this.#retire(held);
  }

  /** Members that no session leads to, though one was tried. */
  *unreached(): Iterable<readonly [MemberId, Unreached]> {
    for (const [id, { unreached }] of this.#links) if (unreached) yield [id, unreached];
  }

  closeIdle(): void {
    const now = this.#options.now();
    const { isHeld = () => false } = this.#options;
    for (const link of this.#links.values()) {
      const { dialled, id } = link;
      if (dialled && now - dialled.usedAt > IDLE_MS && !isHeld(id)) this.#cut(link, (held) => held === dialled);
    }
    for (const retired of this.#retired) if (this.#isOver(retired)) retired.session.close();
  }

  close(): void {
    this.#closed = true;
    for (const id of [...this.#links.keys()]) this.drop(id);
    for (const { session } of this.#retired) session.close();
  }

  /** What comes first: the dial, or, a moment later, a session that the other side has made. */
  #firstOf({ id }: Destination, dialling: Promise<Session>): Promise<Session> {
    return new Promise((resolve, reject) => {
      const link = id && this.#links.get(id);
      let isPatient = true;
      let unwatch = () => {};
      const end = () => {
        clearTimeout(timer);
        unwatch();
      };
      const takeAccepted = () => {
        const held = link && !isPatient ? this.#acceptedOf(link) : undefined;
        if (!held) return;
        end();
        held.usedAt = this.#options.now();
        resolve(held.session);
      };
      const timer = setTimeout(() => {
        isPatient = false;
        takeAccepted();
      }, REVERSE_DELAY_MS);
      unwatch = link ? link.onChange(takeAccepted) : unwatch;
      dialling.then(
        (session) => {
          end();
          resolve(session);
        },
        (error) => {
          isPatient = false;
          takeAccepted();
          end();
          reject(error);
        },
      );
    });
  }

  /** One dial for all who ask at the same time. */
  #dial(to: Destination): Promise<Session> {
    const key = to.id ?? to.addresses.join(" ");
    const running = this.#dialling.get(key);
    if (running) return running;
    const link = to.id === undefined ? undefined : this.#linkTo(to.id);
    const session = this.#dialNow(to);
    session.catch((error: unknown) => this.#failed(link, error)).finally(() => this.#dialling.delete(key));
    this.#dialling.set(key, session);
    return session;
  }

  async #dialNow({ id, addresses }: Destination): Promise<Session> {
    const { dialler, host } = this.#options;
    const own = this.#options.identity().certificate;
    const deadline = deadlineIn(DIAL_TIMEOUT_MS);
    const session = await dialler.dial(addresses, { deadline, expect: id }, (connection, address, signal) =>
      host.connect(connection, { path: pathOf("dialled", address), expect: id, deadline, signal }),
    );
    return this.#keep(session, own, addresses);
  }

  #failed(link: Link | undefined, error: unknown): void {
    if (!link || !(error instanceof DialError) || error.reason === "cancelled") return;
    link.failed(error, this.#options.now(), this.#acceptedOf(link) !== undefined);
  }

  /** Is it reached the other way round? Then my own dial is tried now and then, and nobody waits for it. */
  #redial(to: Destination): void {
    const link = to.id && this.#links.get(to.id);
    if (!link?.isReversed) return;
    const now = this.#options.now();
    if (now - (this.#redialled.get(link) ?? Number.NEGATIVE_INFINITY) < REDIAL_MS) return;
    this.#redialled.set(link, now);
    this.#dial(to).catch(() => {}); // The link remembers it.
  }

  /** `own` is mine from before the handshake: one that was renewed meanwhile costs another session, and no more. */
  #keep(session: Session, own: MemberCertificate, addresses: readonly string[]): Session {
    const { id } = session.peer;
    if (this.#closed) {
      session.close();
      return session;
    }
    if (this.#isRefused(session.peer)) {
      session.close();
      this.#requireAdmitted(session.peer);
    }
    const link = this.#linkTo(id);
    const existing = this.#dialledOf(link);
    if (existing) {
      // Dialled by address and by id at once: one session is enough.
      session.close();
      return existing.session;
    }
    const held = this.#heldOf(session, own, addresses);
    this.#retire(link.dial(held));
    session.onClose(() => this.#lost(link, held));
    this.#makeRoom();
    return session;
  }

  #linkTo(id: MemberId): Link {
    const link = this.#links.get(id) ?? new Link(id);
    this.#links.delete(id);
    this.#links.set(id, link);
    if (this.#links.size > LINKS_MAX) this.#forgetOne();
    return link;
  }

  /** The longest untouched link without a session. */
  #forgetOne(): void {
    for (const [id, { sessions }] of this.#links) {
      if (sessions.length > 0) continue;
      this.#links.delete(id);
      return;
    }
  }

  #heldOf(session: Session, own: MemberCertificate, addresses: readonly string[]): Held {
    return { session, own, addresses, usedAt: this.#options.now() };
  }

  #dialledOf({ dialled }: Link): Held | undefined {
    return dialled && !dialled.session.closed && this.#isCurrent(dialled) ? dialled : undefined;
  }

  #acceptedOf(link: Link): Held | undefined {
    return link.accepted((held) => this.#isCurrent(held) && !this.#isRefused(held.session.peer));
  }

  #isRefused(peer: MemberCertificate): boolean {
    const { refusal = () => undefined } = this.#options;
    return refusal(peer) !== undefined || refusal(this.#currentOf(peer)) !== undefined;
  }

  /** Sessions are for both sides to cut: what the other one would not do, I do. */
  #requireAdmitted(peer: MemberCertificate | undefined): void {
    if (peer === undefined || !this.#isRefused(peer)) return;
    throw new FirefliesError("peer-removed", `Member ${titleOf(peer)} is revoked, or has contradicted itself.`);
  }

  /** Made with keys that still have a certificate: a session must not outlive them (rule R17). */
  #isCurrent({ session, own }: Held): boolean {
    const { identity, wall } = this.#options;
    const { certificate } = identity();
    const isMine = own === certificate || own.publicKey.equals(certificate.publicKey);
    const now = wall();
    return isMine && dateProblem(this.#currentOf(session.peer, now), now) === undefined;
  }

  #currentOf(peer: MemberCertificate, now = this.#options.wall()): MemberCertificate {
    const { current } = this.#options;
    return current !== undefined && dateProblem(peer, now) !== undefined ? current(peer) : peer;
  }

  /** What is open on a session to be replaced may go on while its certificates last. */
  #retire(held: Held | undefined): void {
    if (!held || held.session.closed) return;
    this.#retired.add(held);
    held.session.onClose(() => this.#retired.delete(held));
    const [oldest] = this.#retired;
    if (this.#retired.size > DIALLED_MAX) oldest?.session.close();
  }

  #isOver({ session, own, usedAt }: Held): boolean {
    const { now, wall } = this.#options;
    const certificates = [own, this.#currentOf(session.peer)];
    const isExpired = certificates.some((certificate) => dateProblem(certificate, wall()) !== undefined);
    return isExpired || now() - usedAt > RETIRED_MS;
  }

  /** A session broke. Of one that the other side made nothing follows: it may have been idle for long. */
  #lost(link: Link, held: Held): void {
    const isDialled = link.dialled === held;
    if (!link.lost(held) || this.#closed || this.#links.get(link.id) !== link) return;
    if (isDialled) this.#options.onLost?.(link.id);
  }

  /** Closes sessions by my own will: nobody is to look what has become of the member. */
  #cut(link: Link, isToGo: (held: Held) => boolean): void {
    for (const held of link.held.filter(isToGo)) {
      link.lost(held);
      held.session.close();
    }
  }

  #makeRoom(): void {
    const dialled = [...this.#links.values()].flatMap((link) => link.dialled ?? []);
    if (dialled.length <= DIALLED_MAX) return;
    const [oldest] = dialled.sort((a, b) => a.usedAt - b.usedAt);
    const link = oldest && this.#links.get(oldest.session.peer.id);
    if (link) this.#cut(link, (held) => held === oldest);
  }
}

/** Was the session dialled at one of these addresses? Of one that was dialled by a name only the name is known. */
function leadsTo({ session, addresses: dialled }: Held, addresses: readonly string[]): boolean {
  const target = formatAddress(session.path.address);
  const isName = (text: string) => isIP(parseAddress(text)?.host ?? "") === 0;
  return addresses.includes(target) || dialled.some((text) => isName(text) && addresses.includes(text));
}
