/** The relays of a member that nobody can dial: chosen by the view, reserved, and named in its note. */
import type { MemberId } from "../../rings/index.js";
import { Reservation, type ReservationOptions } from "./reservation.js";
import { chosen, type Ordered } from "./selection.js";

export interface KeepingOptions extends Omit<ReservationOptions, "relay" | "onChange"> {
  /** Is this member behind a NAT? Else it needs no relays. */
  readonly isNeeded: () => boolean;
  readonly orderFor: (more: number) => Ordered;
  /** A reservation that is needed no more is kept for so long, milliseconds: others call by an older note. */
  readonly lingerMs: number;
  /** The relays that stand in the note from now on, the nearest first. */
  readonly publish: (relays: readonly MemberId[]) => void;
}

/** Reservations remembered that failed: those of relays that are asked again later. */
const FAILED_MAX = 64;
/** A first set of relays is waited for so long, milliseconds, before a part of it is named: each note costs all members. */
const GATHERING_MS = 1_000;

export class Keeping {
  readonly #options: KeepingOptions;
  readonly #reservations = new Map<MemberId, Reservation>();
  /** Since when those that are there are needed no more, milliseconds. */
  readonly #lingering = new Map<MemberId, number>();
  #wanted: readonly MemberId[] = [];
  #published = "";
  #changedAt: number | undefined;
  #soon: NodeJS.Immediate | undefined;
  #isClosed = false;

  constructor(options: KeepingOptions) {
    this.#options = options;
  }

  /** With a reservation now. */
  get held(): readonly Reservation[] {
    return [...this.#reservations.values()].filter(({ granted }) => granted !== undefined);
  }

  /** How many there should be. */
  get wanted(): number {
    return this.#wanted.length;
  }

  /** Is this member a relay of mine, or was it one a moment ago? */
  has(id: MemberId): boolean {
    const reservation = this.#reservations.get(id);
    return reservation?.granted !== undefined || reservation?.isExpected === true;
  }

  /** To be called about once a second, and when the view changes. */
  look(): void {
    if (this.#isClosed) return;
    this.#choose();
    for (const id of [...this.#wanted, ...this.#lingering.keys()]) void this.#reservations.get(id)?.look();
    this.#tell();
  }

  /** Looks soon, once for all that changes in one turn. */
  poke(): void {
    if (this.#isClosed) return;
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      this.look();
    });
  }

  close(): void {
    this.#isClosed = true;
    clearImmediate(this.#soon);
    for (const reservation of this.#reservations.values()) reservation.end();
    this.#reservations.clear();
    this.#lingering.clear();
  }

  #choose(): void {
    const given = [...this.#reservations.values()].filter(({ isGivenUp }) => isGivenUp);
    const isBad = new Set(given.map(({ relay }) => relay));
    const ordered = this.#options.isNeeded() ? this.#options.orderFor(isBad.size) : { count: 0, order: [] };
    const isHeld = (id: MemberId) => this.#reservations.get(id)?.isExpected === true;
    this.#wanted = chosen(ordered, isHeld, (id) => !isBad.has(id));
    for (const id of this.#wanted) this.#begin(id);
    for (const [id, reservation] of this.#reservations) {
      const isOfUse = this.#wanted.includes(id) || (isBad.has(id) && ordered.order.includes(id));
      if (isOfUse) this.#lingering.delete(id);
      else this.#endSoon(id, reservation);
    }
    for (const { relay } of given.slice(0, Math.max(0, given.length - FAILED_MAX))) this.#reservations.delete(relay);
  }

  #begin(id: MemberId): void {
    if (this.#reservations.has(id)) return;
    const onChange = () => this.poke();
    this.#reservations.set(id, new Reservation({ ...this.#options, relay: id, onChange }));
  }

  #endSoon(id: MemberId, reservation: Reservation): void {
    const { now, lingerMs } = this.#options;
    const since = this.#lingering.get(id) ?? now();
    this.#lingering.set(id, since);
    if (reservation.granted !== undefined && now() - since < lingerMs) return;
    reservation.end();
    this.#reservations.delete(id);
    this.#lingering.delete(id);
  }

  /** Names those that are there, or will be again; when all have answered, or have had their time. */
  #tell(): void {
    const there = this.#wanted.filter((id) => this.has(id));
    const text = there.join(" ");
    if (text === this.#published) {
      this.#changedAt = undefined;
      return;
    }
    const now = this.#options.now();
    this.#changedAt ??= now;
    const isWhole = there.length === this.#wanted.length;
    if (!isWhole && now - this.#changedAt < GATHERING_MS) return;
    this.#changedAt = undefined;
    this.#published = text;
    this.#options.publish(there);
  }
}
