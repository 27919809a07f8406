/**
 * All that was told, and the network at any instant of it. Worlds are kept at every thousandth event, so that a jump to
 * any instant applies at most a thousand.
 */
import type { Alarm, FeedEvent, Figures, HistoryEvent, PathChange, Snapshot } from "../feed/forms.js";
import { apply, copyOf, type World, worldOf } from "./world.js";

export type Change = HistoryEvent | Alarm;
/** What a world may have seen: a path that changes is no event that anybody reads. */
export type Step = Change | PathChange;

/** Events between two kept worlds. */
export const STRIDE = 1_000;
/** How far back a live page goes. */
export const HELD_MS = 3_600_000;
/** Events of that hour: 25 a second, and about 60 MB. */
const CHANGES_MAX = 90_000;
/** Every two seconds of an hour, twice over. */
const FIGURES_MAX = 3_600;

let made = 0;

export class Timeline {
  /** No other timeline has it: revisions and turnovers count within one. */
  readonly number = ++made;
  /** Before the first event, and after each STRIDE of them. */
  #worlds: World[];
  #changes: Step[] = [];
  #figures: Figures[] = [];
  #end: number;
  readonly #isLive: boolean;
  /** The world that was asked for last, and how many events it has seen. */
  #cursor: { readonly world: World; seen: number };
  /** The newest world, from which the next is kept. */
  #newest: World;
  /** Events that have gone, so that `revision` never repeats. */
  #dropped = 0;

  /** A recording is held as a whole, a live feed for an hour. */
  constructor(snapshot: Snapshot, events: readonly FeedEvent[], { isLive }: { readonly isLive: boolean }) {
    const world = worldOf(snapshot);
    this.#worlds = [world];
    this.#cursor = { world: copyOf(world), seen: 0 };
    this.#newest = copyOf(world);
    this.#end = snapshot.at;
    this.#isLive = isLive;
    for (const event of events) this.add(event);
  }

  get start(): number {
    const first = this.#worlds[0]?.at ?? this.#end;
    return this.#isLive ? Math.max(first, this.#end - HELD_MS) : first;
  }

  /** Of the last event. */
  get end(): number {
    return this.#end;
  }

  get changes(): readonly Step[] {
    return this.#changes;
  }

  get figures(): readonly Figures[] {
    return this.#figures;
  }

  add(event: FeedEvent): void {
    // Clocks step back now and then; the order in which things were told is the one that counts.
    const at = Math.max(event.at, this.#end);
    const ordered = at === event.at ? event : { ...event, at };
    this.#end = at;
    if (ordered.event === "figures") {
      this.#figures.push(ordered);
      if (this.#isLive && this.#figures.length > FIGURES_MAX) this.#figures.splice(0, FIGURES_MAX / 2);
      return;
    }
    this.#changes.push(ordered);
    apply(this.#newest, ordered);
    if (this.#changes.length % STRIDE === 0) this.#worlds.push(copyOf(this.#newest));
    if (this.#isLive) this.#forget();
  }

  /** Events at or before this instant. */
  seenAt(at: number): number {
    return countUpTo(this.#changes, at);
  }

  /** Rises with every event that a world has seen: two worlds of this timeline with one revision are the same. */
  revisionAt(at: number): number {
    return this.#dropped + this.seenAt(at);
  }

  /** The network at an instant. It is changed by the next call: read it, do not keep it. */
  worldAt(at: number): World {
    const seen = this.seenAt(at);
    const kept = Math.floor(seen / STRIDE);
    if (this.#cursor.seen > seen || this.#cursor.seen < kept * STRIDE) {
      const base = this.#worlds[Math.min(kept, this.#worlds.length - 1)];
      if (base !== undefined) this.#cursor = { world: copyOf(base), seen: kept * STRIDE };
    }
    const { world } = this.#cursor;
    for (let index = this.#cursor.seen; index < seen; index++) apply(world, this.#changes[index]!);
    this.#cursor.seen = seen;
    return world;
  }

  /** Events after `from` and up to `to`, at most the last `most` of them; the oldest first. */
  between(from: number, to: number, most: number): readonly Change[] {
    const found: Change[] = [];
    for (let index = this.seenAt(to) - 1; index >= 0 && found.length < most; index--) {
      const step = this.#changes[index]!;
      if (step.at <= from) break;
      if (step.event !== "path") found.push(step);
    }
    return found.reverse();
  }

  /** Whole strides that are older than an hour, or too many. */
  #forget(): void {
    const isOld = this.#changes.length > 2 * STRIDE && this.#changes[STRIDE]!.at < this.#end - HELD_MS;
    if (!isOld && this.#changes.length <= CHANGES_MAX) return;
    this.#changes.splice(0, STRIDE);
    this.#worlds.shift();
    this.#dropped += STRIDE;
    this.#cursor = { world: copyOf(this.#worlds[0]!), seen: 0 };
  }
}

function countUpTo(events: readonly { readonly at: number }[], at: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle]!.at <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
