/** What each adversary did, and what became of it: counted around its behaviours, without their knowledge. */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Actor, Behaviour, Seat, StatementKind, TrafficKind, Watcher } from "../actor.js";

export interface AdversaryTally {
  readonly name: string;
  /** Members that behaved so. */
  readonly liars: number;
  readonly counts: Readonly<Record<Deed, number>>;
}

/** What a behaviour can do. */
export type Deed =
  | "accusations signed"
  | "notes signed"
  | "packets and pings sent"
  | "outputs altered"
  | "requests answered falsely"
  | "requests left unanswered"
  | "answers held back"
  | "pings ignored"
  | "fingerprints made up"
  | "relayed traffic not passed on";

export const DEEDS: readonly Deed[] = [
  "accusations signed",
  "notes signed",
  "packets and pings sent",
  "outputs altered",
  "requests answered falsely",
  "requests left unanswered",
  "answers held back",
  "pings ignored",
  "fingerprints made up",
  "relayed traffic not passed on",
];

export interface Rejection {
  readonly what: string;
  readonly reason: string;
  readonly count: number;
}

/** Runs something as an actor's doing. */
type During = <T>(actor: Actor, run: () => T) => T;

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
    const during: During = (actor, run) => {
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

  forged(_seat: Seat, type: StatementKind): void {
    const counter = type === "interest" ? undefined : this.#doer();
    if (counter) counter.counts[type === "accusation" ? "accusations signed" : "notes signed"] += 1;
  }

  sent(from: Seat, _to: Seat, kind: TrafficKind): void {
    const counter = from.isCorrect || (kind !== "call" && kind !== "ping") ? undefined : this.#current;
    if (counter) counter.counts["packets and pings sent"] += 1;
  }

  /** What a behaviour has put off until later is its own only where there is one alone. */
  #doer(): Counter | undefined {
    const [only, second] = this.#counters.values();
    return this.#current ?? (second ? undefined : only);
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

/** Every hook there is: one that is added and forgotten here does not compile. */
type Hooks = { readonly [K in keyof Required<Behaviour>]: Behaviour[K] | undefined };

/** Only the hooks that it has: the others stay away. */
function countedHooks(behaviour: Behaviour, { counts }: Counter, during: During): Behaviour {
  const { name } = behaviour;
  const hooks: Hooks = {
    name,
    start: behaviour.start && ((actor) => during(actor, () => behaviour.start?.(actor))),
    turn: behaviour.turn && ((actor) => during(actor, () => behaviour.turn?.(actor))),
    output:
      behaviour.output &&
      ((actor, output) => {
        const changed = during(actor, () => behaviour.output?.(actor, output));
        if (changed) counts["outputs altered"] += 1;
        return changed;
      }),
    request:
      behaviour.request &&
      ((actor, from, packet) => {
        const answer = during(actor, () => behaviour.request?.(actor, from, packet));
        if (answer) counts[answer === "silent" ? "requests left unanswered" : "requests answered falsely"] += 1;
        return answer;
      }),
    answer:
      behaviour.answer &&
      ((actor, from, packet) => {
        const answer = during(actor, () => behaviour.answer?.(actor, from, packet));
        if (answer) counts["requests answered falsely"] += 1;
        return answer;
      }),
    pinged:
      behaviour.pinged &&
      ((actor, from) => {
        const taken = during(actor, () => behaviour.pinged?.(actor, from));
        if (taken === false) counts["pings ignored"] += 1;
        return taken;
      }),
    tried: behaviour.tried && ((actor, from) => during(actor, () => behaviour.tried?.(actor, from))),
    fingerprint:
      behaviour.fingerprint &&
      ((actor, to) => {
        const fingerprint = during(actor, () => behaviour.fingerprint?.(actor, to));
        if (fingerprint) counts["fingerprints made up"] += 1;
        return fingerprint;
      }),
    lateBy:
      behaviour.lateBy &&
      ((actor, from) => {
        const ms = during(actor, () => behaviour.lateBy?.(actor, from));
        if (ms) counts["answers held back"] += 1;
        return ms;
      }),
    relaying:
      behaviour.relaying &&
      ((actor, from, to) => {
        const does = during(actor, () => behaviour.relaying?.(actor, from, to));
        if (does !== undefined && does !== "pass") counts["relayed traffic not passed on"] += 1;
        return does;
      }),
  };
  return Object.fromEntries(Object.entries(hooks).filter(([, hook]) => hook !== undefined)) as unknown as Behaviour;
}

function liarsAmong(members: readonly Seat[]): Set<MemberId> {
  return new Set(members.filter(({ isCorrect }) => !isCorrect).map(({ id }) => id));
}
