/**
 * Measures how near a run came to breaking an invariant, and changes nothing: who stands accused in whose view and since
 * when, by what machines tell; and who is in whose view, looked at now and then.
 */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat, Watcher } from "../actor.js";
import type { Invariants } from "../invariants/invariants.js";
import type { Watched } from "../invariants/watched.js";
import type { Nearness } from "./attack.js";

/** Members of a simulation, to make one key of a pair. */
const PAIR = 2 ** 20;
/** For so many beats views have to differ until it counts fully: whatever passes on its own has passed by then. */
const PARTED_BEATS = 10;
/** So many notes that were accused so count fully: one is bad luck, and as many as these use up any budget for answers. */
const BLIND_NOTES = 5;
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
  readonly #checks: Invariants;
  readonly #charges = new Map<number, Charge>();
  /** How many hold each as accused, of so many that could. */
  readonly #observers = new Map<Seat, number>();
  #others = 1;
  /** Since when correct views differ about a member. */
  readonly #partedSince = new Map<Seat, number>();
  /** At which epochs each was accused in a view that differs from its own. */
  readonly #blindAt = new Map<Seat, Set<bigint>>();
  readonly #firstEpochs = new Map<Seat, bigint>();
  #longest = 0;
  #mean = 0;
  #breadth = 0;
  #parted = 0;

  /** `checks`: they know whose removal would count. */
  constructor(watched: Watched, checks: Invariants) {
    this.#watched = watched;
    this.#checks = checks;
    for (const seat of watched.members) if (seat.isCorrect) this.#firstEpochs.set(seat, seat.machine.epoch);
    this.#others = Math.max(1, this.#firstEpochs.size - 1);
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
    if (isAccused) {
      this.#charges.set(key, { observer, accused, epoch, since: now });
      this.#askAccused(observer, accused, epoch, now);
    } else this.#charges.delete(key);
    if (Boolean(charge) !== isAccused) this.#count(accused, isAccused ? 1 : -1, observer, now);
  }

  /** Does it see what this judge sees? */
  #askAccused(observer: Seat, accused: Seat, epoch: bigint, now: number): void {
    const epochs = this.#blindAt.get(accused) ?? new Set();
    if (epochs.size >= BLIND_NOTES || epochs.has(epoch) || !this.#counts(observer, accused, now)) return;
    const differ = ({ id }: Seat) => isLive(observer, id) !== isLive(accused, id);
    const isBlind = this.#watched.members.some((seat) => seat !== observer && seat !== accused && differ(seat));
    if (isBlind) this.#blindAt.set(accused, epochs.add(epoch));
  }

  #count(accused: Seat, more: number, observer: Seat, now: number): void {
    const count = (this.#observers.get(accused) ?? 0) + more;
    this.#observers.set(accused, count);
    const share = Math.min(1, count / this.#others);
    if (share > this.#breadth && this.#counts(observer, accused, now)) this.#breadth = share;
  }

  /** Looks at all views. */
  look(now: number): void {
    const views = this.#watched.members.filter(({ isCorrect, state }) => isCorrect && state === "up");
    this.#others = Math.max(1, views.length - 1);
    const sums = new Map<Seat, { readonly observer: Seat; readonly share: number }>();
    for (const [key, charge] of this.#charges) {
      if (charge.observer.state !== "up") {
        this.#charges.delete(key);
        this.#count(charge.accused, -1, charge.observer, now);
        continue;
      }
      const share = this.#lasted(charge, now);
      const { observer } = charge;
      sums.set(charge.accused, { observer, share: (sums.get(charge.accused)?.share ?? 0) + share });
    }
    for (const [accused, { observer, share }] of sums) {
      const mean = Math.min(1, share / this.#others);
      if (mean > this.#mean && this.#counts(observer, accused, now)) this.#mean = mean;
    }
    this.#compare(views, now);
  }

  nearness(now: number): Nearness {
    return {
      longest: rounded(this.#longest),
      mean: rounded(this.#mean),
      blind: Math.max(0, ...[...this.#blindAt.values()].map(({ size }) => size)) / BLIND_NOTES,
      breadth: rounded(this.#breadth),
      parted: rounded(this.#parted),
      burnt: rounded(this.#burnt(now)),
    };
  }

  /** The share of the time that removes; only that counts in which the accused was there to answer. */
  #lasted({ observer, accused, since }: Charge, now: number): number {
    const from = Math.max(since, accused.backAt, observer.backAt);
    const share = Math.max(0, now - from) / this.#watched.settings.removalMs;
    if (share <= this.#longest || !this.#counts(observer, accused, now)) return Math.min(1, share);
    this.#longest = Math.min(1, share);
    return this.#longest;
  }

  /** Would it be a broken promise, and is the accused there to answer? */
  #counts(observer: Seat, accused: Seat, now: number): boolean {
    return accused.state === "up" && this.#checks.isPromised(observer, accused, now);
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

/** Would it be passed over on a ring? */
function isLive({ machine }: Seat, id: MemberId): boolean {
  return machine.standing(id) === "live";
}

/** To thousandths: states and lists are read by people. */
function rounded(share: number): number {
  return Math.round(1_000 * share) / 1_000;
}
