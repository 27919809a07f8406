/**
 * S4: what partners can make a correct member send, check and hold stays within its budget (gossip/limits.ts). Watched:
 * - no packet is above PACKET_BYTES_MAX;
 * - per partner and gossip interval a correct member gives as many answers as full budgets, of packets and of summonses
 *   (rule R20), and one interval's refill allow, refusals apart, and starts no more calls than the first would take;
 * - per partner and monitor interval it sends no more pings than retransmission at its quickest makes, and one for each
 *   call of this interval and the one before: it may have failed;
 * - per partner and gossip interval it checks no more false signatures than one partner may have under check at once: the
 *   debt for its lies (PACKETS_PER_LIE) keeps the partner out for the intervals that follow;
 * - of what it holds: at most 4 certificates and one note and one proof per id, at most 4 k accusations per note, one
 *   revocation list; looked at once per SCAN_EVERY_MS, one member at a time, and of all at the end.
 */

import { type Output, parseStatement } from "../../gossip/index.js";
import {
  ACCUSATIONS_PER_RING_MAX,
  BATCH_CHECKS_MAX,
  BATCHES_PER_PARTNER_MAX,
  CERTIFICATES_PER_MEMBER_MAX,
  PACKET_BYTES_MAX,
  PARTNER_PACKETS_BURST,
  PARTNER_PACKETS_PER_INTERVAL,
  PARTNER_SUMMONSES_PER_INTERVAL,
} from "../../gossip/limits.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat, TrafficKind, Watcher } from "../actor.js";
import type { Ledger } from "./violation.js";
import type { Watched } from "./watched.js";

/** A refusal is a header, a kind and a short reason. */
const REFUSAL_BYTES = 64;
const CALLS_MAX = PARTNER_PACKETS_BURST + PARTNER_PACKETS_PER_INTERVAL;
const PACKETS_MAX = { call: CALLS_MAX, answer: CALLS_MAX + 2 * PARTNER_SUMMONSES_PER_INTERVAL } as const;
/** The quickest retransmission of a ping, milliseconds (gossip/detection/path.ts). */
const PING_EVERY_MS = 100;
const LIES_MAX = (BATCHES_PER_PARTNER_MAX + 1) * BATCH_CHECKS_MAX;
/** Virtual milliseconds between two looks at what a member holds. */
const SCAN_EVERY_MS = 1000;
/** Members of a simulation and their further identities, to make one key of a pair. */
const PAIR = 2 ** 24;
const STATEMENT_KINDS = 6;
const [CERTIFICATE, NOTE, ACCUSATION, PROOF, REVOCATION] = [1, 2, 3, 4, 5] as const;

