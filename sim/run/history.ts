/** What a run looks like over time, sampled at equal steps: views, accusations and bytes. For reports. */
import type { Machine, Output } from "../../gossip/index.js";
import type { Seat, StatementKind, TrafficKind, Watcher } from "../actor.js";

/** One step. Sizes count the members that a view holds, its owner included. */
export interface Sample {
  /** Virtual milliseconds at the end of the step. */
  readonly at: number;
  /** Members that are up: correct, and Byzantine. */
  readonly correctUp: number;
  readonly byzantineUp: number;
  /** Smallest, mean and largest view of the correct members that are up; 0 without any. */
  readonly viewMin: number;
  readonly viewMean: number;
  readonly viewMax: number;
  /** Accusations that correct members signed in this step. */
  readonly accusationsByCorrect: number;
  /** How often a correct view began to hold a member for accused in this step, whoever accused it. */
  readonly suspicions: number;
  /** Correct members that a correct one was told had failed, in this step: removals, right or wrong, of one view each. */
  readonly removals: number;
  /** Rebuttals and other notes that correct members signed in this step. */
  readonly notesByCorrect: number;
  /** Bytes that correct members sent in this step, by kind. */
  readonly bytes: Readonly<Record<TrafficKind, number>>;
}

interface ViewSize {
  machine: Machine;
  size: number;
}

const NO_BYTES: Readonly<Record<TrafficKind, number>> = {
  call: 0,
  answer: 0,
  ping: 0,
  pong: 0,
  summons: 0,
  gossip: 0,
  message: 0,
  relayed: 0,
};

export class History implements Watcher {
  readonly samples: Sample[] = [];
  readonly #members: () => readonly Seat[];
  /** Sizes are counted along, since asking 10,000 machines for 10,000 members each would take longer than the run. */
  readonly #sizes = new Map<Seat, ViewSize>();
  #accusationsByCorrect = 0;
  #suspicions = 0;
  #removals = 0;
  #notesByCorrect = 0;
  #bytes = { ...NO_BYTES };

  constructor(members: () => readonly Seat[]) {
    this.#members = members;
  }

  told(seat: Seat, output: Output): void {
    if (!seat.isCorrect) return;
    const { kind } = output;
    if (kind === "joined") this.#known(seat, 1);
    else if (kind === "left" || kind === "failed") this.#known(seat, -1);
    if (kind === "failed") this.#removals += 1;
    else if (kind === "suspected") this.#suspicions += 1;
  }

  signed(seat: Seat, type: StatementKind): void {
    if (!seat.isCorrect) return;
    if (type === "accusation") this.#accusationsByCorrect += 1;
    else if (type !== "interest") this.#notesByCorrect += 1;
  }

  sent(from: Seat, _to: Seat, kind: TrafficKind, bytes: number): void {
    if (from.isCorrect) this.#bytes[kind] += bytes;
  }

  /** Ends a step. */
  sample(now: number): void {
    this.samples.push({
      at: now,
      ...this.#views(),
      accusationsByCorrect: this.#accusationsByCorrect,
      suspicions: this.#suspicions,
      removals: this.#removals,
      notesByCorrect: this.#notesByCorrect,
      bytes: this.#bytes,
    });
    this.#accusationsByCorrect = 0;
    this.#suspicions = 0;
    this.#removals = 0;
    this.#notesByCorrect = 0;
    this.#bytes = { ...NO_BYTES };
  }

  #views(): Pick<Sample, "correctUp" | "byzantineUp" | "viewMin" | "viewMean" | "viewMax"> {
    let [correctUp, byzantineUp, viewMin, viewMax, sum] = [0, 0, Number.POSITIVE_INFINITY, 0, 0];
    for (const seat of this.#members()) {
      if (seat.state === "down") continue;
      if (!seat.isCorrect) {
        byzantineUp += 1;
        continue;
      }
      const size = this.#sizeOf(seat).size + 1;
      correctUp += 1;
      sum += size;
      viewMin = Math.min(viewMin, size);
      viewMax = Math.max(viewMax, size);
    }
    if (correctUp === 0) return { correctUp, byzantineUp, viewMin: 0, viewMean: 0, viewMax: 0 };
    return { correctUp, byzantineUp, viewMin, viewMean: sum / correctUp, viewMax };
  }

  #known(seat: Seat, change: number): void {
    const view = this.#sizes.get(seat);
    // A machine that was not counted yet is counted when it is next looked at, this change included.
    if (view?.machine === seat.machine) view.size += change;
  }

  #sizeOf(seat: Seat): ViewSize {
    const known = this.#sizes.get(seat);
    if (known?.machine === seat.machine) return known;
    const view = { machine: seat.machine, size: seat.machine.members().length };
    this.#sizes.set(seat, view);
    return view;
  }
}
