/**
 * Which members could reach which others, now and a while ago: what the faults of the network excuse.
 *
 * A link is bad while a fault loses more of it, or holds more of it up, than the detector is made for. Two members are
 * apart when, of those whom either has good links to, fewer than half are common to both: one bad link is no excuse, as
 * statements take other ways; a cut through the network, or a member all of whose links are bad, is one. A flapping
 * fault counts as if it were always on. Faults of pings alone excuse nothing, because a member is tried over its
 * connection too; nor do faults of a minority of all links. What all links lose by the network's own settings is never
 * an excuse.
 */
import type { Seat } from "../actor.js";
import type { Fault } from "../network/fault.js";
import { haveTwoWays, type NextTo } from "./ways.js";

/** Loss that the detector is made for: 1 to 30 % both ways without a removal. */
const LOSS_EXPECTED = 0.3;
/** Of the members that either one reaches, those that both must reach. */
const COMMON_SHARE = 0.5;
/** A fault of fewer links than this share of all cuts nobody off. */
const LINKS_SHARE = 0.5;
/** States of the network remembered, oldest forgotten first. */
const SPANS_MAX = 256;

export class Links {
  readonly #deltaMs: number;
  #spans: Span[] = [];

  constructor(deltaMs: number) {
    this.#deltaMs = deltaMs;
  }

  /** The faults of the network have changed, or time begins. What ended more than `keptMs` ago is forgotten. */
  changed(faults: readonly Fault[], now: number, keptMs: number): void {
    const bad = faults.filter((fault) => isBad(fault, this.#deltaMs));
    this.#spans.push(new Span(bad, now));
    const endOf = (index: number) => this.#spans[index + 1]?.from ?? now;
    this.#spans = this.#spans.filter((_, index) => endOf(index) >= now - keptMs).slice(-SPANS_MAX);
  }

  /** Could these two not reach each other at some instant since then? */
  wereApart(a: Seat, b: Seat, members: readonly Seat[], since: number): boolean {
    return this.#someSince(since, (span) => span.areApart(a, b, members));
  }

  /**
   * Had faults left these two no two ways to each other, from ring neighbour to ring neighbour over good links, at some
   * instant since then? What is said, an answer to an accusation too, travels so; where one member or link in between carries
   * all of it, Delta does not hold. Neighbours are not counted for this: a cut through a network of three rings may leave
   * each member two or three of them, and long chains of such. Whom no fault has taken a way is not excused.
   */
  wereBarelyLinked(a: Seat, b: Seat, neighboursOf: NextTo<Seat>, since: number): boolean {
    return this.#someSince(since, (span) => span.areBarelyLinked(a, b, neighboursOf));
  }

  /**
   * Did faults, at some instant of this time, leave none of these that had a good link with both? The time ends before `until`.
   * Nobody in between: that is no fault.
   */
  wereAllCut(
    a: Seat,
    b: Seat,
    between: readonly Seat[],
    time: { readonly since: number; readonly until: number },
  ): boolean {
    if (between.length === 0) return false;
    const { since, until } = time;
    return this.#someSince(since, (span) => span.from < until && !between.some((each) => span.links(a, each, b)));
  }

  /** Was there a fault that breaks links at some instant since then? */
  wereSomeBad(since: number): boolean {
    return this.#someSince(since, (span) => span.isBad);
  }

  #someSince(since: number, test: (span: Span) => boolean): boolean {
    return this.#spans.some((span, index) => {
      const end = this.#spans[index + 1]?.from ?? Number.POSITIVE_INFINITY;
      return end > since && test(span);
    });
  }
}

/** Does it break the links that it concerns? */
function isBad({ loss = 0, delayMs = 0, delayed = 1, links = 1, kind }: Fault, deltaMs: number): boolean {
  if (kind === "datagrams" || links < LINKS_SHARE) return false;
  return loss > LOSS_EXPECTED || (delayMs >= deltaMs / 2 && delayed > LOSS_EXPECTED);
}

/** A time in which the faults did not change. Members with the same part in all of them are one class. */
class Span {
  readonly from: number;
  readonly #tables: readonly FaultTable[];
  readonly #classes: string[] = [];
  readonly #verdicts = new Map<string, boolean>();

  constructor(faults: readonly Fault[], from: number) {
    this.from = from;
    this.#tables = faults.map((fault) => new FaultTable(fault));
  }

  get isBad(): boolean {
    return this.#tables.length > 0;
  }

  areApart(a: Seat, b: Seat, members: readonly Seat[]): boolean {
    if (this.#tables.length === 0) return false;
    const key = `${this.#classOf(a)} ${this.#classOf(b)}`;
    const known = this.#verdicts.get(key);
    if (known !== undefined) return known;
    const verdict = this.#judge(a, b, members);
    this.#verdicts.set(key, verdict);
    return verdict;
  }

  areBarelyLinked(a: Seat, b: Seat, neighboursOf: NextTo<Seat>): boolean {
    if (this.#tables.length === 0) return false;
    const linkedTo = (seat: Seat) => neighboursOf(seat).filter((other) => this.#isLinked(seat, other));
    return !haveTwoWays(a, b, linkedTo) && haveTwoWays(a, b, neighboursOf);
  }

  /** Are there good links from one to the next of these three? */
  links(a: Seat, between: Seat, b: Seat): boolean {
    return this.#isLinked(a, between) && this.#isLinked(between, b);
  }

  #judge(a: Seat, b: Seat, members: readonly Seat[]): boolean {
    let common = 0;
    let either = 0;
    for (const other of members) {
      if (other.state === "down" || !other.isCorrect || other === a || other === b) continue;
      const [fromA, fromB] = [this.#isLinked(a, other), this.#isLinked(b, other)];
      if (fromA && fromB) common += 1;
      if (fromA || fromB) either += 1;
    }
    return either === 0 ? !this.#isLinked(a, b) : common < COMMON_SHARE * either;
  }

  #isLinked(a: Seat, b: Seat): boolean {
    return !this.#tables.some((table) => table.concerns(a.number, b.number) || table.concerns(b.number, a.number));
  }

  #classOf({ number }: Seat): string {
    this.#classes[number] ??= this.#tables.map((table) => table.partOf(number)).join(",");
    return this.#classes[number];
  }
}

class FaultTable {
  readonly #from: ReadonlySet<number> | undefined;
  readonly #to: ReadonlySet<number> | undefined;
  readonly #groups: ReadonlyMap<number, number> | undefined;
  readonly #bothWays: boolean;

  constructor({ from, to, between, bothWays = false }: Fault) {
    this.#from = from && new Set(from.map(({ number }) => number));
    this.#to = to && new Set(to.map(({ number }) => number));
    this.#groups =
      between && new Map(between.flatMap((group, index) => group.map(({ number }) => [number, index] as const)));
    this.#bothWays = bothWays;
  }

  concerns(from: number, to: number): boolean {
    if (this.#groups) {
      const [mine, other] = [this.#groups.get(from), this.#groups.get(to)];
      if (mine === undefined || other === undefined || mine === other) return false;
    }
    return this.#matches(from, to) || (this.#bothWays && this.#matches(to, from));
  }

  /** Two members with the same word are concerned alike. */
  partOf(number: number): string {
    const from = this.#from?.has(number) ? "f" : "";
    const to = this.#to?.has(number) ? "t" : "";
    return `${from}${to}${this.#groups?.get(number) ?? ""}`;
  }

  #matches(from: number, to: number): boolean {
    return (this.#from?.has(from) ?? true) && (this.#to?.has(to) ?? true);
  }
}
