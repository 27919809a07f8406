/**
 * The failure detector: visits one monitored member after the other, and says which one to accuse (protocol section 4).
 *
 * A visit sends a ping and, after each miss, another one at the estimated round-trip timeout. Before the verdict one
 * short try over the member's main transport runs beside the last pings, because UDP alone may be blocked. Any sign of
 * life ends the visit well.
 */
import type { MemberId } from "../../rings/index.js";
import type { Attempt } from "../notice.js";
import { LocalHealth } from "./local-health.js";
import { missLimit, NEW_PATH, type Path, probeTimeoutMs, withOutcome, withRoundTrip } from "./path.js";
import type { TryOutcome } from "./verdict.js";

/** Ways remembered; the longest unused are forgotten. More than any member has successors. */
const PATHS_MAX = 4096;
/** Visits at once: one per ring would be the most that ever starts. */
const VISITS_MAX = 256;
/** A try that the driver has not ended by then has failed, milliseconds: twice its own longest deadline, and some. */
const TRY_TIMEOUT_MS = 5000;
/** The window of local health in monitor intervals: one visit in each, so twice as many as its verdict needs at least. */
const HEALTH_INTERVALS = 10;
/**
 * Misses that make a verdict beside a refused connection: the host has said that nobody listens, so pings that go
 * unanswered are no longer likely to be the network's loss. Two, because a process may be starting again at this moment.
 */
const REFUSED_MISSES = 2;
/**
 * Without pings, two tries begin so much of a monitor interval apart at least. Relays may all say at once that they have no
 * such member, while it is making new sessions with them: their word must not be faster than it is.
 */
const TRY_INTERVALS = 1 / 2;

export interface Target {
  readonly id: MemberId;
  /** The ring on which it is my successor, and the epoch of its note when the visit began. */
  readonly ring: number;
  readonly epoch: bigint;
  /** False when its note carries no address for pings: then the try alone decides. */
  readonly pingable: boolean;
}

export type Detection =
  | { readonly kind: "ping"; readonly target: MemberId; readonly nonce: bigint }
  | { readonly kind: "try"; readonly target: MemberId }
  | { readonly kind: "accuse"; readonly target: Target };

interface Visit {
  readonly target: Target;
  /** Pings sent and not answered, by nonce, with the time of sending. */
  readonly sent: Map<bigint, number>;
  misses: number;
  nextAt: number;
  attempt: Attempt;
  /** When the last try began. */
  triedAt: number;
  /** Nothing but the end of the try is waited for. */
  awaitsTry: boolean;
}

export interface DetectorOptions {
  readonly monitorMs: number;
  /** Misses that make a verdict, at least; the measured loss may ask for more (Ifrit's ping_limit). */
  readonly pingLimit: number;
  readonly nonce: () => bigint;
  /** A miss, as it counts; 0: it does not, because most are silent. `limit` of them make a verdict. */
  readonly onMissed?: ((target: Target, misses: number, limit: number, attempt: Attempt) => void) | undefined;
}

export class Detector {
  readonly #options: DetectorOptions;
  readonly #visits = new Map<MemberId, Visit>();
  readonly #paths = new Map<MemberId, Path>();
  readonly #health: LocalHealth;

  constructor(options: DetectorOptions) {
    this.#options = options;
    this.#health = new LocalHealth(HEALTH_INTERVALS * options.monitorMs);
  }

