/**
 * Scenarios: conversations with a simulation as text, each command with its exact answer beneath it. The commands are
 * listed in `COMMANDS`; CONTRIBUTING.md says how to write one.
 */
import { disabledRings } from "../../../rings/index.js";
import { partition, type Seat, Simulation } from "../../../sim/index.js";
import { invariants } from "../../../sim/invariants/invariants.js";
import { byNumber, Diary } from "./diary.js";
import { accuse, announce, predecessorOf, puppetOf } from "./puppet.js";

/** What it returns, when it is text, is printed: a line or several. */
type Command = (scenario: Scenario, words: readonly string[]) => unknown;

/** One way, milliseconds, always: so that times in the texts are those of the protocol. */
const LATENCY = [2, 2];

/** The stage of one scenario. */
export class Scenario {
  #simulation: Simulation | undefined;
  readonly checks = invariants({ thorough: true });
  readonly diary = new Diary((id) => this.seats.find((seat) => seat.id === id)?.name ?? "a stranger");
  /** Epochs are shown as the difference to the first one that was asked for. */
  readonly firstEpochs = new Map<Seat, bigint>();

  get simulation(): Simulation {
    if (!this.#simulation) throw new Error("begin with: start N");
    return this.#simulation;
  }

  get seats(): readonly Seat[] {
    return this.#simulation?.members ?? [];
  }

  start(members: number, rings: number, seed: number, start: "whole" | "joining"): void {
    const watchers = [this.diary, this.checks];
    this.#simulation = new Simulation({ members, rings, seed, start, watchers, network: { latency: LATENCY } });
    this.checks.attach(this.#simulation);
  }

  seat(name: string | undefined): Seat {
    const seat = this.seats.find((other) => other.name === name);
    if (!seat) throw new Error(`no member ${name}`);
    return seat;
  }

  seatsOf(names: readonly string[]): Seat[] {
    return names.length > 0 ? names.map((name) => this.seat(name)) : this.seats.filter(({ state }) => state === "up");
  }

  /** Runs one line; what it prints. */
  run(line: string): string[] {
    const [name = "", ...words] = line.trim().split(/\s+/);
    const command = COMMANDS[name];
    if (!command) throw new Error(`no command ${name}`);
    const printed = command(this, words);
    if (Array.isArray(printed)) return printed as string[];
    return typeof printed === "string" ? [printed] : [];
  }
}

export const COMMANDS: Readonly<Record<string, Command>> = {
  /** start N [rings=K] [seed=S] [joining] */
  start: (scenario, [count, ...words]) => {
    scenario.start(Number(count), option(words, "rings", 9), option(words, "seed", 1), startOf(words));
  },
  /** run 2s | run 500ms: what members told in this time */
  run: (scenario, [time]) => {
    scenario.simulation.run(milliseconds(time));
    return scenario.diary.take();
  },
  crash: (scenario, names) => {
    for (const name of names) scenario.simulation.crash(scenario.seat(name));
  },
  /** restart m2 [state]: without it, with its certificate only */
  restart: (scenario, [name, state]) => {
    scenario.simulation.restart(scenario.seat(name), { keepState: state === "state" });
  },
  stall: (scenario, [name]) => scenario.simulation.stall(scenario.seat(name)),
  resume: (scenario, [name]) => scenario.simulation.resume(scenario.seat(name)),
  leave: (scenario, [name]) => scenario.simulation.leave(scenario.seat(name)),
  join: (scenario) => scenario.simulation.join().name,
  revoke: (scenario, [name]) => scenario.simulation.revoke(scenario.seat(name)),
  describe: (scenario, [name, text = ""]) => {
    const metadata = Uint8Array.from(text, (character) => character.charCodeAt(0));
    scenario.simulation.describe(scenario.seat(name), metadata);
  },
  /** partition m0 m1 | m2 m3 */
  partition: (scenario, words) => {
    const sides = words.join(" ").split("|");
    const groups = sides.map((side) => scenario.seatsOf(side.trim().split(" ")));
    scenario.simulation.network.add(partition("partition", groups));
  },
  heal: (scenario) => scenario.simulation.network.heal(),
  /** accuse m2 ring=3 [by=m1] [m0 m4 ...]: falsely, by its predecessor there, told to all or to these */
  accuse: (scenario, [name, ...words]) => {
    const { simulation } = scenario;
    const [victim, ring] = [scenario.seat(name), option(words, "ring", 1)];
    const by = textOption(words, "by");
    const accuser = by ? scenario.seat(by) : predecessorOf(simulation, victim, ring);
    const to = scenario.seatsOf(words.filter((word) => !word.includes("=")));
    accuse(puppetOf(simulation, accuser), victim, ring, to);
    return `${accuser.name} accuses ${victim.name} on ring ${ring}`;
  },
  /** equivocate m3: one note to the even members, another one with the same epoch to the odd ones */
  equivocate: (scenario, [name]) => {
    const liar = puppetOf(scenario.simulation, scenario.seat(name));
    for (const parity of [0, 1]) {
      const to = scenario.seatsOf([]).filter((seat) => seat.number % 2 === parity);
      announce(liar, Uint8Array.of(parity), to);
    }
  },
  /** who holds whom as live, "?" behind those that it suspects; members with one view share a line */
  views: (scenario) => grouped(scenario.seatsOf([]), (seat) => `see ${viewOf(scenario, seat)}`),
  /** standing m2: how those that are up judge it */
  standing: (scenario, [name]) => {
    const of = scenario.seat(name);
    const judges = scenario.seatsOf([]).filter((seat) => seat !== of);
    return grouped(judges, (seat) => `hold ${of.name} as ${seat.machine.standing(of.id)}`);
  },
  /** epoch m2: by how much it rose since the first time it was asked for, and the rings that it disabled */
  epoch: (scenario, [name]) => {
    const seat = scenario.seat(name);
    const { epoch, mask } = seat.machine;
    const first = scenario.firstEpochs.get(seat) ?? epoch;
    scenario.firstEpochs.set(seat, first);
    const disabled = disabledRings(mask, scenario.simulation.ringCount);
    return `+${epoch - first}, disabled rings: ${disabled.join(" ") || "none"}`;
  },
  /** equal: do all views hold the same records? */
  equal: (scenario) => (scenario.simulation.isEqual() ? "yes" : "no"),
  /** violations: of S1 to S6 so far, and of L1 to L4 at this moment */
  violations: ({ checks }) =>
    [...checks.violations(), ...checks.problems()].map(
      ({ invariant, member, text }) => `${invariant} ${member} ${text}`,
    ),
};

/** Runs a whole text: the same text, with what is printed now beneath each command. */
export function play(text: string): string {
  const scenario = new Scenario();
  const blocks = text.trim().split(/\n\n+/);
  return `${blocks.map((block) => playBlock(scenario, block)).join("\n\n")}\n`;
}

/** Lines that begin with "#" are for readers; a command's answer stands between "----" and the next empty line. */
function playBlock(scenario: Scenario, block: string): string {
  const [before = ""] = block.split(/^----$/m);
  const lines = before.trim().split("\n");
  const commands = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (commands.length === 0) return before.trim();
  const printed = commands.flatMap((command) => scenario.run(command));
  return [...lines, "----", ...(printed.length > 0 ? printed : ["(nothing)"])].join("\n");
}

function viewOf(scenario: Scenario, { machine }: Seat): string {
  const live = machine.members().map((peer) => {
    const { name } = scenario.seats.find((seat) => seat.id === peer.id) as Seat;
    return peer.suspected ? `${name}?` : name;
  });
  return live.sort((a, b) => byNumber(a.replace("?", ""), b.replace("?", ""))).join(" ") || "nobody";
}

/** "m0 m1: what they have in common". A member's own name counts as part of what it sees. */
function grouped(seats: readonly Seat[], wordsOf: (seat: Seat) => string): string[] {
  const groups = new Map<string, string[]>();
  for (const seat of seats) {
    const words = wordsOf(seat);
    const own = words.startsWith("see ") ? withOwn(words, seat.name) : words;
    groups.set(own, [...(groups.get(own) ?? []), seat.name]);
  }
  return [...groups].map(([words, names]) => `${names.join(" ")} ${words}`);
}

function withOwn(words: string, name: string): string {
  const others = words
    .slice("see ".length)
    .split(" ")
    .filter((other) => other !== "nobody");
  const all = [...others, name].sort((a, b) => byNumber(a.replace("?", ""), b.replace("?", "")));
  return `see ${all.join(" ")}`;
}

function milliseconds(text = ""): number {
  const match = /^(\d+)(ms|s)$/.exec(text);
  if (!match) throw new Error(`not a time: ${text}`);
  return Number(match[1]) * (match[2] === "s" ? 1000 : 1);
}

function textOption(words: readonly string[], name: string): string | undefined {
  return words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

function option(words: readonly string[], name: string, otherwise: number): number {
  return Number(textOption(words, name) ?? otherwise);
}

function startOf(words: readonly string[]): "whole" | "joining" {
  return words.includes("joining") ? "joining" : "whole";
}
