/**
 * The events that are kept: those of a day, within bounds. What floods is dropped first: of one member the oldest of what
 * it has most of (one kind, by one other), and of all members from those that have most. So a liar that accuses, or is
 * rejected, a thousand times a minute pushes out its own events, and nobody else's.
 */
import type { HistoryEvent } from "./event.js";

/** An alarm of the night is looked at in the morning, milliseconds. */
export const KEPT_MS = 24 * 60 * 60 * 1000;
/** Events of all members: about 4 MB, and 16 MB if every reason and path has its full length. */
export const EVENTS_MAX = 16_384;
/** Events about one member: some dozens of accusations with all that follows from each. */
export const EVENTS_PER_MEMBER_MAX = 256;
/** When there are too many, this number stays: levelling looks at all members, so it is not done for each event. */
const LEVEL_SHARE = 7 / 8;

export class Shelf {
  /** By sequence, which is also the order of time. */
  readonly #events = new Map<number, HistoryEvent>();
  /** When each came, monotonic milliseconds: the wall clock may be set. */
  readonly #cameAt = new Map<number, number>();
  /** The sequences of each member, oldest first. */
  readonly #byMember = new Map<string, Set<number>>();

  get size(): number {
    return this.#events.size;
  }

  /** The sequence of the oldest that is kept. */
  get first(): number | undefined {
    return this.#events.keys().next().value;
  }

  get(sequence: number): HistoryEvent | undefined {
    return this.#events.get(sequence);
  }

  /** In order. */
  all(): Iterable<HistoryEvent> {
    return this.#events.values();
  }

  /** About one member, in order. */
  of(member: string): HistoryEvent[] {
    return [...(this.#byMember.get(member) ?? [])].map((sequence) => this.#events.get(sequence)!);
  }

  members(): string[] {
    return [...this.#byMember.keys()];
  }

  /** Events come in order of their sequence. `now`: monotonic milliseconds. */
  add(event: HistoryEvent, now: number): void {
    this.expire(now);
    this.#events.set(event.sequence, event);
    this.#cameAt.set(event.sequence, now);
    const mine = this.#byMember.get(event.member) ?? new Set();
    this.#byMember.set(event.member, mine.add(event.sequence));
    if (mine.size > EVENTS_PER_MEMBER_MAX) this.#thin(mine, event.member);
    if (this.#events.size > EVENTS_MAX) this.#level(EVENTS_MAX * LEVEL_SHARE);
  }

  /** Forgets what is older than a day at `now`, monotonic milliseconds. */
  expire(now: number): void {
    for (const event of this.#events.values()) {
      if (this.#cameAt.get(event.sequence)! > now - KEPT_MS) return;
      this.#drop(event);
    }
  }

  /** Drops the oldest of what a member has most of. */
  #thin(mine: ReadonlySet<number>, member: string): void {
    const counts = new Map<string, number>();
    let largest = "";
    for (const event of this.of(member)) {
      const group = groupOf(event);
      const count = (counts.get(group) ?? 0) + 1;
      counts.set(group, count);
      if (count > (counts.get(largest) ?? 0)) largest = group;
    }
    for (const sequence of mine) {
      const event = this.#events.get(sequence)!;
      if (groupOf(event) !== largest) continue;
      this.#drop(event);
      return;
    }
  }

  /** Takes from the members that have most, until this number is left in all. */
  #level(target: number): void {
    const sizes = Array.from(this.#byMember.values(), ({ size }) => size).sort((a, b) => a - b);
    let [left, members] = [target, sizes.length];
    // Those below the even share keep all that they have, and leave the rest of theirs to the others.
    for (const size of sizes) {
      if (size > left / members) break;
      left -= size;
      members -= 1;
    }
    const share = members === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(left / members));
    for (const [member, mine] of [...this.#byMember]) while (mine.size > share) this.#thin(mine, member);
    // More members than events may be kept: the oldest go.
    for (const event of this.#events.values()) {
      if (this.#events.size <= target) return;
      this.#drop(event);
    }
  }

  #drop({ sequence, member }: HistoryEvent): void {
    this.#events.delete(sequence);
    this.#cameAt.delete(sequence);
    const mine = this.#byMember.get(member);
    mine?.delete(sequence);
    if (mine?.size === 0) this.#byMember.delete(member);
  }
}

function groupOf({ kind, by, from }: HistoryEvent): string {
  return `${kind} ${by ?? from ?? ""}`;
}
