/** Carries out the faults of a plan on a simulation, and takes them all away when their phase is over. */

import type { Seat } from "../actor.js";
import { Chance } from "../chance.js";
import { egressLoss, type Fault, flipFlop, ingressLoss, oneWay, partition } from "../network/fault.js";
import { RELAYS_CORRECT_MIN } from "../options.js";
import type { Simulation } from "../simulation.js";
import { CORRECT_UP_MIN, endings } from "./endings.js";
import type { Plan, PlannedFault } from "./plan.js";

const STREAM = 0x73746167;

type NetworkFault = Exclude<Extract<PlannedFault, { readonly lasts: number }>, { readonly kind: "rotate" | "relays" }>;
type Expiry = Extract<PlannedFault, { readonly kind: "expire" }>;

export class Stage {
  readonly #simulation: Simulation;
  readonly #chance: Chance;
  readonly #correct: readonly Seat[];
  readonly #onDescribe: (seat: Seat) => void;
  /** Left, or revoked: they do not come back. */
  readonly #gone = new Set<Seat>();
  /** Their certificates end in this run: of those that must stay up they are none. */
  readonly #ending: ReadonlySet<Seat>;
  #isOver = false;
  #descriptions = 0;

  constructor(simulation: Simulation, plan: Plan, onDescribe: (seat: Seat) => void) {
    this.#simulation = simulation;
    this.#chance = new Chance(plan.seed, STREAM);
    this.#correct = simulation.members.filter(({ isCorrect }) => isCorrect);
    this.#onDescribe = onDescribe;
    this.#ending = new Set([...endings(plan).keys()].map((member) => this.#correct[member]!));
    for (const fault of plan.faults) this.#at(fault.at, () => this.#begin(fault));
  }

