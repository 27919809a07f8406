/**
 * S1: no correct, reachable member leaves any correct view, at no instant.
 *
 * Watched is what machines tell: "failed" for any reason, or "left", of a correct member by a correct one that is itself
 * neither revoked nor leaving. The member was not reachable, and its removal is excused, only when
 * - it had crashed, or it stood still, in all, for longer than removalMs - Delta (shorter stalls leave it the time to
 *   answer, so they excuse nothing), and that is over for less than removalMs + Delta + one monitor interval;
 * - it is leaving, or the authority has revoked it;
 * - by the observer's clock, with the tolerated difference, its certificate has ended or is not valid yet; or the issuer of
 *   that is retired; or it took its present one less than that time ago, and the one before was such (certificates.ts). For
 *   an observer that stood still, and has not for Delta at most, the time ends when that began;
 * - for the observer only: faults put into the network have stood between the two within that same time (links.ts). The
 *   loss, latency, duplication and reordering that all links have are never an excuse;
 * - it sits behind a NAT, and within that time such faults have left none of the correct relays that it named then a good link
 *   to both of them (relays-held.ts);
 * - such faults have left the two fewer than two ways to each other, over correct ring neighbours, within that time;
 * - more than t of its rings are held by liars (exposure.ts), or it sits behind a NAT and all its relays are liars: counted
 *   apart, because a count of rings or relays allows for it.
 *
 * What such a member itself sees is no correct view either, by a clock that is right or by its own. That the observer itself had stalled, that clocks were skewed, that others crashed by the dozen, or that liars were at
 * work excuses nothing.
 */
import type { Output } from "../../gossip/index.js";
import type { Seat, SimEvent, StatementKind, Watcher } from "../actor.js";
import type { Certificates } from "./certificates.js";
import { Exposure } from "./exposure.js";
import { Links } from "./links.js";
import { RelayTimes } from "./relays-held.js";
import { aftermathMs, Stops } from "./stops.js";
import type { Ledger } from "./violation.js";
import type { Watched } from "./watched.js";

type Farewell = Extract<Output, { kind: "failed" | "left" }>;

export interface RemovalsOptions {
  /** Members with more than t rings in the hands of liars: counted like the others, when true. */
  readonly countExposed: boolean;
}

export class Removals implements Watcher {
  readonly #ledger: Ledger;
  readonly #watched: Watched;
  readonly #options: RemovalsOptions;
  readonly #stops: Stops;
  readonly #links: Links;
  readonly #relays = new RelayTimes();
  readonly #exposure: Exposure;
  readonly #certificates: Certificates;
  #exposed = 0;

  constructor(ledger: Ledger, watched: Watched, certificates: Certificates, options: RemovalsOptions) {
    this.#ledger = ledger;
    this.#certificates = certificates;
    this.#watched = watched;
    this.#options = options;
    this.#stops = new Stops(watched.settings);
    this.#links = new Links(watched.settings.deltaMs);
    this.#exposure = new Exposure(watched);
    this.#remember(watched.now);
    for (const seat of watched.members) this.#see(seat, watched.now);
  }

  /** Removals of exposed members, which are no violations. */
  get exposed(): number {
    return this.#exposed;
  }

  told(observer: Seat, output: Output, now: number): void {
    if (output.kind !== "failed" && output.kind !== "left") return;
    const lost = this.#isView(observer, now) ? this.#watched.seat(output.member.id) : undefined;
    if (lost?.isCorrect && !this.#isExcused(observer, lost, now)) this.#violated(observer, lost, output, now);
  }

  /** A member's relays are those of its notes: it signs another one when they change. */
  signed(seat: Seat, type: StatementKind, _body: Uint8Array, now: number): void {
    if (type === "note") this.#see(seat, now);
  }

  happened(event: SimEvent, now: number): void {
    this.#stops.happened(event, now);
    if (event.kind === "network") this.#remember(now);
  }

  #see(seat: Seat, now: number): void {
    if (this.#watched.isBehindNat(seat)) this.#relays.saw(seat, this.#watched.relaysOf(seat), now);
  }

  #remember(now: number): void {
    const { network, settings } = this.#watched;
    this.#links.changed(network.faults, now, aftermathMs(settings));
  }

  /** Would it be a violation if this view lost this member now? */
  isPromised(observer: Seat, member: Seat, now: number): boolean {
    if (!member.isCorrect || !this.#isView(observer, now) || this.#isExcused(observer, member, now)) return false;
    return this.#options.countExposed || !this.#isExposed(member, observer);
  }

  #isView(observer: Seat, now: number): boolean {
    if (!observer.isCorrect || this.#stops.isOutcast(observer)) return false;
    return ![observer.wall, this.#watched.wall].some((wall) => this.#certificates.isOut(observer, now, wall));
  }

  #isExcused(observer: Seat, lost: Seat, now: number): boolean {
    const { members, settings } = this.#watched;
    const since = now - aftermathMs(settings);
    // Who stood still a moment ago has not heard of a renewal that others heard meanwhile.
    const heardUntil = Math.min(now, this.#stops.deafSince(observer, now - settings.deltaMs));
    if (this.#stops.isExcused(lost, now) || this.#certificates.isOut(lost, heardUntil, observer.wall)) return true;
    if (this.#links.wereApart(observer, lost, members, since)) return true;
    if (this.#wasWithoutRelays(lost, observer, since)) return true;
    return this.#links.wereBarelyLinked(lost, observer, this.#exposure.correctNeighbours(observer), since);
  }

  /**
   * One correct relay with good links to both is enough: a try asks all of them at once, and a call all in the end (rule R21).
   * The observer needs none of its own, because it calls.
   */
  #wasWithoutRelays(lost: Seat, observer: Seat, since: number): boolean {
    return this.#relays.since(lost, since).some(({ relays, ...held }) => {
      const time = { since: Math.max(since, held.since), until: held.until };
      return this.#links.wereAllCut(
        observer,
        lost,
        relays.filter(({ isCorrect }) => isCorrect),
        time,
      );
    });
  }

  #isExposed(member: Seat, observer: Seat): boolean {
    return this.#watched.isCutOff(member) || this.#exposure.isExposed(member, observer);
  }

  #violated(observer: Seat, lost: Seat, output: Farewell, at: number): void {
    if (!this.#options.countExposed && this.#isExposed(lost, observer)) {
      this.#exposed += 1;
      return;
    }
    const reason = output.kind === "failed" ? output.reason : "left";
    const text = `out of the view of ${observer.name} as ${reason}, though it runs and is reachable`;
    this.#ledger.add({ invariant: "S1", at, member: lost.name, text });
  }
}
