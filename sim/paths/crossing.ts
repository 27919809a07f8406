/** Bytes on their way over one path, leg by leg: each leg is a connection that repeats what gets lost. */
import type { Happening } from "../calendar.js";
import type { Network } from "../network/network.js";
import type { Host } from "./host.js";

/** As on any connection (calls/calls.ts): the first wait before what got lost is sent again, milliseconds; it doubles. */
const RETRANSMIT_MS = 200;
const DOUBLINGS_MAX = 8;

/** What carries them. */
export interface Ground {
  readonly now: number;
  readonly network: Network;
  plan(delayMs: number, happening: Happening): void;
}

/** One leg. `arrive` happens at the other end, when all of it is there; never, if the deadline comes first. */
export class LegOfPath implements Happening {
  readonly #ground: Ground;
  readonly #from: Host;
  readonly #to: Host;
  readonly #bytes: number;
  readonly #deadline: number;
  readonly #arrive: () => void;
  #fruitless = 0;
  #isLost = true;

  constructor(ground: Ground, way: LegWay, arrive: () => void) {
    this.#ground = ground;
    this.#from = way.from;
    this.#to = way.to;
    this.#bytes = way.bytes;
    this.#deadline = way.deadline;
    this.#arrive = arrive;
  }

  happen(): void {
    if (!this.#isLost) {
      this.#arrive();
      return;
    }
    const { network, now } = this.#ground;
    const { lost, delay } = network.flight(this.#from.number, this.#to.number, this.#bytes);
    this.#isLost = lost > 0;
    const wait = this.#isLost ? RETRANSMIT_MS << Math.min(this.#fruitless++, DOUBLINGS_MAX) : delay;
    if (now + wait < this.#deadline) this.#ground.plan(wait, this);
  }
}

export interface LegWay {
  readonly from: Host;
  readonly to: Host;
  readonly bytes: number;
  /** Virtual milliseconds. */
  readonly deadline: number;
}

/** Sends bytes over one leg. */
export function cross(ground: Ground, way: LegWay, arrive: () => void): void {
  new LegOfPath(ground, way, arrive).happen();
}
