/**
 * One member's part of budgets that members share, as a machine without I/O. Each tells the others what it asks for of each key, and
 * each divides every budget by what it has heard (fair-share.ts). While all have the same view, all parts of a key together are at
 * most its budget, at every instant, whatever is late or lost:
 *
 * - What a member asks for less than before counts at once; what it asks for more counts when all others have acknowledged it. So
 *   nobody counts with less than others believe it does, and a part falls when another member is believed to ask for more.
 * - Of a member that has said nothing yet the most is believed.
 */
import { fairShare } from "./fair-share.js";

/** Keys of which a member tells what it asks for, those with the most; of others it has what everybody is left. */
export const TOLD_KEYS_MAX = 512;

/** What a member asks for, by the digest of the key: units of the budget per interval. Keys that are not there: `floor`. */
export type Demands = ReadonlyMap<string, number>;

/** What is told to another member. */
export interface Telling {
  readonly number: number;
  readonly demands: Demands;
}

interface Peer {
  /** Of its process: what another one has said counts no more. */
  life: number;
  number: number;
  /** Undefined: it has said nothing yet. */
  demands: Demands | undefined;
  /** What it may believe of me, at the least; keys that are not there: `floor`. */
  believes: Demands;
  /** The number of what it has acknowledged. */
  acknowledged: number;
}

export interface SharesOptions {
  /** Units per interval, of each key. */
  readonly budget: number;
  /** The part of an equal share that every member keeps of every key, whatever others ask for: 0 to 1. */
  readonly reserve: number;
}

export class Shares {
  readonly #options: SharesOptions;
  readonly #peers = new Map<string, Peer>();
  #mine: Demands = new Map();
  /** From 1 on: that nothing is asked for is told as well. */
  #number = 1;
  #version = 0;

  constructor(options: SharesOptions) {
    this.#options = options;
  }

  /** What everybody is taken to ask for at the least. */
  get floor(): number {
    return (this.#options.reserve * this.#options.budget) / (this.#peers.size + 1);
  }

  /** Those that take part, but me. */
  members(ids: readonly string[]): void {
    const there = new Set(ids);
    for (const id of [...this.#peers.keys()]) if (!there.has(id)) this.#peers.delete(id);
    for (const id of there) {
      if (this.#peers.has(id)) continue;
      const unknown = { life: 0, number: 0, demands: undefined, believes: new Map(), acknowledged: 0 };
      this.#peers.set(id, unknown);
    }
    this.#version += 1;
  }

  /** What I ask for from now on; of the keys with the most. */
  ask(demands: Demands): void {
    const { floor } = this;
    const hot = [...demands].filter(([, demand]) => demand > floor);
    hot.sort(([, a], [, b]) => b - a);
    const asked = new Map(hot.slice(0, TOLD_KEYS_MAX).map(([key, demand]) => [key, this.#clamped(demand)]));
    if (isSame(asked, this.#mine)) return;
    this.#mine = asked;
    this.#number += 1;
    this.#version += 1;
  }

  /** Those that do not know yet what I ask for. */
  get behind(): readonly string[] {
    return [...this.#peers].filter(([, { acknowledged }]) => acknowledged < this.#number).map(([id]) => id);
  }

  /** What a member is told now: from then on it may believe it. */
  tell(id: string): Telling {
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.believes = lower(peer.believes, this.#mine);
    this.#version += 1;
    return { number: this.#number, demands: this.#mine };
  }

  /** A member has what it was told. One telling at a time is under way to each. */
  acknowledged(id: string, { number, demands }: Telling): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    peer.acknowledged = number;
    peer.believes = demands;
    this.#version += 1;
  }

  /** A member says what it asks for. False for one that takes no part here: it must not count on me. */
  heard(id: string, life: number, { number, demands }: Telling): boolean {
    const peer = this.#peers.get(id);
    if (peer === undefined) return false;
    if (life === peer.life && number <= peer.number && peer.demands) return true;
    peer.life = life;
    peer.number = number;
    peer.demands = demands;
    this.#version += 1;
    return true;
  }

  /** Another one after everything that may change a part. */
  get version(): number {
    return this.#version;
  }

  /** My part of a key: units per interval. */
  part(key: string): number {
    const { budget } = this.#options;
    const { floor } = this;
    let mine = this.#mine.get(key) ?? floor;
    const others: number[] = [];
    for (const { believes, demands } of this.#peers.values()) {
      mine = Math.min(mine, believes.get(key) ?? floor);
      others.push(demands === undefined ? budget : this.#clamped(demands.get(key) ?? floor));
    }
    return fairShare(budget, Math.max(floor, mine), others);
  }

  #clamped(demand: number): number {
    return Math.min(this.#options.budget, Math.max(this.floor, demand));
  }
}

/** The lower of both, of each key. */
function lower(a: Demands, b: Demands): Demands {
  const lowest = new Map<string, number>();
  for (const [key, demand] of a) {
    const other = b.get(key);
    if (other !== undefined) lowest.set(key, Math.min(demand, other));
  }
  return lowest;
}

function isSame(a: Demands, b: Demands): boolean {
  return a.size === b.size && [...a].every(([key, demand]) => b.get(key) === demand);
}
