/** Claim 1 and 7: correct members thrown out of correct views, by adversary, share of liars and ring count. */

import { hash } from "node:crypto";
import { Rings, tolerance } from "../../dist/rings/index.js";
import { SLEEP_MS } from "../../dist/sim/adversaries/index.js";
import { ADVERSARIES } from "../../dist/sim/index.js";
import { count, groups, percent, rate, sum, table } from "./markdown.mjs";
import { correctOf, HOUR_MS, Mistakes, overlay } from "./run.mjs";

export const title = "False removals of correct members";
export const about = `Nobody crashes and no packet is lost: each removal of a correct member from a correct view is a broken promise. A suspicion
is an accusation that a correct view held for valid until it was answered. Exposed are correct members with liars as
predecessors on more than t rings, for whom no claim is made, and whose removals stand apart: the planned ring count leaves a risk of 1 % that
a network has any. Rows with 10 rings have Ifrit's ring count, whatever the share of liars, and show what rings buy.
The aim is 10,000 hours a row at N = 100 and 1,000 at N = 1,000. Hours differ by what an attack costs to simulate, and few rows are
there yet; the second table sums them up. Accusers say all that they can within
the first minutes of a network, until their victims have disabled the rings on which they could say more; sleepers
behave for two hours before they do everything that is in this table; floods go on to the end.`;
/** Every one of them in turns takes so long. */
const ALL_SECONDS = 160;
/** Simulated seconds of one network, then another is drawn; an adversary costs up to a thousand times as much as a quiet one. */
const SECONDS = new Map([
  ["all", ALL_SECONDS],
  // Behaves for two hours, then it is "all".
  ["sleeper", SLEEP_MS / 1000 + ALL_SECONDS],
  // Within some minutes the victims have disabled every ring on which these could say more, and it is quiet.
  ...["false-accuser", "whisperer", "blackout", "trapdoor", "equivocator"].map((name) => [name, 1800]),
  // One victim after the other: a turn for each.
  ["mob", 720],
  // They never run out of what they may say.
  ...["leapfrog", "pesterer", "stranger-accuser", "epoch-accuser", "ring-accuser"].map((name) => [name, 300]),
  ...["mask-abuser", "last-epoch", "silent", "flapper", "displacer", "hog", "replayer"].map((name) => [name, 300]),
  ...["packet-flooder", "note-flooder", "certificate-flooder", "fingerprint-liar"].map((name) => [name, 300]),
  // Whoever watches these accuses them again and again.
  ["address-liar", 60],
  // A hundred members would take minutes for each second.
  ...["storm", "accusation-flooder"].map((name) => [name, 20]),
]);
/** All others cost little more than a quiet network, and may lie for hours. */
const OTHERS_SECONDS = 18_000;
const DEAREST = ["storm", "accusation-flooder"];
/** Members of a network under these, and of all in the short form. */
const DEAREST_MEMBERS = 30;
/** A thousand members: the dear part of an attack is over by then. */
const LARGE_SECONDS = 900;
/** Ifrit's rings: too few of them may be disabled for a false accuser to be spent. */
const FEW = 10;
const NEVER_SPENT_SECONDS = 60;
/** Of the short form. */
const SHORTEST_SECONDS = 20;
/** The share that the promises are made for comes first. */
const SHARES = [0.2, 0.3, 0.1];
/** Of one victim at a time and of all at one moment, which take hours of a core; and the quiet two, which take minutes. */
const AT_LARGE = ["mob", "blackout", "keeper", "rebuttal-dropper"];
const HOURS = { 30: 10_000, 100: 10_000, 1000: 1000 };

const SINGLE = [...ADVERSARIES.keys()].filter((name) => name !== "all");

