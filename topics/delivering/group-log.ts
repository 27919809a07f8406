/**
 * One log as a queue group shares it, seen from one of its members: who is in the group, who handles which message, and what is
 * known to be handled. A member may have several subscriptions in the group; one of them gets what is the member's.
 */
import { type MemberId, type Sha256, scoreOf } from "../../rings/index.js";
import type { HeldLog } from "../holding/held-log.js";
import { GROUP_FORMER_MAX, GROUP_FORMER_MS, GROUP_SPAN_MAX } from "../limits.js";
import type { Batch } from "../records/batch.js";
import type { Range } from "../records/packet.js";
import type { Claims } from "./claims.js";
import type { Cursor, Standing } from "./cursor.js";
import { type Membership, seedOf, together, type Worker, workerOf } from "./rendezvous.js";
import type { Subscription } from "./subscription.js";

export interface GroupLogOptions {
  readonly me: MemberId;
  readonly sha256: Sha256;
  readonly queue: string;
  readonly log: HeldLog;
  readonly claims: Claims<GroupLog>;
  /** Something is to be handled by another one, and is not known to be. */
  readonly onElsewhere: (log: GroupLog) => void;
}

/** What of one cursor changed hands. */
export interface Review {
  readonly cursor: Cursor;
  /** Mine now, and to be handed out. */
  readonly mine: readonly number[];
  /** Known to be handled. */
  readonly handled: readonly number[];
}

export class GroupLog {
  readonly queue: string;
  readonly log: HeldLog;
  readonly #options: GroupLogOptions;
  readonly #cursors = new Map<Cursor, Subscription>();
  /** Live members of the group, me among them. */
  readonly #workers = new Map<MemberId, Worker>();
  /** Those that died or left a while ago, and when: what they say of before still counts. */
  readonly #former = new Map<MemberId, { readonly worker: Worker; readonly at: number }>();
  /** What my subscriptions have handled, and the others were not told. */
  #untold: Range[] = [];
  /** The batch that was looked at last. */
  #batch: Batch | undefined;

  constructor(options: GroupLogOptions) {
    this.#options = options;
    this.queue = options.queue;
    this.log = options.log;
  }

  get cursors(): Iterable<Cursor> {
    return this.#cursors.keys();
  }

  get isEmpty(): boolean {
    return this.#cursors.size === 0;
  }