/** Counts per pair of members within the present interval, and within the one before it. */
class Tally {
  readonly #intervalMs: number;
  #counts = new Map<number | string, number>();
  #before: ReadonlyMap<number | string, number> = new Map();
  #interval = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  add(key: number | string, now: number): number {
    this.#turn(now);
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }

  /** In both intervals. */
  recent(key: number | string, now: number): number {
    this.#turn(now);
    return (this.#counts.get(key) ?? 0) + (this.#before.get(key) ?? 0);
  }

  #turn(now: number): void {
    const interval = Math.floor(now / this.#intervalMs);
    if (interval === this.#interval) return;
    this.#before = interval === this.#interval + 1 ? this.#counts : new Map();
    this.#counts = new Map();
    this.#interval = interval;
  }
}

export class BudgetWatch implements Watcher {
  readonly #ledger: Ledger;
  readonly #watched: Watched;
  readonly #packets: Readonly<Record<"call" | "answer", Tally>>;
  readonly #pings: Tally;
  /** A call that fails starts a visit at once, and a visit begins with a ping. */
  readonly #calls: Tally;
  readonly #lies: Tally;
  readonly #pingsMax: number;
  /** Whose a certificate is. Views that share their statements cost one check. */
  readonly #bearers = new WeakMap<Uint8Array, MemberId>();
  #scanAt = 0;

  constructor(ledger: Ledger, watched: Watched) {
    const { gossipMs, monitorMs, ringsPerVisit } = watched.settings;
    this.#ledger = ledger;
    this.#watched = watched;
    this.#packets = { call: new Tally(gossipMs), answer: new Tally(gossipMs) };
    this.#pings = new Tally(monitorMs);
    this.#calls = new Tally(monitorMs);
    this.#lies = new Tally(gossipMs);
    // Every ring in turn may have the same successor, and each visit ends with its pong.
    this.#pingsMax = Math.ceil(monitorMs / PING_EVERY_MS) + 2 * ringsPerVisit;
  }

  sent(from: Seat, to: Seat, kind: TrafficKind, bytes: number, now: number): void {
    if (!from.isCorrect) return;
    if (kind === "call") this.#calls.add(from.number * PAIR + to.number, now);
    if (kind === "call" || kind === "answer") this.#sentPacket(from, to, kind, bytes, now);
    else if (kind === "ping") this.#sentPing(from, to, now);
  }

  told(seat: Seat, output: Output, now: number): void {
    if (output.kind !== "rejected" || output.reason !== "signature" || !seat.isCorrect || !output.from) return;
    const count = this.#lies.add(`${seat.number} ${output.from}`, now);
    if (count !== LIES_MAX + 1) return;
    this.#report(seat, now, `checked ${count} false signatures of ${output.from.slice(0, 8)} in one interval`);
  }

  afterInput(seat: Seat, now: number): void {
    if (now < this.#scanAt || !seat.isCorrect) return;
    this.#scanAt = now + SCAN_EVERY_MS;
    this.scan(seat, now);
  }

  /** Looks at what a member holds. */
  scan(seat: Seat, now: number): void {
    const counts = new Uint32Array(STATEMENT_KINDS);
    const certificatesOf = new Map<MemberId, number>();
    for (const bytes of seat.machine.statements()) {
      counts[bytes[0] ?? 0]! += 1;
      const id = bytes[0] === CERTIFICATE ? this.#bearerOf(bytes) : undefined;
      if (id) certificatesOf.set(id, (certificatesOf.get(id) ?? 0) + 1);
    }
    const [certificates, notes, accusations, proofs] = [CERTIFICATE, NOTE, ACCUSATION, PROOF].map(
      (kind) => counts[kind]!,
    );
    const accusationsMax = ACCUSATIONS_PER_RING_MAX * this.#watched.ringCount * notes!;
    for (const [id, count] of certificatesOf) {
      if (count <= CERTIFICATES_PER_MEMBER_MAX) continue;
      this.#report(seat, now, `holds ${count} certificates of ${id.slice(0, 8)}`);
    }
    if (notes! > certificates!) this.#report(seat, now, `holds ${notes} notes under ${certificates} certificates`);
    if (proofs! > certificates!) this.#report(seat, now, `holds ${proofs} proofs`);
    if (accusations! > accusationsMax)
      this.#report(seat, now, `holds ${accusations} accusations against ${notes} notes`);
    if (counts[REVOCATION]! > 1) this.#report(seat, now, `holds ${counts[REVOCATION]} revocation lists`);
  }

  #bearerOf(statement: Uint8Array): MemberId | undefined {
    const known = this.#bearers.get(statement);
    if (known) return known;
    const claim = parseStatement(statement);
    if (claim?.kind !== "certificate") return undefined;
    const verdict = this.#watched.crypto.check({ kind: "certificate", chain: claim.chain }, this.#watched.wall);
    if (!verdict.ok || !verdict.certificate) return undefined;
    this.#bearers.set(statement, verdict.certificate.id);
    return verdict.certificate.id;
  }

  #sentPing(from: Seat, to: Seat, now: number): void {
    const key = from.number * PAIR + to.number;
    const count = this.#pings.add(key, now);
    if (count !== this.#pingsMax + this.#calls.recent(key, now) + 1) return;
    this.#report(from, now, `pinged ${to.name} ${count} times in one interval`);
  }

  #sentPacket(from: Seat, to: Seat, kind: "call" | "answer", bytes: number, now: number): void {
    if (bytes > PACKET_BYTES_MAX) this.#report(from, now, `sent ${to.name} a packet of ${bytes} bytes`);
    if (kind === "answer" && bytes <= REFUSAL_BYTES) return;
    const count = this.#packets[kind].add(from.number * PAIR + to.number, now);
    if (count !== PACKETS_MAX[kind] + 1) return;
    this.#report(from, now, `sent ${to.name} ${count} packets (${kind}) in one interval`);
  }

  #report(seat: Seat, at: number, text: string): void {
    this.#ledger.add({ invariant: "S4", at, member: seat.name, text });
  }
}