/** Network after network, each cell in turn: a run that is stopped has spent the same number of networks on each. */
export function jobs(scale) {
  const cells = [];
  const cell = (n, f, adversary, rings = "auto") => {
    const seconds = secondsOf(n, adversary, rings, scale);
    const networks = scale < 1 ? 1 : Math.ceil((HOURS[n] * scale * 3600) / (n * (1 - f) * seconds));
    cells.push(Array.from({ length: networks }, (_, index) => ({ n, f, adversary, rings, seconds, seed: index + 1 })));
  };
  // In the short form sleepers would not wake.
  const adversaries = ["all", ...SINGLE].filter((name) => scale >= 1 || name !== "sleeper");
  const membersFor = (adversary) => (scale < 1 || DEAREST.includes(adversary) ? DEAREST_MEMBERS : 100);
  for (const f of SHARES) for (const adversary of adversaries) cell(membersFor(adversary), f, adversary);
  for (const f of SHARES) for (const adversary of ["mob", "blackout", "false-accuser"]) cell(100, f, adversary, FEW);
  for (const adversary of AT_LARGE) cell(1000, 0.2, adversary);
  const rounds = Math.max(...cells.map((networks) => networks.length));
  return Array.from({ length: rounds }, (_, round) => cells.flatMap((networks) => networks[round] ?? [])).flat();
}

function secondsOf(n, adversary, rings, scale) {
  const usual = SECONDS.get(adversary) ?? OTHERS_SECONDS;
  if (scale < 1) return Math.min(usual, Math.max(SHORTEST_SECONDS, Math.round(usual * scale)));
  if (n === 1000) return LARGE_SECONDS;
  return rings === FEW && adversary === "false-accuser" ? NEVER_SPENT_SECONDS : usual;
}

export function run({ n, f, adversary, rings, seconds, seed }) {
  const mistakes = new Mistakes();
  const simulation = overlay({ n, f, adversary, rings, seed, watchers: [mistakes] });
  simulation.run(seconds * 1000);
  const near = exposed(simulation);
  return {
    rings: simulation.ringCount,
    hours: (correctOf(simulation).length * seconds * 1000) / HOUR_MS,
    removals: mistakes.removals,
    removalsOfExposed: sum(near.map(({ id }) => mistakes.removed.get(id) ?? 0)),
    suspicions: mistakes.suspicions,
    exposed: near.length,
    inputs: simulation.events,
    found: mistakes.found,
    digest: simulation.digest(),
  };
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
  });
}

export function render(rows) {
  const lines = groups(rows, "n", "f", "adversary", "rings").map((group) => {
    const [{ options, result }] = group;
    const spent = sum(group.map(({ seconds }) => seconds));
    const { hours, removals, ofExposed, suspicions, exposed, inputs } = totals(group);
    return [
      options.n,
      percent(options.f),
      result.rings,
      options.adversary,
      hoursText(hours),
      `${removals}`,
      exposed,
      `${ofExposed}`,
      count(suspicions),
      group.length,
      count(inputs / spent),
      rate(sum(group.map((row) => row.options.seconds)), spent),
    ];
  });
  const headings = ["N", "liars", "rings", "adversary", "correct-member-hours", "false removals", "exposed members"];
  const more = ["removals of these", "suspicions", "networks (seeds from 1)", "inputs/s", "simulated s/s"];
  return `${table([...headings, ...more], lines)}\n\n${together(rows.filter(({ options }) => options.rings === "auto"))}`;
}

/** By N and share of liars, all adversaries. With no removal seen in h hours, 3 / h is the most that 95 % are sure of. */
function together(rows) {
  const lines = groups(rows, "n", "f").map((group) => {
    const [{ options, result }] = group;
    const { hours, removals, inputs } = totals(group);
    const adversaries = new Set(group.map((row) => row.options.adversary)).size;
    const bound = removals === 0 && hours > 3 ? `1 in ${hoursText(hours / 3)} hours` : "";
    return [
      options.n,
      percent(options.f),
      result.rings,
      adversaries,
      group.length,
      hoursText(hours),
      removals,
      bound,
      count(inputs),
    ];
  });
  const headings = ["N", "liars", "planned rings", "adversaries", "networks", "correct-member-hours", "false removals"];
  return table([...headings, "at most, with 95 % confidence", "inputs"], lines);
}

/** Sums over runs; removals of exposed members apart. */
function totals(group) {
  const total = (name) => sum(group.map(({ result }) => result[name] ?? 0));
  const ofExposed = total("removalsOfExposed");
  return {
    hours: total("hours"),
    removals: total("removals") - ofExposed,
    ofExposed,
    suspicions: total("suspicions"),
    exposed: total("exposed"),
    inputs: total("inputs"),
  };
}

function hoursText(hours) {
  return hours < 100 ? hours.toFixed(1) : count(hours);
}