  /** The other live members of the group. */
  get others(): MemberId[] {
    return [...this.#workers.keys()].filter((id) => id !== this.#options.me);
  }

  /** The first number that any of my subscriptions is owed. */
  get first(): number {
    return this.#workers.get(this.#options.me)?.first ?? Number.POSITIVE_INFINITY;
  }

  add(cursor: Cursor, subscription: Subscription): void {
    this.#cursors.set(cursor, subscription);
    this.own();
  }

  remove(cursor: Cursor): void {
    this.#cursors.delete(cursor);
    this.own();
  }

  /** When my subscriptions take part has changed. */
  own(): void {
    const { me } = this.#options;
    if (this.isEmpty) {
      this.#workers.delete(me);
      return;
    }
    let membership: Membership | undefined;
    let first = Number.POSITIVE_INFINITY;
    for (const [cursor, { since, until = Number.POSITIVE_INFINITY }] of this.#cursors) {
      membership = together(membership, { since, until });
      first = Math.min(first, cursor.first);
    }
    this.#workers.set(me, { ...this.#workerOf(me), ...membership, first });
  }

  /** What is known of another member of the group; undefined: it is dead, or in it no more. False when that is no news. */
  update(id: MemberId, membership: Membership | undefined, now: number): boolean {
    const known = this.#workers.get(id);
    if (!membership) {
      if (!known) return false;
      this.#workers.delete(id);
      this.#remember(known, now);
      return true;
    }
    if (known?.since === membership.since && known.until === membership.until) return false;
    // One that came anew may have another part in the log; until it says so it has a part in all.
    const isSame = known?.since === membership.since;
    this.#workers.set(id, { ...this.#workerOf(id), ...membership, first: isSame ? known.first : 1 });
    this.#former.delete(id);
    return true;
  }

  /** Another member says where its part of the log begins. False when that is no news, or it is not in the group. */
  begins(id: MemberId, first: number): boolean {
    const known = this.#workers.get(id);
    if (!known || known.first === first) return false;
    this.#workers.set(id, { ...known, first });
    return true;
  }

  /** How a message stands for one of my subscriptions. */
  standing(cursor: Cursor, number: number): Standing {
    let isTaken = false;
    for (const other of this.#cursors.keys()) {
      if (other === cursor || number < other.first) continue;
      if (other.has(number)) return "handled";
      isTaken ||= other.isTaken(number);
    }
    const worker = isTaken ? undefined : workerOf(this.#workers.values(), number, this.#dateOf(number));
    if (worker?.id === this.#options.me && this.#ownerOf(number) === cursor) return "mine";
    if (worker && this.#options.claims.take(worker.id, this, number)) return "handled";
    this.#options.onElsewhere(this);
    return "elsewhere";
  }

  /** A member says that it has handled these. Which of them it was to handle; the others wait. Undefined: it is not in the group. */
  claimed(from: MemberId, { first, last }: Range, now: number): number[] | undefined {
    const worker = this.#workers.get(from) ?? this.#recall(from, now);
    if (!worker || from === this.#options.me) return undefined;
    const [low, high] = this.#span;
    const handled: number[] = [];
    for (let number = Math.max(first, low); number <= Math.min(last, high); number++) {
      if (this.log.find(number) && this.#isWorker(worker, number)) handled.push(number);
      else if (!this.#isHandled(number) && !this.#options.claims.add(from, this, number)) break;
    }
    return handled;
  }

  /** The view has changed: what was another's and is mine now, or is known to be handled now. */
  review(): Review[] {
    this.prune();
    return [...this.#cursors.keys()].map((cursor) => {
      const [mine, handled]: [number[], number[]] = [[], []];
      for (const number of cursor.elsewhere) {
        const standing = this.standing(cursor, number);
        if (standing === "mine") mine.push(number);
        else if (standing === "handled") handled.push(number);
      }
      return { cursor, mine, handled };
    });
  }

  /** What others are to handle, by who is: numbers up to `through`. */
  awaited(through: number): Map<MemberId, Range[]> {
    const numbers = new Set<number>();
    for (const cursor of this.#cursors.keys())
      for (const number of cursor.elsewhere) if (number <= through) numbers.add(number);
    const byWorker = new Map<MemberId, number[]>();
    for (const number of numbers) {
      const worker = workerOf(this.#workers.values(), number, this.#dateOf(number));
      if (!worker || worker.id === this.#options.me) continue;
      const list = byWorker.get(worker.id);
      if (list) list.push(number);
      else byWorker.set(worker.id, [number]);
    }
    return new Map([...byWorker].map(([id, list]) => [id, this.#runs(list)]));
  }

  /** Claims of what is settled here by now count no more. */
  prune(): void {
    if (!this.isEmpty) this.#options.claims.settled(this, this.#span[0] - 1);
  }

  /** The highest number that any of my subscriptions has looked at. */
  get passed(): number {
    return Math.max(0, ...Array.from(this.#cursors.keys(), ({ next }) => next - 1));
  }

  /** Is anything to be handled by others, and not known to be? */
  get isWaiting(): boolean {
    for (const cursor of this.#cursors.keys()) if (cursor.elsewhereCount > 0) return true;
    return false;
  }

  /** What of these is handled here, by whomever. */
  handledOf({ first, last }: Range): Range[] {
    const numbers: number[] = [];
    for (let number = Math.max(first, this.first); number <= Math.min(last, first + GROUP_SPAN_MAX); number++) {
      if (this.#isHandled(number)) numbers.push(number);
    }
    return this.#runs(numbers);
  }

  #isHandled(number: number): boolean {
    for (const cursor of this.#cursors.keys()) if (number >= cursor.first && cursor.has(number)) return true;
    return false;
  }

  /** One of my subscriptions has handled these: the others are to be told. */
  handled(first: number, last: number): void {
    const before = this.#untold.at(-1);
    if (before && before.last + 1 === first) this.#untold[this.#untold.length - 1] = { ...before, last };
    else this.#untold.push({ tag: this.log.name.tag, first, last });
  }

  takeUntold(): Range[] {
    const untold = this.#untold;
    this.#untold = [];
    return untold;
  }

  /** Numbers that claims may be of: behind what all my subscriptions have settled, and not too far ahead. */
  get #span(): readonly [low: number, high: number] {
    const settled = Array.from(this.#cursors.keys(), (cursor) => cursor.settled);
    return [Math.min(...settled) + 1, Math.max(...settled) + GROUP_SPAN_MAX];
  }

  /** Would it be the one, if it was live? Who died or left may have handled what was its own before. */
  #isWorker(worker: Worker, number: number): boolean {
    const isLive = this.#workers.has(worker.id);
    const workers = isLive ? this.#workers.values() : [...this.#workers.values(), worker];
    return workerOf(workers, number, this.#dateOf(number))?.id === worker.id;
  }

  /** Of my subscriptions the one that is to handle it; those that leave only when there is no other. */
  #ownerOf(number: number): Cursor | undefined {
    if (this.#cursors.size === 1) return this.#cursors.keys().next().value;
    let best: { readonly cursor: Cursor; readonly score: number } | undefined;
    for (const isLeaving of [false, true]) {
      for (const [cursor, subscription] of this.#cursors) {
        if (number < cursor.first || (subscription.until !== undefined) !== isLeaving) continue;
        const score = scoreOf({ high: subscription.number, low: 0 }, number);
        if (!best || score > best.score) best = { cursor, score };
      }
      if (best) return best.cursor;
    }
    return undefined;
  }

  /** The publisher's time of a message. Of one that is not held any more: later than anybody's coming. */
  #dateOf(number: number): number {
    if (!this.#batch || number < this.#batch.first || number > this.#batch.last) this.#batch = this.log.find(number);
    return this.#batch?.at ?? Number.MAX_SAFE_INTEGER;
  }

  #workerOf(id: MemberId): Worker {
    const known = this.#workers.get(id) ?? this.#former.get(id)?.worker;
    if (known) return known;
    const seed = seedOf(this.queue, this.log.name.tag, id, this.#options.sha256);
    return { id, seed, since: 0, until: Number.POSITIVE_INFINITY, first: 1 };
  }

  #remember(worker: Worker, now: number): void {
    if (this.#former.size >= GROUP_FORMER_MAX) this.#former.delete(this.#former.keys().next().value!);
    this.#former.set(worker.id, { worker, at: now });
  }

  #recall(id: MemberId, now: number): Worker | undefined {
    const known = this.#former.get(id);
    return known && now - known.at <= GROUP_FORMER_MS ? known.worker : undefined;
  }

  #runs(numbers: readonly number[]): Range[] {
    const { tag } = this.log.name;
    const runs: { readonly tag: typeof tag; readonly first: number; last: number }[] = [];
    for (const number of [...numbers].sort((a, b) => a - b)) {
      const run = runs.at(-1);
      if (run && run.last + 1 === number) run.last = number;
      else runs.push({ tag, first: number, last: number });
    }
    return runs;
  }
}
