/** The liars of one simulation that one plot moves, and its clock: what is planned happens to the millisecond, while they have turns. */
import type { Settings } from "../../gossip/index.js";
import { type Actor, type Seat, TURN_MS } from "../actor.js";
import { victimsOf } from "../adversaries/tools/crowd.js";
import { type Order, orderOf } from "../adversaries/tools/order.js";
import type { Chance } from "../chance.js";
import { Puppet } from "./puppet.js";

/** Something planned: once, or again and again. */
interface Task {
  nextAt: number;
  readonly everyMs: number;
  readonly run: () => void;
}

/** Liars that have had no turn for so long have been given something else to do, virtual milliseconds: two turns. */
const PAUSE_MS = 2 * TURN_MS;

/** Nothing is done more often, virtual milliseconds: a plot that a search has drawn must come to an end too. */
const EVERY_MS_MIN = 1;

/**
 * An attack by many liars that one head directs: it sees everything, and moves any of them at any millisecond. A new one begins whenever its liars have a turn
 * after a pause, as they have when behaviours take turns.
 */
export abstract class Plot {
  /** All liars are there. Plan what is to come with `troupe.at` and `troupe.every`. */
  abstract begin(troupe: Troupe): void;
}

export class Troupe {
  readonly #newPlot: () => Plot;
  readonly #puppets = new Map<number, Puppet>();
  readonly #turns = new Map<number, number>();
  #tasks: Task[] = [];
  /** The first of them up: its clock runs what is planned for this window. */
  #leader: Actor | undefined;
  #windowEnd = Number.NEGATIVE_INFINITY;
  #isBegun = false;

  constructor(newPlot: () => Plot) {
    this.#newPlot = newPlot;
  }

  /** Those that the plot moves now, by number: up, and with turns. */
  get puppets(): readonly Puppet[] {
    const since = this.now - PAUSE_MS;
    const present = [...this.#puppets.values()].filter(({ actor }) => (this.#turns.get(actor.number) ?? 0) > since);
    return present.filter(({ isUp }) => isUp).sort((a, b) => a.actor.number - b.actor.number);
  }

  get now(): number {
    return this.#head.now;
  }

  get chance(): Chance {
    return this.#head.chance;
  }

  get settings(): Settings {
    return this.#head.settings;
  }

  get everyone(): readonly Seat[] {
    return this.#head.everyone;
  }

  get order(): Order {
    return orderOf(this.#head);
  }

  /** Correct members that are up, by number. */
  get correct(): readonly Seat[] {
    return victimsOf(this.#head);
  }

  puppet(of: { readonly number: number }): Puppet | undefined {
    return this.#puppets.get(of.number);
  }

  /** Forgets all that is planned beyond this window. */
  cancel(): void {
    this.#tasks = [];
  }

  /** Once, so many virtual milliseconds from now. */
  at(ms: number, run: () => void): void {
    this.#plan({ nextAt: this.now + ms, everyMs: Number.POSITIVE_INFINITY, run });
  }

  /** Again and again, first so many virtual milliseconds from now. */
  every(everyMs: number, firstMs: number, run: () => void): void {
    this.#plan({ nextAt: this.now + firstMs, everyMs: Math.max(EVERY_MS_MIN, everyMs), run });
  }

  /** A turn of one of them. The first in each TURN_MS opens the window in which what is planned for it happens. */
  turn(actor: Actor): void {
    if (!this.#puppets.has(actor.number)) this.#puppets.set(actor.number, new Puppet(actor));
    this.#turns.set(actor.number, actor.now);
    if (actor.now < this.#windowEnd) return;
    const isResumed = actor.now > this.#windowEnd + PAUSE_MS;
    this.#leader = actor;
    this.#windowEnd = actor.now + TURN_MS;
    // Only with the next window all have had a turn.
    if (isResumed) this.#reset();
    else if (!this.#isBegun) this.#begin();
    for (const task of this.#tasks) this.#runDue(task);
    this.#tasks = this.#tasks.filter(({ nextAt }) => nextAt < Number.POSITIVE_INFINITY);
  }

  get #head(): Actor {
    if (!this.#leader) throw new Error("nobody has had a turn yet");
    return this.#leader;
  }

  #reset(): void {
    this.#isBegun = false;
    this.cancel();
    for (const puppet of this.#puppets.values()) puppet.release();
  }

  #begin(): void {
    this.#isBegun = true;
    this.#newPlot().begin(this);
  }

  #plan(task: Task): void {
    this.#runDue(task);
    if (task.nextAt < Number.POSITIVE_INFINITY) this.#tasks.push(task);
  }

  /** What falls into this window; the rest waits for its own, and for whoever leads then. */
  #runDue(task: Task): void {
    const leader = this.#head;
    for (; task.nextAt < this.#windowEnd; task.nextAt += task.everyMs) {
      leader.after(Math.max(0, task.nextAt - leader.now), task.run);
    }
  }
}
