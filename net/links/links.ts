/** The links to all members: sessions are dialled when needed, adopted when others make them, and closed when long unused. */
import { dateProblem, FirefliesError, type Identity, type MemberCertificate, titleOf } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { type Deadline, deadlineIn, withDeadline } from "../deadline.js";
import type { Dialler } from "../dialling/dialler.js";
import type { RelayFailure } from "../relays/failure.js";
import type { SessionHost } from "../session/host.js";
import type { Path } from "../session/path.js";
import type { Ending, Session } from "../session/session.js";
import type { DialError } from "../transports/dial-error.js";
import { Held, isOver } from "./held.js";
import { Keeping, type Kept } from "./keeping.js";
import { Link, type Unreached } from "./link.js";
import { Pauses } from "./pauses.js";
import { rankOf } from "./ranking.js";
import { type Destination, Reaching } from "./reaching.js";

/**
 * A session nobody used for this long is closed, milliseconds. Equal views call each neighbour once in eleven turns of all
 * rings (protocol section 5): 20 minutes with 100 rings. A new session costs as many bytes as a day of keeping one.
 */
export const LINK_IDLE_MS = 30 * 60_000;
/**
 * Sessions kept that I made; beyond them one is closed: first those that were replaced, then the longest unused. A ring
 * neighbour for each of 100 rings, and as many others.
 */
const DIALLED_MAX = 512;
/**
 * While the best session with a member is relayed, its own addresses are dialled again: after so many milliseconds, doubled
 * each time, up to the last. A firewall that is opened is no urgent news.
 */
const REDIAL_FIRST_MS = 10_000;
const REDIAL_LAST_MS = 10 * 60_000;
/** A round trip through relays that takes longer, milliseconds, has another one tried: half the earth twice takes less. */
const SLOW_MS = 750;
/** A single session between two hosts is looked at so often, milliseconds, or as often as sessions become idle. */
const LOOK_MS = 10_000;
/** Milliseconds for a link that is held open to come up: a dial (reaching.ts). */
const KEPT_TIMEOUT_MS = 3_000;
/** Links remembered: those with sessions, and of others that they were reached, or could not be. */
const LINKS_MAX = 8192;

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
  /** The last session with the member broke without the doing of either side. */
  readonly onLost?: ((id: MemberId) => void) | undefined;
  /** Milliseconds until an idle session is closed, 0 for never; LINK_IDLE_MS by default. */
  readonly idleMs?: number | undefined;
  /** Whom a link is to be held open with. */
  readonly kept?: (() => Iterable<Kept>) | undefined;
  /** Where a member is to be reached, while it is in the view. */
  readonly destinationOf?: ((id: MemberId) => Destination | undefined) | undefined;
  /** A relay has not passed on what it should: the last one on the path. */
  readonly onRelayFailed?: ((id: MemberId, path: Path, what: RelayFailure) => void) | undefined;
  /** The best path to a member has come, gone (`now` is undefined then), or is another one than before. */
  readonly onPath?: ((id: MemberId, now: Path | undefined, before: Path | undefined) => void) | undefined;
}

export class Links {
  readonly #options: LinksOptions;
  readonly #reaching: Reaching;
  readonly #keeping: Keeping;
  readonly #redials = new Pauses(REDIAL_FIRST_MS, REDIAL_LAST_MS);
  readonly #links = new Map<MemberId, Link>();
  #closed = false;