  get deadline(): number | undefined {
    if (this.#visits.size === 0) return undefined;
    let earliest: number | undefined;
    for (const { nextAt } of this.#visits.values()) earliest = Math.min(earliest ?? Infinity, nextAt);
    return earliest === Infinity ? undefined : earliest;
  }

  isVisiting(id: MemberId): boolean {
    return this.#visits.has(id);
  }

  path(id: MemberId): Path {
    return this.#paths.get(id) ?? NEW_PATH;
  }

  visit(target: Target, now: number): Detection[] {
    if (this.#visits.has(target.id) || this.#visits.size >= VISITS_MAX) return [];
    const begun = { misses: 0, nextAt: now, attempt: "none", triedAt: now, awaitsTry: false } as const;
    const visit: Visit = { target, sent: new Map(), ...begun };
    this.#visits.set(target.id, visit);
    return this.#probe(visit, now);
  }

  /** A connection to it broke or could not be made: look at once, both ways. */
  hint(target: Target, now: number): Detection[] {
    const effects = this.visit(target, now);
    const visit = this.#visits.get(target.id);
    return visit?.attempt === "none" ? [...effects, ...this.#try(visit)] : effects;
  }

  /** An authenticated pong. One that comes late, but before the verdict, is as good. */
  pong(from: MemberId, nonce: bigint, now: number): boolean {
    const visit = this.#visits.get(from);
    const sentAt = visit?.sent.get(nonce);
    if (!visit || sentAt === undefined) return false;
    this.#remember(from, withOutcome(withRoundTrip(this.path(from), now - sentAt), visit.misses === 0));
    this.#alive(from, now);
    return true;
  }

  /** The try over the main transport has ended. */
  tried(id: MemberId, outcome: TryOutcome, now: number): Detection[] {
    const visit = this.#visits.get(id);
    if (visit?.attempt !== "running") return [];
    if (outcome === "answered") {
      // Its pings were lost; of a member without pings, the tries before this one.
      const isFirst = !visit.target.pingable && visit.misses === 0;
      this.#remember(id, withOutcome(this.path(id), isFirst));
      this.#alive(id, now);
      return [];
    }
    if (outcome === "unable") {
      // Pings go to the same hosts: their silence is no better evidence.
      this.#visits.delete(id);
      return [];
    }
    visit.attempt = outcome;
    return visit.target.pingable ? this.#decide(visit, now) : this.#missed(visit, now);
  }

  /** Pings that were not answered in time: probe again, or decide. */
  tick(now: number): Detection[] {
    const effects: Detection[] = [];
    if ((this.deadline ?? Number.POSITIVE_INFINITY) > now) return effects;
    for (const visit of [...this.#visits.values()]) {
      if (visit.nextAt > now) continue;
      if (visit.awaitsTry && visit.attempt === "running") {
        effects.push(...this.tried(visit.target.id, "silent", now));
        continue;
      }
      // Without pings a miss is a failed try, and this only the pause after it.
      effects.push(...(visit.target.pingable ? this.#missed(visit, now) : this.#probe(visit, now)));
    }
    return effects;
  }

  /** My own loop was late: everybody has that much more time. */
  postpone(ms: number): void {
    for (const visit of this.#visits.values()) visit.nextAt += ms;
  }

  /** My own loop stood still: what looked like silence was mine. All visits begin again. */
  restart(now: number): Detection[] {
    const effects: Detection[] = [];
    for (const visit of this.#visits.values()) {
      visit.misses = 0;
      if (visit.attempt !== "running") visit.attempt = "none";
      effects.push(...this.#probe(visit, now));
    }
    return effects;
  }

  /** The member is no longer mine to watch, or has said something new. */
  forget(id: MemberId): void {
    this.#visits.delete(id);
  }

  #missed(visit: Visit, now: number): Detection[] {
    const { id } = visit.target;
    visit.misses += 1;
    this.#health.record(id, true, now);
    if (this.#health.isVoid(now)) {
      visit.misses = 0;
      if (visit.attempt !== "running") visit.attempt = "none";
    }
    this.#options.onMissed?.(visit.target, visit.misses, this.#limit(visit), visit.attempt);
    return this.#decide(visit, now);
  }

  #decide(visit: Visit, now: number): Detection[] {
    const { target } = visit;
    const limit = this.#limit(visit);
    if (visit.misses >= limit && (visit.attempt === "silent" || visit.attempt === "refused")) {
      this.#visits.delete(target.id);
      return [{ kind: "accuse", target }];
    }
    if (!target.pingable) return this.#pause(visit, now);
    const effects: Detection[] = [];
    if (visit.attempt === "none" && visit.misses >= limit - 1) effects.push(...this.#try(visit));
    // Beyond the limit only the running try is awaited; its end decides.
    if (visit.misses >= limit && visit.attempt === "running") this.#awaitTry(visit, now);
    else if (visit.nextAt <= now) effects.push(...this.#probe(visit, now));
    return effects;
  }

  #limit({ target, attempt }: Visit): number {
    const limit = Math.max(this.#options.pingLimit, missLimit(this.path(target.id).loss));
    return attempt === "refused" ? Math.min(limit, REFUSED_MISSES) : limit;
  }

  #pause(visit: Visit, now: number): Detection[] {
    const { monitorMs } = this.#options;
    visit.attempt = "none";
    visit.awaitsTry = false;
    const pauseEnd = now + probeTimeoutMs(this.path(visit.target.id), monitorMs);
    visit.nextAt = Math.max(pauseEnd, visit.triedAt + TRY_INTERVALS * monitorMs);
    return [];
  }

  #awaitTry(visit: Visit, now: number): void {
    visit.awaitsTry = true;
    visit.nextAt = now + TRY_TIMEOUT_MS;
  }

  #probe(visit: Visit, now: number): Detection[] {
    const { target } = visit;
    if (!target.pingable) return this.#tryAlone(visit, now);
    visit.awaitsTry = false;
    visit.nextAt = now + probeTimeoutMs(this.path(target.id), this.#options.monitorMs);
    const nonce = this.#options.nonce();
    visit.sent.set(nonce, now);
    return [{ kind: "ping", target: target.id, nonce }];
  }

  #tryAlone(visit: Visit, now: number): Detection[] {
    // The end of the try is the miss; no pings beside it.
    this.#awaitTry(visit, now);
    if (visit.attempt === "running") return [];
    visit.triedAt = now;
    return this.#try(visit);
  }

  #try(visit: Visit): Detection[] {
    visit.attempt = "running";
    return [{ kind: "try", target: visit.target.id }];
  }

  #alive(id: MemberId, now: number): void {
    this.#visits.delete(id);
    this.#health.record(id, false, now);
  }

  #remember(id: MemberId, path: Path): void {
    this.#paths.delete(id);
    this.#paths.set(id, path);
    if (this.#paths.size <= PATHS_MAX) return;
    const oldest = this.#paths.keys().next().value;
    if (oldest !== undefined) this.#paths.delete(oldest);
  }
}
