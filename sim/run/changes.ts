/**
 * How changes spread: a member crashed, left, joined or has new facts about itself, and one after the other all correct
 * members learn it. From this come the times of detection and of dissemination.
 */
import { type Output, parseAccusation } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat, SimEvent, StatementKind, Watcher } from "../actor.js";

export type ChangeKind = "crashed" | "leaving" | "described" | "joined";

/** One change on its way. Times are milliseconds since it happened. */
export interface Change {
  readonly kind: ChangeKind;
  readonly member: string;
  /** Virtual milliseconds. */
  readonly at: number;
  /** How long until a correct member first signed an accusation of it; of crashes only. */
  readonly accusedAfter: number | undefined;
  /** Ascending: when one correct member after the other knew it. One that lost it again counts by its last time. */
  readonly learnt: readonly number[];
  /** When the last correct member that was up knew it; undefined while there are others. */
  readonly everywhereAfter: number | undefined;
}

/** Changes kept: their figures need no more, and a long run makes many. */
const CHANGES_MAX = 5_000;

class Spreading {
  readonly kind: ChangeKind;
  readonly seat: Seat;
  readonly at: number;
  /** Correct members that are up and do not know it yet. */
  readonly #waiting: Set<Seat>;
  readonly #learnt = new Map<Seat, number>();
  #accusedAfter: number | undefined;
  #everywhereAfter: number | undefined;

  constructor(kind: ChangeKind, seat: Seat, at: number, others: readonly Seat[]) {
    this.kind = kind;
    this.seat = seat;
    this.at = at;
    this.#waiting = new Set(others);
  }

  /** A crashed member that came back before all had noticed: there is nothing more to learn. */
  get isOpen(): boolean {
    return this.#waiting.size > 0;
  }

  accused(now: number): void {
    this.#accusedAfter ??= now - this.at;
  }

  learn(seat: Seat, now: number): void {
    if (!this.#waiting.delete(seat)) return;
    this.#learnt.set(seat, now - this.at);
    this.#end(now);
  }

  unlearn(seat: Seat): void {
    if (this.#learnt.delete(seat)) this.#waiting.add(seat);
  }

  /** It is down or stands still: nobody waits for it. */
  without(seat: Seat, now: number): void {
    if (this.#waiting.delete(seat)) this.#end(now);
  }

  #end(now: number): void {
    if (this.#waiting.size === 0) this.#everywhereAfter = now - this.at;
  }

  record(): Change {
    const { kind, at } = this;
    const learnt = [...this.#learnt.values()].sort((a, b) => a - b);
    const everywhereAfter = this.isOpen || learnt.length === 0 ? undefined : this.#everywhereAfter;
    return { kind, member: this.seat.name, at, accusedAfter: this.#accusedAfter, learnt, everywhereAfter };
  }
}

export class Changes implements Watcher {
  readonly #members: () => readonly Seat[];
  readonly #all: Spreading[] = [];
  /** The latest of each member, while it is of interest. */
  readonly #latest = new Map<MemberId, Spreading>();
  /** What the authority put out is out at once: nothing to detect. */
  readonly #revoked = new Set<Seat>();

  constructor(members: () => readonly Seat[]) {
    this.#members = members;
  }

  /** Those of the correct, in the order in which they happened. */
  records(): Change[] {
    return this.#all.map((change) => change.record());
  }

  /** To be called just before it is told to its machine. */
  described(seat: Seat, now: number): void {
    this.#open("described", seat, now, (other) => other.machine.member(seat.id) !== undefined);
  }

  happened(event: SimEvent, now: number): void {
    if (!("seat" in event)) return;
    const { kind, seat } = event;
    if (kind === "crashed" || kind === "stalled" || kind === "leaving") {
      for (const change of this.#latest.values()) change.without(seat, now);
    }
    const knows = (other: Seat) => other.machine.member(seat.id) !== undefined;
    if (kind === "revoked") this.#revoked.add(seat);
    if (kind === "crashed" || kind === "leaving") this.#open(kind, seat, now, knows);
    else if (kind === "joined") this.#open(kind, seat, now, (other) => !knows(other));
    else if (kind === "restarted" || kind === "revoked") this.#latest.delete(seat.id);
  }

  told(seat: Seat, output: Output, now: number): void {
    if (!("member" in output) || !seat.isCorrect) return;
    const change = this.#latest.get(output.member.id);
    if (!change) return;
    const isOut = output.kind === "failed" || output.kind === "left";
    const isIn = output.kind === "joined";
    const goes = change.kind === "crashed" || change.kind === "leaving";
    if (goes ? isOut : isIn || (output.kind === "updated" && change.kind === "described")) change.learn(seat, now);
    else if (goes ? isIn : isOut) change.unlearn(seat);
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    if (type !== "accusation" || !seat.isCorrect) return;
    const accusation = parseAccusation(body);
    const change = accusation && this.#latest.get(accusation.accused);
    if (change?.kind === "crashed") change.accused(now);
  }

  #open(kind: ChangeKind, seat: Seat, now: number, waits: (other: Seat) => boolean): void {
    if (!seat.isCorrect || this.#revoked.has(seat) || this.#all.length >= CHANGES_MAX) return;
    const others = this.#members().filter((other) => {
      return other !== seat && other.isCorrect && other.state === "up" && waits(other);
    });
    // At a start as a whole all know all: nothing spreads.
    if (others.length === 0) return;
    const change = new Spreading(kind, seat, now, others);
    this.#all.push(change);
    this.#latest.set(seat.id, change);
  }
}
