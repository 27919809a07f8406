/**
 * Signed statements of the last day, as they were received: accusations, the notes that they are of, the answers, and
 * contradictions. They are what an accusation is proven by later, when the machine holds none of them any more.
 *
 * Bounded as the events are: of one member by author, and of all by who has most, so that a liar pushes out its own.
 */
import { equalBytes } from "../../rings/index.js";
import { KEPT_MS } from "./shelf.js";

/** Bytes of all: an accusation has about 200, a note 300 to 8,500. */
export const STATEMENT_BYTES_MAX = 16 * 1024 * 1024;
/** Of those about one member, by one author: some dozens of accusations, or of notes without large metadata. */
export const BYTES_PER_AUTHOR_MAX = 32 * 1024;
/** Of those about one member. */
export const BYTES_PER_MEMBER_MAX = 256 * 1024;
/** When there are more, the newest of this number stay. */
const LEVEL_SHARE = 7 / 8;

export interface KeptStatement {
  /** Whom it is about. */
  readonly member: string;
  /** Who signed it. */
  readonly author: string;
  /** When it came, monotonic milliseconds: the wall clock may be set. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

export class Statements {
  /** Of each member, the oldest first. */
  readonly #byMember = new Map<string, KeptStatement[]>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** The same once: many accusations are of one note. */
  add(statement: KeptStatement): void {
    const { member, author, bytes } = statement;
    const kept = this.#byMember.get(member) ?? [];
    if (bytes.length > BYTES_PER_AUTHOR_MAX) return;
    if (kept.some((each) => each.author === author && equalBytes(each.bytes, bytes))) return;
    // A copy: what was received is a window on a whole packet.
    kept.push({ ...statement, bytes: bytes.slice() });
    this.#byMember.set(statement.member, kept);
    this.#bytes += statement.bytes.length;
    this.#thin(kept, ({ author }) => author === statement.author, BYTES_PER_AUTHOR_MAX);
    this.#thin(kept, () => true, BYTES_PER_MEMBER_MAX);
    if (this.#bytes > STATEMENT_BYTES_MAX) this.#level(STATEMENT_BYTES_MAX * LEVEL_SHARE);
  }

  /** About a member, and by it about others: with those, what they answered. Oldest first. */
  of(member: string, now: number): KeptStatement[] {
    this.expire(now);
    const found = [...this.#byMember].filter(
      ([id, kept]) => id === member || kept.some(({ author }) => author === member),
    );
    const relevant = found.flatMap(([id, kept]) =>
      kept.filter(({ author }) => id === member || author === member || author === id),
    );
    return relevant.sort((a, b) => a.at - b.at);
  }

  /** Forgets what is older than a day at `now`, monotonic milliseconds. */
  expire(now: number): void {
    for (const [member, kept] of this.#byMember) {
      while (kept[0] && kept[0].at <= now - KEPT_MS) this.#bytes -= kept.shift()!.bytes.length;
      if (kept.length === 0) this.#byMember.delete(member);
    }
  }

  /** Drops the oldest until the rest fits into `bytes`. */
  #thin(kept: KeptStatement[], isMeant: (each: KeptStatement) => boolean, max: number): void {
    let size = kept.reduce((sum, each) => sum + (isMeant(each) ? each.bytes.length : 0), 0);
    while (size > max) {
      const index = kept.findIndex(isMeant);
      const length = kept[index]!.bytes.length;
      kept.splice(index, 1);
      size -= length;
      this.#bytes -= length;
    }
  }

  #level(target: number): void {
    const all = [...this.#byMember].sort(([, a], [, b]) => sizeOf(b) - sizeOf(a));
    const share = target / all.length;
    for (const [member, kept] of all) {
      if (this.#bytes <= target) return;
      this.#thin(kept, () => true, share);
      if (kept.length === 0) this.#byMember.delete(member);
    }
  }
}

function sizeOf(kept: readonly KeptStatement[]): number {
  return kept.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