  constructor(options: LinksOptions) {
    this.#options = options;
    const { host, dialler, identity, now } = options;
    this.#reaching = new Reaching({
      ...{ host, dialler, identity, now, onRelayFailed: options.onRelayFailed },
      instead: (id, path) => this.#instead(id, path),
      keep: (session, own, addresses) => this.#keep(session, own, addresses),
      onIndirect: (id, error) => {
        this.#linkTo(id).failure = error;
      },
      onFailed: (id, error: DialError) => this.#linkTo(id).failed(error, now()),
    });
    this.#keeping = new Keeping({
      wanted: options.kept ?? (() => []),
      isThere: (id) => this.#links.get(id)?.sound !== undefined,
      reach: (to) => this.reach(to, { deadline: deadlineIn(KEPT_TIMEOUT_MS) }),
      now,
    });
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
    const held = id && this.#links.get(id)?.sound;
    if (held) held.used(this.#options.now());
    return held ? held.session : undefined;
  }

  /**
   * A session with the member, a new one if need be: when there is none, or when none answers. Rejects with a
   * FirefliesError, a DialError when dials failed.
   */
  async reach(to: Destination, { deadline, signal }: Deadline): Promise<Session> {
    const existing = this.usable(to);
    if (existing) return existing;
    this.#requireAdmitted(to.id && this.#options.certificateOf?.(to.id));
    if (to.id !== undefined) this.#linkTo(to.id);
    const dialling = this.#reaching.dial(to);
    return await withDeadline({ deadline, signal }, () => this.#firstOf(to, dialling));
  }

  /** A session that the other side has made. It is used as soon as the other side takes calls. */
  adopt(session: Session): void {
    const { certificate } = this.#options.identity();
    session.onReady(() => {
      if (!this.#closed && !this.#isRefused(session.peer)) this.#add(session, certificate, []);
    });
  }

  /** A session that I have made by other means than a dial. Returns the one to use: a better one, or this one. */
  offer(session: Session): Session {
    return this.#keep(session, this.#options.identity().certificate, []);
  }

  /** Nothing came back over a relayed session: it serves what is open on it, and its relay is the last that is asked next time. */
  blame(session: Session): void {
    const { peer, path } = session;
    const link = this.#links.get(peer.id);
    const held = link?.held.find((each) => each.session === session);
    if (path.kind !== "relayed" || !link || !held) return;
    held.isRetired = true;
    this.#failed(held, "silent");
    link.changed();
  }

  /** This relay did not lead to the member: others are asked first for a while. */
  shun(id: MemberId, path: Path): void {
    this.#reaching.blame(id, path);
  }

  #failed({ session, path }: Held, what: RelayFailure): void {
    this.#reaching.blame(session.peer.id, path);
    this.#options.onRelayFailed?.(session.peer.id, path, what);
  }

  /** Closes all sessions with a member that is gone, and forgets what was known of the way to it. */
  drop(id: MemberId): void {
    const link = this.#links.get(id);
    this.#links.delete(id);
    for (const session of link?.sessions ?? []) session.close();
  }

  /** Closes the sessions with those who are refused from now on (rule R17). */
  recheck(): void {
    for (const link of this.#links.values()) this.#cut(link, ({ session }) => this.#isRefused(session.peer));
  }

  /** The member has said something new: no reason to wait before the next dial. */
  forgive(addresses: readonly string[], id?: MemberId): void {
    this.#options.dialler.forgive(addresses, id);
  }

  /**
   * My addresses have changed: sessions over the old ones may be dead without a sign, so they are made anew. Reliable UDP
   * moves by itself, with all that is open on it: also what a relay carries that I have only such sessions with.
   */
  renew(): void {
    this.#keeping.moved();
    this.#redials.forget();
    const links = [...this.#links.values()];
    const moving = new Set(links.filter(movesByItself).map(({ id }) => id));
    const isRelayed = ({ path }: Held) => path.kind === "relayed";
    // Those that others carry first: so they are closed, not lost, and no relay is blamed.
    const moves = ({ path }: Held) => !path.isConduit && moving.has(path.via?.[0] as MemberId);
    for (const link of links) this.#cut(link, (held) => isRelayed(held) && !moves(held));
    for (const link of links) this.#cut(link, (held) => !isRelayed(held) && held.path.address.scheme !== "udx");
  }

  /** The member is to be reached at these addresses: a session to another one serves what is open on it, and nothing new. */
  moved(id: MemberId, addresses: readonly string[]): void {
    const link = this.#links.get(id);
    this.#keeping.moved(id);
    this.#redials.forget(id);
    for (const held of link?.held ?? []) if (!held.leadsTo(addresses)) held.isRetired = true;
    link?.changed();
    this.#reaching.moved(id, addresses);
  }

  /** Members that no session leads to, though one was tried. */
  *unreached(): Iterable<readonly [MemberId, Unreached]> {
    for (const [id, { unreached }] of this.#links) if (unreached) yield [id, unreached];
  }

  /** Closes what is no longer used, and makes what is to be there. To be called about once a second. */
  tidy(): void {
    if (this.#closed) return;
    const { now, idleMs = LINK_IDLE_MS } = this.#options;
    const paceMs = idleMs === 0 ? LOOK_MS : Math.min(LOOK_MS, idleMs);
    for (const link of this.#links.values()) {
      if (!link.isDue(now(), paceMs)) continue;
      this.#tidy(link);
      this.#redial(link);
    }
    this.#keeping.look();
  }

  close(): void {
    this.#closed = true;
    for (const id of [...this.#links.keys()]) this.drop(id);
  }

  /** What comes first: the dial, or a session that the other side has made. */
  #firstOf({ id }: Destination, dialling: Promise<Session>): Promise<Session> {
    return new Promise((resolve, reject) => {
      const link = id && this.#links.get(id);
      const take = (held: Held | undefined) => {
        if (!held) return false;
        unwatch();
        held.used(this.#options.now());
        resolve(held.session);
        return true;
      };
      const unwatch = link?.onChange(() => take(link.sound)) ?? (() => {});
      dialling.then(
        (session) => {
          unwatch();
          resolve(session);
        },
        (error) => {
          if (take(link?.best)) return; // Silent so far, and the only one.
          unwatch();
          reject(error);
        },
      );
    });
  }

  #instead(id: MemberId, path: Path): Session | undefined {
    const sound = this.#links.get(id)?.sound;
    return sound && rankOf(sound.path) <= rankOf(path) ? sound.session : undefined;
  }

  /** `own` is mine from before the handshake: one that was renewed meanwhile costs another session, and no more. */
  #keep(session: Session, own: MemberCertificate, addresses: readonly string[]): Session {
    if (this.#closed) {
      session.close();
      return session;
    }
    if (this.#isRefused(session.peer)) {
      session.close();
      this.#requireAdmitted(session.peer);
    }
    const link = this.#add(session, own, addresses);
    this.#makeRoom();
    return link.sound?.session ?? session;
  }

  #add(session: Session, own: MemberCertificate, addresses: readonly string[]): Link {
    const link = this.#linkTo(session.peer.id);
    const held = new Held(session, { own, addresses, now: this.#options.now() });
    link.add(held);
    session.onClose((_, ending) => {
      const isRelays = ending === "lost" && session.path.kind === "relayed" && !this.#closed && !held.isRetired;
      if (isRelays) this.#failed(held, session.isDoubtful ? "silent" : "cut");
      this.#ended(link, held, ending);
    });
    return link;
  }

  #linkTo(id: MemberId): Link {
    const link = this.#links.get(id) ?? this.#newLink(id);
    this.#links.delete(id);
    this.#links.set(id, link);
    if (this.#links.size > LINKS_MAX) this.#forgetOne();
    return link;
  }

  #newLink(id: MemberId): Link {
    const dialsFirst = this.#options.identity().certificate.id < id;
    const link: Link = new Link({
      ...{ id, dialsFirst, isCurrent: (held) => this.#isCurrent(held) },
      onPath: (now, before) => {
        if (this.#links.get(id) === link) this.#options.onPath?.(id, now, before);
      },
    });
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

  #tidy(link: Link): void {
    const { now, isHeld = () => false, idleMs = LINK_IDLE_MS } = this.#options;
    for (const held of link.held) held.look(now());
    link.changed();
    const { best } = link;
    this.#cut(link, (held) => {
      const isBest = held === best;
      if (!isBest && this.#isExpired(held)) return true;
      if (!held.isMine) return false;
      const { path, usedAt, session } = held;
      const use = { isBest, isRelayed: path.kind === "relayed", active: session.active, idleMs };
      const isKept = isBest && (isHeld(link.id) || this.#keeping.isKept(link.id));
      return isOver({ ...use, quietMs: now() - usedAt, isHeld: isKept });
    });
  }

  /** Is it reached through others? Then its own addresses are dialled again now and then, and nobody waits for that. */
  #redial({ id, best }: Link): void {
    const { now, destinationOf = () => undefined } = this.#options;
    if (best?.path.kind !== "relayed") {
      this.#redials.forget(id);
      return;
    }
    // Where I have made it, the first dial went on beside the relays. Who came through them may be dialled where I cannot be.
    const isFirst = best.path.direction === "accepted" || now() - best.since >= REDIAL_FIRST_MS;
    const isDue = this.#redials.isDue(id, now()) && isFirst;
    const to = isDue ? destinationOf(id) : undefined;
    if (to === undefined) return;
    this.#redials.tried(id, now());
    this.#reaching.dialDirectly({ ...to, id }).catch(() => {});
    this.#compare(best, to);
  }

  /** A relay may delay what it passes on. When a round trip takes long, another relay is tried, and used from then on. */
  #compare(held: Held, { addresses }: Destination): void {
    const { now } = this.#options;
    const { session } = held;
    const askedAt = now();
    session.measure?.(() => {
      if (session.closed || held.isRetired || now() - askedAt < SLOW_MS) return;
      this.#failed(held, "slow");
      const retire = () => {
        held.isRetired = true;
        this.#links.get(session.peer.id)?.changed();
      };
      this.#reaching.dialAround(session.peer.id, addresses).then(retire, () => {}); // There is no other one: it goes on.
    });
  }

  /** What is open on a session that was replaced may go on while its certificates last. */
  #isExpired({ session, own }: Held): boolean {
    const now = this.#options.wall();
    return [own, this.#currentOf(session.peer)].some((certificate) => dateProblem(certificate, now) !== undefined);
  }

  /** One that was closed in order says nothing: it was idle, or another one replaced it. */
  #ended(link: Link, held: Held, ending: Ending): void {
    if (!link.remove(held) || this.#closed || this.#links.get(link.id) !== link) return;
    if (ending === "lost" && link.best === undefined) this.#options.onLost?.(link.id);
  }

  /** Closes sessions by my own will: nobody is to look what has become of the member. */
  #cut(link: Link, isToGo: (held: Held) => boolean): void {
    for (const held of link.held.filter(isToGo)) {
      link.remove(held);
      held.session.close();
    }
  }

  #makeRoom(): void {
    const mine = [...this.#links.values()].flatMap((link) => link.held.filter(({ isMine }) => isMine));
    if (mine.length <= DIALLED_MAX) return;
    // What is open on a session is cut last.
    const isFree = ({ isSuperseded, session }: Held) => (session.active > 0 ? 0 : isSuperseded ? 2 : 1);
    const free = mine.filter(({ session }) => !this.#keeping.isKept(session.peer.id));
    const [first] = free.sort((a, b) => isFree(b) - isFree(a) || a.usedAt - b.usedAt);
    const link = first && this.#links.get(first.session.peer.id);
    if (link) this.#cut(link, (held) => held === first);
  }
}

/** Is there a way to it that moves with my address, and none that may be dead then? */
function movesByItself({ held }: Link): boolean {
  const own = held.filter(({ path }) => path.kind !== "relayed");
  return own.length > 0 && own.every(({ path }) => path.address.scheme === "udx");
}
