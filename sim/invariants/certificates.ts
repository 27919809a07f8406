/**
 * Which certificates members held and when: whoever lets its own end, or takes a new one too late, is out by right, and
 * sees nothing that counts. A member that renews in time is not.
 */
import { equalBytes, type MemberId } from "../../rings/index.js";
import type { Seat, SimEvent } from "../actor.js";
import { type Dates, dateProblem } from "../crypto/crypto.js";

interface Held {
  readonly certificate: Dates & { readonly issuer: Uint8Array };
  /** Virtual milliseconds; the next one's beginning is its end. */
  readonly since: number;
}

/** Certificates of one member remembered, oldest forgotten first. */
const HELD_MAX = 16;

export class Certificates {
  readonly #spreadMs: number;
  readonly #held = new Map<MemberId, Held[]>();
  readonly #retired: Uint8Array[] = [];

  /** `spreadMs`: within it a new certificate has reached all, and what followed from the one before is over. */
  constructor(spreadMs: number) {
    this.#spreadMs = spreadMs;
  }

  /** The members of the beginning: a renewal is told when the certificate before it is in nobody's hands any more. */
  begin(seats: readonly Seat[]): void {
    for (const seat of seats) this.#add(seat, Number.NEGATIVE_INFINITY);
  }

  happened(event: SimEvent, now: number): void {
    if (event.kind === "issuer-retired") this.#retired.push(event.issuer);
    else if (event.kind === "renewed" || event.kind === "joined") this.#add(event.seat, now);
  }

  /** By this clock: does a member hold a certificate that is not good, or did it a moment ago? */
  isOut(seat: Seat, now: number, wall: number): boolean {
    const since = now - this.#spreadMs;
    const held = this.#held.get(seat.id) ?? [];
    return held.some(({ certificate }, index) => {
      const end = held[index + 1]?.since ?? Number.POSITIVE_INFINITY;
      return end > since && this.#isBad(certificate, wall);
    });
  }

  /** By this clock: is the certificate good that a member holds now? */
  isGood(seat: Seat, wall: number): boolean {
    return !this.#isBad(seat.certificate, wall);
  }

  /**
   * Does this clock find one of anybody, former ones too, outside of its dates? Whoever does not hold it cannot take it any
   * more, nor what is signed under it, and those who do keep it until it is forgotten (rules R8, R18): views may differ by it.
   */
  someEnded(wall: number): boolean {
    return [...this.#held.values()].some((held) => held.some(({ certificate }) => dateProblem(certificate, wall)));
  }

  #isBad({ issuer, ...dates }: Held["certificate"], wall: number): boolean {
    return dateProblem(dates, wall) !== undefined || this.#retired.some((retired) => equalBytes(retired, issuer));
  }

  #add({ id, certificate }: Seat, since: number): void {
    this.#held.set(id, [...(this.#held.get(id) ?? []), { certificate, since }].slice(-HELD_MAX));
  }
}
