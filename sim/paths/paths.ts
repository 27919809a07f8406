/**
 * Who can be reached how (rule R21): members behind NATs are reached over sessions that they have made themselves, and through
 * the relays with which they have a reservation. Sessions stand until one side ends, or the NAT of the side that made them
 * forgets them: then nothing passes any more, and neither side is told.
 */
import type { RelayPosition } from "../../rings/index.js";
import type { Host } from "./host.js";

/** A session, as both ends found it when it was made. */
interface Made {
  readonly callerLife: number;
  readonly calledLife: number;
  /** Of the one that made it. */
  readonly mapping: number;
}

/** Members of a simulation are fewer: a pair of them is one number. */
const PAIR = 2 ** 20;

export class Paths {
  readonly positionOf: RelayPosition;
  /** Sessions of members behind NATs, to those that they have called; and their reservations. By maker and other end. */
  readonly #sessions = new Map<number, Made>();
  readonly #reservations = new Map<number, Made>();
  /** Relayed ways that have been proven end to end, by caller, relay and called one. */
  readonly #circuits = new Map<string, Made>();

  constructor(positionOf: RelayPosition) {
    this.positionOf = positionOf;
  }

  /** A member behind a NAT has called one that it can dial. */
  called(caller: Host, called: Host): void {
    this.#sessions.set(pair(caller, called), madeNow(caller, called));
  }

  /** A relay has promised to take calls for a member. */
  reserved(member: Host, relay: Host): void {
    this.#reservations.set(pair(member, relay), madeNow(member, relay));
  }

  released(member: Host, relay: Host): void {
    this.#reservations.delete(pair(member, relay));
  }

  /** Does a relay take itself for one of this member, in this life of both? */
  isRelayOf(relay: Host, member: Host): boolean {
    return isOfNow(this.#reservations.get(pair(member, relay)), member, relay);
  }

  /** Has a member behind a NAT made a session with this one, as far as that one knows? */
  hasSession(to: Host, from: Host): boolean {
    return isOfNow(this.#sessions.get(pair(to, from)), to, from) || this.isRelayOf(from, to);
  }

  /** Nothing came back over a session: it is used no more. */
  gaveUp(to: Host, from: Host): void {
    this.#sessions.delete(pair(to, from));
  }

  /** Does what its maker's session with this one carries still arrive? */
  isAlive(to: Host, from: Host): boolean {
    const made = this.#sessions.get(pair(to, from)) ?? this.#reservations.get(pair(to, from));
    return isOfNow(made, to, from) && made?.mapping === to.mapping;
  }

  /** Have these two proven each other through this relay before? Then nothing need be opened. */
  isOpen(from: Host, relay: Host, to: Host): boolean {
    return isOfNow(this.#circuits.get(circuit(from, relay, to)), from, to);
  }

  opened(from: Host, relay: Host, to: Host): void {
    this.#circuits.set(circuit(from, relay, to), madeNow(from, to));
  }

  closed(from: Host, relay: Host, to: Host): void {
    this.#circuits.delete(circuit(from, relay, to));
  }
}

function pair(maker: Host, other: Host): number {
  return maker.number * PAIR + other.number;
}

function circuit(from: Host, relay: Host, to: Host): string {
  return `${from.number} ${relay.number}.${relay.life} ${to.number}`;
}

function madeNow(maker: Host, other: Host): Made {
  return { callerLife: maker.life, calledLife: other.life, mapping: maker.mapping };
}

/** A side that has begun anew has said so, and a host whose member has ended answers for it. One that is gone does not. */
function isOfNow(made: Made | undefined, maker: Host, other: Host): made is Made {
  const isKnownEnd = maker.state === "down" && maker.refuses;
  return !isKnownEnd && made?.callerLife === maker.life && made.calledLife === other.life;
}
