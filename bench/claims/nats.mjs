/** Claim: with half of the members behind NATs, and liars as their relays, nobody correct is thrown out, or accused for a path. */
import { RELAY_ADVERSARIES } from "../../dist/sim/index.js";
import { FalseAccusations } from "../../dist/sim/run/accusations.js";
import { count, groups, percent, rate, seconds, sum, table } from "./markdown.mjs";
import { bytesOf, correctOf, HOUR_MS, Mistakes, overlay, quantile } from "./run.mjs";

export const title = "Members behind NATs, and relays that lie";
export const about = `Half of the members sit behind NATs: correct ones, so that of those that relay a fifth lie at 10 % of liars and two fifths at
20 %. Nobody can dial them, and nobody punches a hole: what concerns them goes over their own sessions or through their relays (rule R21). Each
10 s a relay dies, and is back 20 s later; a NAT forgets all its sessions; and a member behind a NAT crashes, and is back 25 s later.
Relays that only lie as relays show whether a path is taken for a member: "accused for a path" are accusations that a correct member
signed of one that was there. Beside accusers it is shown whether somebody can be thrown out who answers through liars. Cut off are
members all of whose relays were liars at some time: who comes back has at first the contacts that answered, one to three of them, for a
second or two; after that its number of relays leaves a risk of 1 % that a network has any. Removals of these stand apart. Crashes are those of members behind NATs: until the last correct view was without it.`;

/** Members behind NATs. */
const HIDDEN_SHARE = 0.5;
/** The short form: less of all. */
const SHORT = { n: 24, seconds: 16, shares: [0.2], adversaries: ["relay-gravedigger", "relay-turncoat + leapfrog"] };
/** Beside whom relays lie, to have somebody thrown out. */
const PLOTS = [
  "relay-dropper + false-accuser",
  "relay-delayer + mob",
  "relay-refuser + whisperer",
  "relay-gravedigger + blackout",
  "relay-one-way + rebuttal-dropper + false-accuser",
  "relay-turncoat + leapfrog",
];
const EVERY_MS = 10_000;
const FIRST_MS = 2_000;
const RELAY_BACK_MS = 20_000;
const HIDDEN_BACK_MS = 25_000;
/** Who is back counts as there again after so long: others may still hold it for dead. */
const SETTLED_MS = 6_000;
const LOOK_MS = 50;

export function jobs(scale) {
  const seeds = Array.from({ length: Math.max(1, Math.round(scale)) }, (_, index) => index + 1);
  const usual = { n: 100, seconds: 60, shares: [0.1, 0.2], adversaries: [...RELAY_ADVERSARIES, ...PLOTS] };
  const { n, seconds: length, shares, adversaries } = scale < 1 ? SHORT : usual;
  return seeds.flatMap((seed) =>
    shares.flatMap((f) =>
      adversaries.map((adversary) => ({ n, f, nat: HIDDEN_SHARE, adversary, seconds: length, seed })),
    ),
  );
}

export function run({ n, f, nat, adversary, seconds: length, seed }) {
  const mistakes = new Mistakes();
  const forPaths = new FalseAccusations();
  const simulation = overlay({ n, f, nat, adversary, seed, watchers: [mistakes, forPaths] });
  forPaths.attach(simulation);
  mistakes.excused = ({ state, backAt }, _, now) => state !== "up" || (backAt > 0 && now - backAt < SETTLED_MS);
  const story = new Story(simulation, length * 1000);
  simulation.run(length * 1000);
  const correct = correctOf(simulation);
  const relays = correct.filter((seat) => !simulation.isBehindNat(seat));
  const ofCutOff = sum([...story.cutOff].map((id) => mistakes.removed.get(id) ?? 0));
  return {
    rings: simulation.ringCount,
    relays: story.relayCount,
    hours: (correct.length * length * 1000) / HOUR_MS,
    removals: mistakes.removals - ofCutOff,
    removalsOfCutOff: ofCutOff,
    forPaths: forPaths.count,
    suspicions: mistakes.suspicions,
    cutOff: story.cutOff.size,
    died: story.died,
    forgot: story.forgot,
    crashes: story.crashes,
    relayedBytes: sum(relays.map((seat) => simulation.traffic(seat).relayed)) / relays.length / length,
    bytes: bytesOf(simulation, correct) / correct.length / length,
    inputs: simulation.events,
    found: mistakes.found,
    digest: simulation.digest(),
  };
}

