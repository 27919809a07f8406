/** Claim 7: what the ring count buys. The same attacks with a few rings, with Ifrit's ten, and with those that are planned. */
import { tolerance } from "../../dist/rings/index.js";
import { Exposure } from "./exposure.mjs";
import { percent, rate, table } from "./markdown.mjs";
import { bytesOf, correctOf, Mistakes, overlay } from "./run.mjs";

export const title = "Too few rings";
export const about = `N = 100. Ifrit has 10 rings, whatever the share of liars. A victim disables rings on which it is accused, t of them at most; liars before
an exposed member on more rings than that accuse it for ever. It answers each time, so it stays, but the network has no rest: suspicions are
counted per correct member and minute, in all views, while false accusers are at work, and beside them the bytes that a correct
member sends. Removals are those under false accusers, and under accusers of all at one moment that pass no answer on. Dead kept:
the ten correct members with the most liars as predecessors crash, among keepers; who is in a correct view a minute later had
no correct monitor left, or too few to accuse it past liars.`;
const WARM_UP_MS = 20_000;
const PART_MS = 20_000;
const KEPT_AFTER_MS = 60_000;
const CRASHES = 10;
const FEW = [3, 5, 10];
const RINGS = [...FEW, "auto"];

export function jobs(scale) {
  const n = scale < 1 ? 30 : 100;
  return [0.2, 0.3].flatMap((f) => RINGS.map((rings) => ({ n, f, rings, seed: 1 })));
}

export function run(options) {
  const accused = attacked(options, "false-accuser");
  const dark = attacked(options, "blackout + rebuttal-dropper");
  const { rings, kept, simulated } = crashed(options);
  return {
    rings,
    exposed: accused.exposed,
    parts: accused.parts,
    removals: accused.removals,
    removalsDark: dark.removals,
    kept,
    simulated: simulated + 4 * (PART_MS / 1000),
  };
}

/** The first part and the second one: an attack that is spent is over by then. */
function attacked(options, adversary) {
  const mistakes = new Mistakes();
  const simulation = overlay({ ...options, adversary, watchers: [mistakes] });
  const correct = correctOf(simulation);
  const parts = Array.from({ length: 2 }, () => {
    const [said, sent] = [mistakes.suspicions, bytesOf(simulation, correct)];
    simulation.run(PART_MS);
    return {
      suspicionsPerMinute: ((mistakes.suspicions - said) / correct.length) * (60_000 / PART_MS),
      bytesPerSecond: (bytesOf(simulation, correct) - sent) / correct.length / (PART_MS / 1000),
    };
  });
  return { parts, removals: mistakes.removals, exposed: new Exposure(simulation).ids.size };
}

function crashed(options) {
  const simulation = overlay({ ...options, adversary: "keeper" });
  simulation.run(WARM_UP_MS);
  const exposure = new Exposure(simulation);
  const near = (seat) => exposure.liarsBefore(seat.id);
  const dead = correctOf(simulation)
    .toSorted((a, b) => near(b) - near(a))
    .slice(0, CRASHES);
  for (const seat of dead) simulation.crash(seat);
  simulation.run(KEPT_AFTER_MS);
  const views = correctOf(simulation).filter((seat) => !dead.includes(seat));
  const kept = dead.filter(({ id }) => views.some(({ machine }) => machine.member(id))).length;
  return { rings: simulation.ringCount, kept, simulated: simulation.now / 1000 };
}

export function render(rows) {
  const lines = rows.map(({ options, result, seconds: spent }) => [
    options.n,
    percent(options.f),
    result.rings,
    tolerance(result.rings),
    result.exposed,
    ...result.parts.map((part) => `${Math.round(part.suspicionsPerMinute)}, ${Math.round(part.bytesPerSecond)} B/s`),
    `${result.removals} / ${result.removalsDark}`,
    `${result.kept} of ${CRASHES}`,
    options.seed,
    rate(result.simulated, spent),
  ]);
  const headings = ["N", "liars", "rings", "t", "exposed members", "suspicions, bytes: first 20 s", "next 20 s"];
  return table([...headings, "removals", "dead kept", "seed", "simulated s/s"], lines);
}
