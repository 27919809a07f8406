/**
 * Links of other members whose first messages came along with the handshake of their session (docs/protocol.md, "Message
 * frames"). A caller that loses such a link before my hello has come does not know whether I ever had it; here it stands. So
 * what was under way on a link that never came is handled as new, and that link is refused from then on, if it comes after all.
 */
import type { MemberId } from "../../rings/index.js";

/**
 * So long, milliseconds, after its caller has given it up a link may still come: its session was begun with me, so it is proven
 * within the time for handshakes (5 s), and takes early messages for as long again (net/session/limits.ts). And some to spare.
 */
export const STILL_COMES_MS = 15_000;
/** Links of one member, and members: each link is one session that it has made and had a message for. */
const LINKS_PER_MEMBER_MAX = 16;
const MEMBERS_MAX = 1_024;

interface Seen {
  /** Monotonic milliseconds, here and below. */
  readonly at: number;
  /** It had not come when its caller asked for it. */
  readonly isGivenUp: boolean;
}

interface Links {
  /** By nonce, 64 hex digits, as they came or were given up. */
  readonly seen: Map<string, Seen>;
  /** Of links that came later than this all are here. */
  since: number;
}

export class EarlyLinks {
  readonly #now: () => number;
  /** The member that was heard of last stands last. */
  readonly #byMember = new Map<MemberId, Links>();
  /** The same of all members: one that was forgotten, and one from before this process, is not known here. */
  #since: number;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  /** A link has come. False when nothing may be taken from it: its caller has given it up, or there is no room to remember it. */
  came(id: MemberId, link: string): boolean {
    const links = this.#of(id);
    return links !== undefined && !links.seen.has(link) && this.#remember(id, links, link, false);
  }

  /** True when the link, which was not begun before `begunAt`, has never come; then it never will. False when that is not known. */
  neverCame(id: MemberId, link: string, begunAt: number): boolean {
    const links = this.#of(id);
    const seen = links?.seen.get(link);
    if (seen !== undefined || links === undefined) return seen?.isGivenUp === true;
    return begunAt > Math.max(this.#since, links.since) && this.#remember(id, links, link, true);
  }

  #remember(id: MemberId, links: Links, link: string, isGivenUp: boolean): boolean {
    const [oldest] = links.seen;
    if (oldest !== undefined && links.seen.size >= LINKS_PER_MEMBER_MAX) {
      const [forgotten, { at }] = oldest;
      if (!this.#isOver(at)) return false;
      links.seen.delete(forgotten);
      links.since = at;
    }
    links.seen.set(link, { at: this.#now(), isGivenUp });
    this.#byMember.delete(id);
    this.#byMember.set(id, links);
    return true;
  }

  /** Undefined when there is no room for another member. */
  #of(id: MemberId): Links | undefined {
    const known = this.#byMember.get(id);
    if (known !== undefined) return known;
    const [oldest] = this.#byMember;
    if (oldest !== undefined && this.#byMember.size >= MEMBERS_MAX) {
      const [forgotten, { seen }] = oldest;
      const newest = Math.max(...[...seen.values()].map(({ at }) => at));
      if (!this.#isOver(newest)) return undefined;
      this.#byMember.delete(forgotten);
      this.#since = newest;
    }
    return { seen: new Map(), since: Number.NEGATIVE_INFINITY };
  }

  #isOver(at: number): boolean {
    return this.#now() - at >= STILL_COMES_MS;
  }
}
