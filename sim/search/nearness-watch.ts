/**
 * Measures how near a run came to breaking an invariant, and changes nothing: who stands accused in whose view and since
 * when, by what machines tell; and who is in whose view, looked at now and then.
 */
import type { Output } from "../../gossip/index.js";
import type { Seat, SimEvent, Watcher } from "../actor.js";
import { Exposure } from "../invariants/exposure.js";
import { Stops } from "../invariants/stops.js";
import type { Watched } from "../invariants/watched.js";
import type { Nearness } from "./attack.js";

/** Members of a simulation, to make one key of a pair. */
const PAIR = 2 ** 20;
/** For so many beats views have to differ until it counts fully: whatever passes on its own has passed by then. */
const PARTED_BEATS = 10;
/** Notes in a Delta at most: one each Delta / 2 (R9). */
const NOTES_PER_DELTA = 2;

interface Charge {
  readonly observer: Seat;
  readonly accused: Seat;
  readonly epoch: bigint;
  readonly since: number;
}

export class NearnessWatch implements Watcher {
  readonly #watched: Watched;
  readonly #stops: Stops;
  readonly #exposure: Exposure;
  readonly #isExposed = new Map<Seat, boolean>();
  readonly #charges = new Map<number, Charge>();
  /** Since when correct views differ about a member. */
  readonly #partedSince = new Map<Seat, number>();
  readonly #firstEpochs = new Map<Seat, bigint>();
  #longest = 0;
  #mean = 0;
  #breadth = 0;
  #parted = 0;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#stops = new Stops(watched.settings);
    this.#exposure = new Exposure(watched);
    for (const seat of watched.members) if (seat.isCorrect) this.#firstEpochs.set(seat, seat.machine.epoch);
  }

  told(observer: Seat, output: Output, now: number): void {
    if (!("member" in output) || !observer.isCorrect) return;
    const { id, epoch, suspected } = output.member;
    const accused = this.#watched.seat(id);
    if (!accused?.isCorrect) return;
    const key = observer.number * PAIR + accused.number;
    const charge = this.#charges.get(key);
    const isAccused = suspected && output.kind !== "failed" && output.kind !== "left";
    if (charge && isAccused && charge.epoch === epoch) return;
    if (charge) this.#lasted(charge, now);
    if (isAccused) this.#charges.set(key, { observer, accused, epoch, since: now });
    else this.#charges.delete(key);
  }

  happened(event: SimEvent, now: number): void {
    this.#stops.happened(event, now);
  }

  /** Looks at all views. */
  look(now: number): void {
    const views = this.#watched.members.filter(({ isCorrect, state }) => isCorrect && state === "up");
    const sums = new Map<Seat, { count: number; share: number }>();
    for (const [key, charge] of this.#charges) {
      if (charge.observer.state !== "up") {
        this.#charges.delete(key);
        continue;
      }
      const share = this.#lasted(charge, now);
      const sum = sums.get(charge.accused) ?? { count: 0, share: 0 };
      sums.set(charge.accused, { count: sum.count + 1, share: sum.share + share });
    }
    const others = Math.max(1, views.length - 1);
    for (const [accused, { count, share }] of sums) {
      if (!this.#counts(accused, now)) continue;
      this.#breadth = Math.max(this.#breadth, Math.min(1, count / others));
      this.#mean = Math.max(this.#mean, Math.min(1, share / others));
    }
    this.#compare(views, now);
  }

  nearness(now: number): Nearness {
    return {
      longest: rounded(this.#longest),
      mean: rounded(this.#mean),
      breadth: rounded(this.#breadth),
      parted: rounded(this.#parted),
      burnt: rounded(this.#burnt(now)),
    };
  }

  /** The share of the time that removes; only that counts in which the accused was there to answer. */
  #lasted({ observer, accused, since }: Charge, now: number): number {
    const from = Math.max(since, accused.backAt, observer.backAt);
    const share = Math.max(0, now - from) / this.#watched.settings.removalMs;
    if (share <= this.#longest || !this.#counts(accused, now, observer)) return Math.min(1, share);
    this.#longest = Math.min(1, share);
    return this.#longest;
  }

  /** Is it one that somebody promises something, and that is there to answer? */
  #counts(accused: Seat, now: number, observer?: Seat): boolean {
    if (accused.state !== "up" || this.#stops.isExcused(accused, now)) return false;
    const known = this.#isExposed.get(accused);
    if (known !== undefined || !observer) return known === false;
    const isExposed = this.#exposure.isExposed(accused, observer);
    this.#isExposed.set(accused, isExposed);
    return !isExposed;
  }

  #compare(views: readonly Seat[], now: number): void {
    for (const seat of this.#watched.members) {
      const others = views.filter((view) => view !== seat);
      const holding = others.filter(({ machine }) => machine.member(seat.id) !== undefined).length;
      const isParted = seat.state === "up" && holding > 0 && holding < others.length;
      const since = this.#partedSince.get(seat);
      if (!isParted) this.#partedSince.delete(seat);
      else if (since === undefined) this.#partedSince.set(seat, now);
      else {
        const beats = (now - since) / this.#watched.settings.gossipMs;
        this.#parted = Math.max(this.#parted, Math.min(1, beats / PARTED_BEATS));
      }
    }
  }

  #burnt(now: number): number {
    const most = (NOTES_PER_DELTA * Math.max(1, now)) / this.#watched.settings.deltaMs;
    const notes = [...this.#firstEpochs].map(([{ machine, startedAt }, first]) =>
      startedAt > 0 ? 0 : Number(machine.epoch - first),
    );
    return Math.min(1, Math.max(0, ...notes) / most);
  }
}

/** To thousandths: states and lists are read by people. */
function rounded(share: number): number {
  return Math.round(1_000 * share) / 1_000;
}
