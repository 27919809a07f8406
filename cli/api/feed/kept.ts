/**
 * The events of the last hour, each as the line that readers get, and the members as they were before the first of them.
 * What is too old, or too much, goes into those members: they are always where the events begin.
 */
import type { KeptEvent, MemberRecord, NewEvent } from "./form.js";
import { apply } from "./record.js";

/** For how long an event is kept, milliseconds. */
export const KEPT_MS = 3_600_000;
/** Events kept: five a second, all the hour. */
const EVENTS_MAX = 20_000;
/** Characters of their lines; with what JavaScript adds, a full hour takes some 12 MB for one member of the agent. */
const CHARACTERS_MAX = 8 * 1024 * 1024;
/** Members that are gone and still among those before the events; looked at when much has been forgotten. */
const GONE_MAX = 1_024;
/** Between two lives of an agent: the first number of a life is the time of its start in microseconds, and nobody tells a million events a second. */
const NUMBERS_PER_MS = 1_000;

export interface Kept {
  readonly sequence: number;
  readonly at: number;
  readonly event: KeptEvent["event"];
  /** JSON of the whole event. */
  readonly text: string;
}

export interface Begin {
  readonly at: number;
  readonly members: readonly MemberRecord[];
}

export class KeptEvents {
  /** Before the first event of all. */
  readonly start: number;
  #last: number;
  #events: Kept[] = [];
  /** Events at the front of the array that are gone: cut off when they are half of it. */
  #head = 0;
  #characters = 0;
  #at: number;
  #members: Map<string, MemberRecord>;

  constructor({ at, members }: Begin) {
    this.#at = at;
    this.start = NUMBERS_PER_MS * at;
    this.#last = this.start;
    this.#members = new Map(members.map((record) => [record.id, record]));
  }

  /** The number of the newest event; of none yet, what the first one's follows. */
  get last(): number {
    return this.#last;
  }

  /** A reader that has all up to this number misses none from here on. */
  get begin(): number {
    return this.#last - (this.#events.length - this.#head);
  }

  /** Forgets all, and goes on with these members after as many events that nobody has. */
  restart({ at, members }: Begin, missed: number): void {
    this.#at = at;
    this.#members = new Map(members.map((record) => [record.id, record]));
    this.#events = [];
    this.#head = 0;
    this.#characters = 0;
    this.#last += missed;
  }

  add(made: NewEvent, now: number): void {
    const sequence = this.#last + 1;
    const event = { ...made, sequence } as KeptEvent;
    const text = JSON.stringify(event);
    this.#last = sequence;
    this.#events.push({ sequence, at: event.at, event: event.event, text });
    this.#characters += text.length;
    this.#forget(now);
  }

  /** The event after this number; undefined when there is none, or it is kept no more. */
  after(sequence: number): Kept | undefined {
    const index = sequence - this.begin;
    return index < 0 ? undefined : this.#events[this.#head + index];
  }

  /** Those from a time on, and the members as they were before the first of them. */
  since(from: number, now: number): Begin & { readonly sequence: number; readonly events: readonly Kept[] } {
    this.#forget(now);
    const kept = this.#events.slice(this.#head);
    const index = kept.findIndex(({ at }) => at > from);
    const cut = index === -1 ? kept.length : index;
    const members = new Map(this.#members);
    for (const { text } of kept.slice(0, cut)) apply(members, JSON.parse(text) as KeptEvent);
    const at = Math.max(this.#at, from);
    return { at, members: [...members.values()], sequence: this.begin + cut, events: kept.slice(cut) };
  }

  #forget(now: number): void {
    const isTooMuch = () => this.#events.length - this.#head > EVENTS_MAX || this.#characters > CHARACTERS_MAX;
    for (;;) {
      const first = this.#events[this.#head];
      if (first === undefined || !(isTooMuch() || now - first.at > KEPT_MS)) break;
      this.#head += 1;
      this.#characters -= first.text.length;
      this.#at = first.at;
      apply(this.#members, JSON.parse(first.text) as KeptEvent);
    }
    if (this.#head > 0 && this.#head >= this.#events.length / 2) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
      this.#forgetGone();
    }
  }

  #forgetGone(): void {
    if (this.#members.size <= GONE_MAX) return;
    let gone = -GONE_MAX;
    for (const { gone: at } of this.#members.values()) if (at !== null) gone += 1;
    for (const [id, { gone: at }] of this.#members) {
      if (gone <= 0) return;
      if (at === null) continue;
      this.#members.delete(id);
      gone -= 1;
    }
  }
}