/** What happens in such a network. */
class Story {
  died = 0;
  forgot = 0;
  /** Milliseconds until each crash was known to all. */
  crashes = [];
  cutOff = new Set();
  relayCount;
  #simulation;

  constructor(simulation, lengthMs) {
    this.#simulation = simulation;
    const [hidden, relays] = [true, false].map((is) =>
      correctOf(simulation).filter((seat) => simulation.isBehindNat(seat) === is),
    );
    this.relayCount = simulation.relaysOf(hidden[0]).length;
    for (let turn = 0, at = FIRST_MS; at + SETTLED_MS + 4_000 < lengthMs; turn++, at += EVERY_MS) {
      simulation.at(at, () => this.#relayDies(relays[turn % relays.length]));
      simulation.at(at + 2_000, () => this.#natForgets(hidden[(2 * turn) % hidden.length]));
      simulation.at(at + 4_000, () => this.#crash(hidden[(2 * turn + 1) % hidden.length]));
    }
    for (let at = 0; at < lengthMs; at += 1_000) simulation.at(at, () => this.#countCutOff(hidden));
  }

  #relayDies(seat) {
    this.died += 1;
    this.#simulation.crash(seat);
    this.#simulation.at(RELAY_BACK_MS, () => this.#simulation.restart(seat, { keepState: true }));
  }

  #natForgets(seat) {
    this.forgot += 1;
    this.#simulation.remap(seat);
  }

  #crash(seat) {
    const startedAt = this.#simulation.now;
    this.#simulation.crash(seat);
    const look = () => {
      const knows = ({ isCorrect, state, machine }) => !isCorrect || state !== "up" || !machine.member(seat.id);
      if (this.#simulation.members.every(knows)) this.crashes.push(this.#simulation.now - startedAt);
      else if (seat.state === "down") this.#simulation.at(LOOK_MS, look);
    };
    look();
    this.#simulation.at(HIDDEN_BACK_MS, () => this.#simulation.restart(seat, { keepState: true }));
  }

  #countCutOff(hidden) {
    for (const seat of hidden) {
      const relays = this.#simulation.relaysOf(seat);
      if (relays.length > 0 && relays.every(({ isCorrect }) => !isCorrect)) this.cutOff.add(seat.id);
    }
  }
}

export function render(rows) {
  const lines = groups(rows, "n", "f", "nat", "adversary").map((group) => {
    const [{ options, result }] = group;
    const total = (name) => sum(group.map((row) => row.result[name]));
    const crashes = group.flatMap((row) => row.result.crashes);
    return [
      options.n,
      percent(options.f),
      percent(options.nat),
      result.rings,
      result.relays,
      options.adversary,
      total("hours").toFixed(1),
      total("removals"),
      total("forPaths"),
      count(total("suspicions")),
      `${total("cutOff")} / ${total("removalsOfCutOff")}`,
      `${total("died")} / ${total("forgot")}`,
      `${crashes.length} of ${sum(group.map((row) => row.result.forgot))}: ${seconds(quantile(crashes, 0.5), 1)}, ${seconds(Math.max(...crashes), 1)}`,
      count(total("relayedBytes") / group.length),
      group.map((row) => row.options.seed).join(", "),
      rate(sum(group.map((row) => row.options.seconds)), sum(group.map((row) => row.seconds))),
    ];
  });
  const who = ["N", "liars", "behind NATs", "rings", "relays of each", "adversary", "correct-member-hours"];
  const harm = ["false removals", "accused for a path", "suspicions, all views", "cut off / removals of these"];
  const happened = [
    "relays died / NATs forgot",
    "crashes out of all views: median, last",
    "bytes/s that a relay passes on",
  ];
  return table([...who, ...harm, ...happened, "seeds", "simulated s/s"], lines);
}
