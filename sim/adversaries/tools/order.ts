/** Who stands where on the rings, by the static order of all members: what every liar can compute for itself. */
import { ACCUSER_WINDOW } from "../../../gossip/limits.js";
import { isEnabled, type MemberId, Rings } from "../../../rings/index.js";
import type { Actor, Seat } from "../../actor.js";
import { sha256 } from "../../crypto/sha256.js";

const orders = new WeakMap<readonly Seat[], Order>();

/** One for all liars of a simulation, grown as members come. */
export function orderOf(actor: Actor): Order {
  const order = orders.get(actor.everyone) ?? new Order(actor.ringCount);
  orders.set(actor.everyone, order);
  order.grow(actor.everyone);
  return order;
}

export class Order {
  readonly ringCount: number;
  readonly #rings: Rings;
  readonly #all: readonly number[];
  readonly #seats = new Map<MemberId, Seat>();
  /** Liars ask at each of their turns, and the answer is another one only when somebody has come. */
  readonly #after = new Map<number, readonly Seat[]>();
  readonly #before = new Map<number, readonly Seat[]>();
  #known = 0;

  constructor(ringCount: number) {
    this.ringCount = ringCount;
    this.#all = Array.from({ length: ringCount }, (_, index) => index + 1);
    this.#rings = new Rings({ count: ringCount, sha256 });
  }

  grow(everyone: readonly Seat[]): void {
    if (this.#known === everyone.length) return;
    this.#after.clear();
    this.#before.clear();
    for (; this.#known < everyone.length; this.#known++) {
      const seat = everyone[this.#known] as Seat;
      this.#rings.add(seat.id);
      this.#seats.set(seat.id, seat);
    }
  }

  seat(id: MemberId): Seat | undefined {
    return this.#seats.get(id);
  }

  /** The ACCUSER_WINDOW members before another on a ring, nearest first. */
  before(ring: number, of: Seat): readonly Seat[] {
    return this.#kept(this.#before, ring, of, () => this.#rings.predecessors(ring, of.id, ACCUSER_WINDOW));
  }

  /** The ACCUSER_WINDOW members after another on a ring, nearest first. */
  after(ring: number, of: Seat): readonly Seat[] {
    return this.#kept(this.#after, ring, of, () => this.#rings.successors(ring, of.id, ACCUSER_WINDOW));
  }

  /** The first member after another on a ring that is not down: whom it monitors there. */
  next(ring: number, of: Seat): Seat | undefined {
    return this.after(ring, of).find(({ state }) => state !== "down");
  }

  /** The first one before another on a ring that is not down: its monitor there. */
  last(ring: number, of: Seat): Seat | undefined {
    return this.before(ring, of).find(({ state }) => state !== "down");
  }

  /** Is the one among the ACCUSER_WINDOW before the other? */
  isNear(ring: number, one: Seat, other: Seat): boolean {
    return this.#rings.distance(ring, one.id, other.id, ACCUSER_WINDOW - 1) !== undefined;
  }

  /** Rings on which one may accuse the other by its mask: those on which it is its monitor first. */
  enabled(of: Seat): number[] {
    const { mask } = of.machine;
    return this.#all.filter((ring) => isEnabled(mask, ring));
  }

  all(): readonly number[] {
    return this.#all;
  }

  #kept(near: Map<number, readonly Seat[]>, ring: number, of: Seat, find: () => readonly MemberId[]): readonly Seat[] {
    const key = of.number * (this.ringCount + 1) + ring;
    const known = near.get(key);
    if (known) return known;
    const seats = find().flatMap((id) => this.#seats.get(id) ?? []);
    near.set(key, seats);
    return seats;
  }
}
