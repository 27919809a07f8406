/**
 * Who is live, who subscribes to what, and where they stand on the rings: the view as topics need it. Of each topic in use the
 * live subscribers are kept, and a change costs a look at those topics, not at all members.
 */
import { type MemberId, Rings, type Sha256 } from "../../rings/index.js";
import type { Interest } from "../interest.js";
import { TOPIC_RINGS_MAX, TOPICS_CACHED_MAX } from "../limits.js";
import { Matcher } from "../matcher.js";
import { ANY_REST, isWildcard, tokensOf } from "../names.js";

/** The live subscribers of a topic, without me. */
export interface Crowd {
  readonly topic: string;
  readonly members: ReadonlySet<MemberId>;
  /** Rises with every change. */
  readonly version: number;
}

interface MutableCrowd {
  readonly topic: string;
  readonly members: Set<MemberId>;
  version: number;
  /** Which of them are my ring neighbours, at a version of crowd and rings. */
  neighbours: { readonly version: number; readonly ids: readonly MemberId[] } | undefined;
}

export interface AudienceOptions {
  readonly me: MemberId;
  readonly ringCount: number;
  readonly sha256: Sha256;
  /** All members on their rings, to start from instead of none; it is forked. */
  readonly rings?: Rings | undefined;
}

/** The rings that topics use: enough that among as many successors one is correct, in all but a few networks. */
export function topicRingCount(ringCount: number): number {
  return Math.min(ringCount, TOPIC_RINGS_MAX);
}

export class Audience {
  readonly #me: MemberId;
  /** Members that were ever live and are not forgotten; `#live` says who is. */
  readonly #rings: Rings;
  readonly #live = new Set<MemberId>();
  readonly #interests = new Map<MemberId, readonly Interest[]>();
  readonly #matcher = new Matcher<MemberId>();
  readonly #crowds = new Map<string, MutableCrowd>();

  constructor({ me, ringCount, sha256, rings }: AudienceOptions) {
    this.#me = me;
    this.#rings = rings ? rings.fork() : new Rings({ count: topicRingCount(ringCount), sha256 });
    this.#rings.add(me);
  }

  get ringCount(): number {
    return this.#rings.count;
  }

  /** Live members, me included. */
  get size(): number {
    return this.#live.size + 1;
  }

  isLive(id: MemberId): boolean {
    return this.#live.has(id);
  }

  /** Live members without me, in the order of their coming. */
  live(): Iterable<MemberId> {
    return this.#live;
  }

  interestsOf(id: MemberId): readonly Interest[] {
    return this.#interests.get(id) ?? [];
  }

  /** False when it was live already. */
  appeared(id: MemberId): boolean {
    if (id === this.#me || this.#live.has(id)) return false;
    this.#live.add(id);
    this.#rings.add(id);
    this.#refresh(id);
    return true;
  }

  gone(id: MemberId): boolean {
    if (!this.#live.delete(id)) return false;
    this.#rings.delete(id);
    this.#refresh(id);
    return true;
  }

  interested(id: MemberId, interests: readonly Interest[]): void {
    for (const { pattern } of this.interestsOf(id)) this.#matcher.delete(pattern, id);
    for (const { pattern } of interests) this.#matcher.add(pattern, id);
    if (interests.length > 0) this.#interests.set(id, interests);
    else this.#interests.delete(id);
    this.#refresh(id);
  }

  /** The live subscribers of a topic, kept up to date from now on. */
  of(topic: string): Crowd {
    return this.#crowd(topic);
  }

  /** Live members with a pattern that stands for a topic for which this one stands, too. */
  overlapping(pattern: string): MemberId[] {
    const tokens = tokensOf(pattern);
    if (!tokens.some(isWildcard)) return [...this.#crowd(pattern).members];
    const found: MemberId[] = [];
    for (const [id, interests] of this.#interests) {
      if (this.#live.has(id) && interests.some((interest) => overlap(tokens, tokensOf(interest.pattern))))
        found.push(id);
    }
    return found;
  }

  /** Others of a topic's crowd that stand next to me on the rings, in both directions; all, when they are few. */
  neighbours(topic: string): readonly MemberId[] {
    const crowd = this.#crowd(topic);
    if (crowd.members.size <= 2 * this.#rings.count) return [...crowd.members];
    const version = crowd.version + this.#rings.version;
    if (crowd.neighbours?.version !== version) {
      const ids = [...this.#rings.neighbours(this.#me, (id) => !crowd.members.has(id))];
      crowd.neighbours = { version, ids };
    }
    return crowd.neighbours.ids;
  }

  /** Up to `count` of a crowd that follow me on the rings, one a ring, each once. */
  successorsIn(crowd: Crowd, count: number): MemberId[] {
    const found = new Set<MemberId>();
    for (let ring = 1; ring <= this.#rings.count && found.size < count; ring++) {
      const next = this.#rings.successor(ring, this.#me, (id) => !crowd.members.has(id));
      if (next === undefined) break;
      found.add(next);
    }
    return [...found];
  }

  /** Live members in the order in which they follow a member on the rings: the next on each, then the ones behind those. */
  *following(of: MemberId): Generator<MemberId, void, undefined> {
    const seen = new Set<MemberId>([of]);
    for (let count = 1; seen.size <= this.#live.size && count <= this.#live.size + 1; count++) {
      for (let ring = 1; ring <= this.#rings.count; ring++) {
        const id = this.#rings.successors(ring, of, count)[count - 1];
        if (id === undefined || seen.has(id)) continue;
        seen.add(id);
        if (id !== this.#me || of !== this.#me) yield id;
      }
    }
  }

  /** The first 48 bits of a member's position on a ring. */
  position(id: MemberId, ring: number): number {
    return this.#rings.prefixes(id)[ring - 1]!;
  }

  #crowd(topic: string): MutableCrowd {
    const known = this.#crowds.get(topic);
    if (known) return known;
    const members = this.#matcher.match(topic);
    for (const id of members) if (!this.#live.has(id)) members.delete(id);
    members.delete(this.#me);
    const crowd = { topic, members, version: 0, neighbours: undefined };
    if (this.#crowds.size >= TOPICS_CACHED_MAX) this.#crowds.delete(this.#crowds.keys().next().value!);
    this.#crowds.set(topic, crowd);
    return crowd;
  }

  #refresh(id: MemberId): void {
    const matcher = new Matcher<true>();
    if (this.#live.has(id)) for (const { pattern } of this.interestsOf(id)) matcher.add(pattern, true);
    for (const crowd of this.#crowds.values()) {
      // Each pattern against each topic would be a million comparisons, as often as a liar changes its interest.
      const isIn = matcher.size > 0 && matcher.match(crowd.topic).size > 0;
      if (isIn === crowd.members.has(id)) continue;
      if (isIn) crowd.members.add(id);
      else crowd.members.delete(id);
      crowd.version += 1;
    }
  }
}

/** Is there a topic for which both patterns stand? */
function overlap(a: readonly string[], b: readonly string[]): boolean {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [left, right] = [a[index], b[index]];
    if (left === undefined || right === undefined) return false;
    if (left === ANY_REST || right === ANY_REST) return true;
    if (left !== right && !isWildcard(left) && !isWildcard(right)) return false;
  }
  return true;
}
