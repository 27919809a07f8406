/**
 * Relays that lie, for members behind NATs (rule R21): they take reservations and let nothing through. Each is otherwise a member
 * like any other, and is monitored as one: so nobody finds it out.
 */
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";

type Does = ReturnType<NonNullable<Behaviour["relaying"]>>;

/** Virtual milliseconds for which a slow one holds what it relays: longer than a hearing's call lasts in a LAN (rule R20). */
const HELD_MS = 900;

export class RelayLiar implements Behaviour {
  readonly name: string;
  readonly #does: (actor: Actor, from: MemberId) => Does;

  constructor(name: string, does: (actor: Actor, from: MemberId) => Does) {
    this.name = name;
    this.#does = does;
  }

  relaying(actor: Actor, from: MemberId): Does {
    return this.#does(actor, from);
  }
}

/** Takes all, and passes nothing on. */
export const dropper = () => new RelayLiar("relay-dropper", () => "drop");
/** Passes everything on, so late that it helps nobody. */
export const delayer = () => new RelayLiar("relay-delayer", () => HELD_MS);
/** "Refused": as if the other one wanted nothing of its callers. */
export const refuser = () => new RelayLiar("relay-refuser", () => "refuse");
/** "Gone": as if the other one had ended. */
export const gravedigger = () => new RelayLiar("relay-gravedigger", () => "gone");
/** Lets a session come up, and then one way only: what comes back is lost, so the caller waits. */
export const oneWay = () => new RelayLiar("relay-one-way", (actor, from) => (isRelayed(actor, from) ? "drop" : "pass"));
/** Another of these every second, other callers at other times. */
export const turncoat = () =>
  new RelayLiar("relay-turncoat", (actor, from) => TURNS[(Math.floor(actor.now / 1000) + charge(from)) % TURNS.length]);

const TURNS: readonly Does[] = ["drop", HELD_MS, "refuse", "gone", "pass"];

/** Is it one of those that this relay carries? They have no address that others can dial. */
function isRelayed(actor: Actor, id: MemberId): boolean {
  const addresses = actor.machine.member(id)?.addresses ?? [];
  return addresses.some(({ text }) => text.startsWith("relay://"));
}

/** A small number of its own for each member. */
function charge(id: MemberId): number {
  return Number.parseInt(id.slice(0, 4), 16);
}
