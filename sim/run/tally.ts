/** What each adversary did, and what became of it: counted around its behaviours, without their knowledge. */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Actor, Behaviour, Seat, TrafficKind, Watcher } from "../actor.js";

export interface AdversaryTally {
  readonly name: string;
  /** Members that behaved so. */
  readonly liars: number;
  readonly counts: Readonly<Record<Deed, number>>;
}

/** What a behaviour can do. */
export type Deed =
  | "packets and pings sent"
  | "outputs altered"
  | "requests answered falsely"
  | "requests left unanswered"
  | "pings ignored";

export const DEEDS: readonly Deed[] = [
  "packets and pings sent",
  "outputs altered",
  "requests answered falsely",
  "requests left unanswered",
  "pings ignored",
];

export interface Rejection {
  readonly what: string;
  readonly reason: string;
  readonly count: number;
}

class Counter {
  readonly name: string;
  readonly liars = new Set<number>();
  readonly counts = Object.fromEntries(DEEDS.map((deed) => [deed, 0])) as Record<Deed, number>;

  constructor(name: string) {
    this.name = name;
  }
}

/** Kinds of rejections kept: reasons are words of the code, so there are a few dozen. */
const REJECTIONS_MAX = 200;

export class Tally implements Watcher {
  readonly #counters = new Map<string, Counter>();
  readonly #rejections = new Map<string, { what: string; reason: string; count: number }>();
  readonly #members: () => readonly Seat[];
  #liars: ReadonlySet<MemberId> = new Set();
  /** Whose hook runs now: what is signed and sent meanwhile is its doing. */
  #current: Counter | undefined;

  constructor(members: () => readonly Seat[]) {
    this.#members = members;
  }

  adversaries(): AdversaryTally[] {
    return [...this.#counters.values()].map(({ name, liars, counts }) => ({ name, liars: liars.size, counts }));
  }

  rejections(): Rejection[] {
    return [...this.#rejections.values()].sort((a, b) => b.count - a.count);
  }

  /** The behaviour as it is, counted under this name. */
  counted(name: string, behaviour: Behaviour): Behaviour {
    const counter = this.#counters.get(name) ?? new Counter(name);
    this.#counters.set(name, counter);
    const during = <T>(actor: Actor, run: () => T): T => {
      counter.liars.add(actor.number);
      const before = this.#current;
      this.#current = counter;
      try {
        return run();
      } finally {
        this.#current = before;
      }
    };
    return countedHooks(behaviour, counter, during);
  }

  sent(from: Seat, _to: Seat, kind: TrafficKind): void {
    if (from.isCorrect || !this.#current || (kind !== "call" && kind !== "ping")) return;
    this.#current.counts["packets and pings sent"] += 1;
  }

  told(seat: Seat, output: Output): void {
    if (output.kind !== "rejected" || !seat.isCorrect || !output.from) return;
    if (this.#liars.size === 0) this.#liars = liarsAmong(this.#members());
    if (!this.#liars.has(output.from)) return;
    const key = `${output.what}/${output.reason}`;
    const known = this.#rejections.get(key);
    if (known) known.count += 1;
    else if (this.#rejections.size < REJECTIONS_MAX) {
      this.#rejections.set(key, { what: output.what, reason: output.reason, count: 1 });
    }
  }
}

/** Only the hooks that it has: a hook that is not there costs nothing. */
function countedHooks(
  behaviour: Behaviour,
  { counts }: Counter,
  during: <T>(actor: Actor, run: () => T) => T,
): Behaviour {
  const { name } = behaviour;
  const count = (deed: Deed) => {
    counts[deed] += 1;
  };
  return {
    name,
    ...(behaviour.start && { start: (actor) => during(actor, () => behaviour.start?.(actor)) }),
    ...(behaviour.turn && { turn: (actor) => during(actor, () => behaviour.turn?.(actor)) }),
    ...(behaviour.output && {
      output: (actor, output) => {
        const changed = during(actor, () => behaviour.output?.(actor, output));
        if (changed) count("outputs altered");
        return changed;
      },
    }),
    ...(behaviour.request && {
      request: (actor, from, packet) => {
        const answer = during(actor, () => behaviour.request?.(actor, from, packet));
        if (answer === "silent") count("requests left unanswered");
        else if (answer) count("requests answered falsely");
        return answer;
      },
    }),
    ...(behaviour.pinged && {
      pinged: (actor, from) => {
        const taken = during(actor, () => behaviour.pinged?.(actor, from));
        if (taken === false) count("pings ignored");
        return taken;
      },
    }),
    ...(behaviour.tried && { tried: (actor, from) => during(actor, () => behaviour.tried?.(actor, from)) }),
  };
}

function liarsAmong(members: readonly Seat[]): Set<MemberId> {
  return new Set(members.filter(({ isCorrect }) => !isCorrect).map(({ id }) => id));
}
