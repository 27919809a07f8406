/** Claim 1 and 7: correct members thrown out of correct views, by adversary, share of liars and ring count. */

import { hash } from "node:crypto";
import { Rings, tolerance } from "../../dist/rings/index.js";
import { ADVERSARIES } from "../../dist/sim/index.js";
import { count, groups, percent, rate, sum, table } from "./markdown.mjs";
import { correctOf, HOUR_MS, Mistakes, overlay } from "./run.mjs";

export const title = "False removals of correct members";
export const about = `Nobody crashes and no packet is lost: each removal of a correct member from a correct view is a broken promise. A suspicion
is an accusation that a correct view held for valid until it was answered. Exposed are correct members with liars as
predecessors on more than t rings, for whom no claim is made: the planned ring count leaves a risk of 1 % that a
network has any. Rows with 10 rings have Ifrit's ring count, whatever the share of liars, and show what rings buy.`;
/** Simulated seconds of one network; then another is drawn. */
const SECONDS = 900;
const SHARES = [0.1, 0.2, 0.3];
const LARGE = ["all", "false-accusers"];

export function jobs(scale) {
  const cells = [];
  const cell = (n, f, adversary, hours, rings = "auto") => {
    const seconds = n === 100 ? SECONDS : 300;
    const perNetwork = (n * (1 - f) * seconds) / 3600;
    const networks = Math.max(1, Math.ceil((hours * scale) / perNetwork));
    // In portions, so that a run that is stopped keeps what it has.
    for (let first = 1, each = Math.ceil(networks / 4); first <= networks; first += each) {
      cells.push({ n, f, adversary, rings, seconds, first, networks: Math.min(each, networks - first + 1) });
    }
  };
  for (const adversary of ["all", ...ADVERSARIES.keys()]) for (const f of SHARES) cell(100, f, adversary, 10_000);
  for (const f of SHARES) for (const adversary of LARGE) cell(1000, f, adversary, 1000);
  for (const f of SHARES) cell(100, f, "all", 1000, 10);
  return cells;
}

export function run({ n, f, adversary, rings, seconds, first, networks }) {
  const sum = { hours: 0, removals: 0, suspicions: 0, exposed: 0, inputs: 0, seconds: 0, found: [] };
  for (let seed = first; seed < first + networks; seed++) {
    const mistakes = new Mistakes();
    const simulation = overlay({ n, f, adversary, rings, seed, watchers: [mistakes] });
    simulation.run(seconds * 1000);
    const correct = correctOf(simulation);
    sum.hours += (correct.length * seconds * 1000) / HOUR_MS;
    sum.removals += mistakes.removals;
    sum.suspicions += mistakes.suspicions;
    sum.exposed += exposed(simulation);
    sum.inputs += simulation.events;
    sum.seconds += seconds;
    if (mistakes.found.length > 0) sum.found.push({ seed, first: mistakes.found[0] });
    sum.rings = simulation.ringCount;
  }
  return sum;
}

/** Correct members with liars as predecessors on more than t rings: no claim is made for these (protocol section 2). */
function exposed({ members, ringCount: count }) {
  const rings = new Rings({ count, sha256: (data) => hash("sha256", data, "buffer") });
  for (const { id } of members) rings.add(id);
  const liars = new Set(members.filter(({ isCorrect }) => !isCorrect).map(({ id }) => id));
  return members.filter(({ id, isCorrect }) => {
    let near = 0;
    for (let ring = 1; ring <= count; ring++) if (liars.has(rings.predecessor(ring, id, () => false))) near += 1;
    return isCorrect && near > tolerance(count);
  }).length;
}

export function render(rows) {
  const lines = groups(rows, "n", "f", "adversary", "rings").map((group) => {
    const [{ options, result }] = group;
    const total = (name) => sum(group.map((row) => row.result[name]));
    const spent = sum(group.map(({ seconds }) => seconds));
    return [
      options.n,
      percent(options.f),
      result.rings,
      options.adversary,
      count(total("hours")),
      `${total("removals")}`,
      count(total("suspicions")),
      total("exposed"),
      sum(group.map((row) => row.options.networks)),
      count(total("inputs") / spent),
      rate(total("seconds"), spent),
    ];
  });
  const headings = ["N", "liars", "rings", "adversary", "correct-member-hours", "false removals", "suspicions"];
  return table([...headings, "exposed members", "networks (seeds from 1)", "inputs/s", "simulated s/s"], lines);
}
