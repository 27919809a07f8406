/**
 * Which members are believed to be bridges, and which of them brings a topic: by rendezvous hashing over those in the view. Any
 * member may say that it bridges; only those that the operator's rules name are believed.
 */
import type { Member } from "../../../client/index.js";
import { sha256 } from "../../../identity/index.js";
import { closest, type MemberId } from "../../../rings/index.js";
import { type AccessRule, isAllowed } from "../../access.js";

/** Topics of which it is remembered who brings them. */
const TOPICS_MAX = 4_096;

export interface BridgesOptions {
  readonly me: MemberId;
  /** Without rules no other member is believed, and this one brings everything. */
  readonly rules: readonly AccessRule[];
  /** Live members other than this one that say that they bridge. */
  readonly offering: () => readonly Member[];
  /** One of those is not believed. */
  readonly onRefused: (member: Member) => void;
}

export class Bridges {
  readonly #options: BridgesOptions;
  readonly #mine = new Map<string, boolean>();
  #believed: readonly MemberId[] | undefined;

  constructor(options: BridgesOptions) {
    this.#options = options;
  }

  /** Is the topic this bridge's to bring? */
  isMine(topic: string): boolean {
    const known = this.#mine.get(topic);
    if (known !== undefined) return known;
    const { me } = this.#options;
    const bridges = [me, ...this.#others()].map((id) => ({ id }));
    const isMine = closest(sha256, topic, bridges, 1)[0]?.id === me;
    if (this.#mine.size >= TOPICS_MAX) this.#mine.clear();
    this.#mine.set(topic, isMine);
    return isMine;
  }

  /** Somebody came, went, or says something else of itself. */
  changed(): void {
    this.#mine.clear();
    this.#believed = undefined;
  }

  #others(): readonly MemberId[] {
    if (this.#believed !== undefined) return this.#believed;
    const { offering, rules, onRefused } = this.#options;
    const believed: MemberId[] = [];
    for (const member of offering()) {
      if (isAllowed(rules, member)) believed.push(member.id);
      else onRefused(member);
    }
    this.#believed = believed;
    return believed;
  }
}
