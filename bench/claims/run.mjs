/** What the claims' runs have in common: a simulation with liars, and what is counted while it runs. */
import { ringsNeeded } from "../../dist/rings/index.js";
import { ADVERSARIES, Simulation } from "../../dist/sim/index.js";

export const HOUR_MS = 3_600_000;

/**
 * The behaviours of every liar, by the name of an adversary as in `fireflies sim`, or of several: "mute + false-accuser".
 * "none": correct members only.
 */
export function liars(adversary) {
  const names = adversary === "none" ? [] : adversary.split(" + ");
  return () => names.map((name) => ADVERSARIES.get(name).create());
}

/** Counts what correct members were told of correct members that were up: each removal is a broken promise. */
export class Mistakes {
  suspicions = 0;
  /** Of these, by the accused: the epochs that were accused, each counted once whatever the number of views. */
  accused = new Map();
  removals = 0;
  /** Whom, and from how many views. */
  removed = new Map();
  /** Who was removed in whose view, and when: the first few. */
  found = [];

  told(seat, output, now) {
    if (!seat.isCorrect || (output.kind !== "suspected" && output.kind !== "failed")) return;
    const about = this.seats.get(output.member.id);
    if (!about?.isCorrect || this.excused?.(about, seat, now)) return;
    if (output.kind === "suspected") this.#suspicion(output.member);
    else this.#removal(seat, about, output.reason, now);
  }

  #suspicion({ id, epoch }) {
    this.suspicions += 1;
    const epochs = this.accused.get(id) ?? new Set();
    this.accused.set(id, epochs.add(epoch));
  }

  /** Members that joined later are to be judged too. */
  joined(seat) {
    this.seats.set(seat.id, seat);
  }

  #removal(seat, about, reason, now) {
    this.removals += 1;
    this.removed.set(about.id, (this.removed.get(about.id) ?? 0) + 1);
    if (this.found.length < 3) this.found.push(`${about.name} by ${seat.name} at ${Math.round(now)} (${reason})`);
  }
}

/** A whole overlay with a share f of liars, and as many rings as are planned for that share (10 % when there are none). */
export function overlay({
  n,
  f = 0,
  plannedFor = f || 0.1,
  adversary = "none",
  rings = "auto",
  seed,
  watchers = [],
  ...rest
}) {
  const simulation = new Simulation({
    members: n,
    byzantine: f,
    rings: rings === "auto" ? ringsNeeded({ members: n, byzantine: plannedFor }).rings : rings,
    seed,
    behaviours: liars(adversary),
    watchers,
    ...rest,
  });
  for (const watcher of watchers) watcher.seats = new Map(simulation.members.map((seat) => [seat.id, seat]));
  return simulation;
}

export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? undefined : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export const correctOf = (simulation) => simulation.members.filter(({ isCorrect }) => isCorrect);

/** Bytes that these have sent so far, of all kinds. */
export function bytesOf(simulation, seats) {
  let sum = 0;
  for (const seat of seats) for (const bytes of Object.values(simulation.traffic(seat))) sum += bytes;
  return sum;
}