  /** Faults stop: the network is as good as it was, and who stands still goes on. The crashed stay down. */
  end(): void {
    this.#isOver = true;
    this.#simulation.network.heal();
    for (const seat of this.#simulation.members) if (seat.state === "stalled") this.#simulation.resume(seat);
  }

  #at(delayMs: number, run: () => void): void {
    this.#simulation.at(delayMs, () => {
      if (!this.#isOver) run();
    });
  }

  #begin(fault: PlannedFault): void {
    const simulation = this.#simulation;
    if (fault.kind === "join") {
      simulation.join();
      return;
    }
    if (fault.kind === "rotate") {
      this.#rotate(fault);
      return;
    }
    if (fault.kind === "partition" || fault.kind === "loss" || fault.kind === "spikes") {
      this.#disturb(fault, this.#networkFault(fault));
      return;
    }
    if (fault.kind === "expire") {
      this.#expire(fault);
      return;
    }
    if (fault.kind === "relays") {
      this.#crashRelays(fault, fault.at + fault.lasts, 0);
      return;
    }
    if (fault.kind === "remap") {
      const hidden = this.#correct.filter((seat) => simulation.isBehindNat(seat));
      if (hidden.length > 0) simulation.remap(hidden[fault.member % hidden.length]!);
      return;
    }
    const seat = fault.kind === "describe" ? this.#nextUp(fault.member) : this.#counted(fault.member);
    if (seat?.state !== "up") return;
    switch (fault.kind) {
      case "crash":
        if (this.#maySpare(seat)) this.#crash(seat, fault);
        return;
      case "stall":
        simulation.stall(seat);
        this.#at(fault.lasts, () => simulation.resume(seat));
        return;
      case "leave":
        if (this.#maySpare(seat)) this.#leave(seat);
        return;
      case "revoke":
        if (this.#maySpare(seat)) this.#revoke(seat);
        return;
      case "describe":
        this.#describe(seat);
        return;
      case "renew":
        simulation.renew(seat);
        return;
      case "skew":
        simulation.skewClock(seat, fault.ms);
        return;
      default:
        this.#disturb(fault, this.#networkFault(fault, seat));
    }
  }

  #counted(member: number): Seat | undefined {
    return this.#correct[member % this.#correct.length];
  }

  /** New facts are no fault: if it is down, the next one has some. */
  #nextUp(member: number): Seat | undefined {
    const places = this.#correct.map((_, index) => this.#counted(member + index));
    return places.find((seat) => seat?.state === "up");
  }

  /** Some must stay; and where others sit behind NATs, some that relay for them. */
  #maySpare(seat: Seat): boolean {
    const simulation = this.#simulation;
    const stays = (other: Seat) => other.isCorrect && other.state === "up" && !this.#ending.has(other);
    const staying = simulation.members.filter(stays);
    const hidden = staying.filter((other) => simulation.isBehindNat(other));
    const isOneOfFew = staying.length - hidden.length <= RELAYS_CORRECT_MIN && !simulation.isBehindNat(seat);
    return staying.length > CORRECT_UP_MIN && !(hidden.length > 0 && isOneOfFew);
  }

  /** Its certificate ends by itself; what may come is the next one. */
  #expire({ member, renewedAfter }: Expiry): void {
    const seat = this.#counted(member);
    if (renewedAfter === undefined || !seat || !this.#ending.has(seat)) return;
    this.#at(renewedAfter, () => this.#simulation.renew(seat));
  }

  /** All renew, liars too, and who is down as well: it finds its new certificate when it starts. */
  #rotate({ lasts }: Extract<PlannedFault, { kind: "rotate" }>): void {
    const simulation = this.#simulation;
    const former = simulation.rotate();
    for (const seat of simulation.members) {
      const renews = !this.#ending.has(seat);
      if (renews) this.#at((lasts / 2) * this.#chance.number(), () => simulation.renew(seat));
    }
    this.#at(lasts, () => simulation.retire(former));
  }

  #crash(seat: Seat, { back }: Extract<PlannedFault, { kind: "crash" }>): void {
    this.#simulation.crash(seat);
    if (!back) return;
    this.#at(back.after, () => {
      if (seat.state === "down" && !this.#gone.has(seat)) this.#simulation.restart(seat, back);
    });
  }

  /** One after the other, in the order of their numbers. */
  #crashRelays({ period }: Extract<PlannedFault, { kind: "relays" }>, until: number, turn: number): void {
    const simulation = this.#simulation;
    const relays = this.#correct.filter((seat) => !simulation.isBehindNat(seat));
    const seat = relays[turn % relays.length];
    if (seat?.state === "up" && this.#maySpare(seat)) {
      this.#crash(seat, { kind: "crash", at: 0, member: 0, back: { after: 2 * period, keepState: true } });
    }
    if (simulation.now + period >= until) return;
    this.#at(period, () => this.#crashRelays({ kind: "relays", at: 0, lasts: 0, period }, until, turn + 1));
  }

  #leave(seat: Seat): void {
    this.#gone.add(seat);
    this.#simulation.leave(seat);
  }

  /** Its operator switches it off: what the authority has thrown out has no business here any more. */
  #revoke(seat: Seat): void {
    this.#gone.add(seat);
    this.#simulation.revoke(seat);
    this.#simulation.crash(seat);
  }

  #describe(seat: Seat): void {
    this.#descriptions += 1;
    this.#onDescribe(seat);
    const text = `facts ${this.#descriptions}`;
    this.#simulation.describe(
      seat,
      Uint8Array.from(text, (letter) => letter.charCodeAt(0)),
    );
  }

  #disturb({ lasts }: NetworkFault, fault: Fault): void {
    const { network } = this.#simulation;
    network.add(fault);
    this.#at(lasts, () => network.remove(fault));
  }

  #networkFault(fault: NetworkFault, seat?: Seat): Fault {
    const seats = seat ? [seat] : [];
    switch (fault.kind) {
      case "loss":
        return { name: `${percent(fault.loss)} lost everywhere`, loss: fault.loss };
      case "egress":
        return egressLoss(`${percent(fault.loss)} of what ${seat?.name} sends is lost`, seats, fault.loss);
      case "ingress":
        return ingressLoss(`${percent(fault.loss)} of what is sent to ${seat?.name} is lost`, seats, fault.loss);
      case "spikes": {
        const { links, delayed, delayMs } = fault;
        return {
          name: `${percent(delayed)} late by ${delayMs} ms on ${percent(links)} of the links`,
          links,
          delayed,
          delayMs,
        };
      }
      case "flapping":
        return flipFlop(`nothing reaches ${seat?.name}, by turns of ${fault.period} ms`, seats, fault.period);
      case "partition": {
        const [some, others] = this.#split(fault.share);
        const names = some.map(({ name }) => name).join(" ");
        if (fault.oneWay) return oneWay(`nothing from ${names} to the others`, some, others);
        return partition(`nothing between ${names} and the others`, [some, others]);
      }
      default:
        throw new RangeError(`${fault.kind} is no fault of the network`);
    }
  }

  /** Two sides: about this share of the members, one at least, and the others. */
  #split(share: number): [Seat[], Seat[]] {
    const some: Seat[] = [];
    const others: Seat[] = [];
    for (const seat of this.#simulation.members) (this.#chance.happens(share) ? some : others).push(seat);
    if (some.length === 0) some.push(...others.splice(0, 1));
    return [some, others];
  }
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
