/** Claim 1 and 7: correct members thrown out of correct views, by adversary, share of liars and ring count. */

import { SLEEP_MS } from "../../dist/sim/adversaries/index.js";
import { ADVERSARIES } from "../../dist/sim/index.js";
import { Exposure } from "./exposure.mjs";
import { Life } from "./life.mjs";
import { count, groups, percent, rate, sum, table } from "./markdown.mjs";
import { correctOf, HOUR_MS, Mistakes, overlay } from "./run.mjs";

export const title = "False removals of correct members";
export const about = `Liars attack a network in which things happen: every 20 s a correct member goes, by turns with a goodbye and without, another one
joins, and a third one describes itself anew. Those who do not accuse by themselves are false accusers too. No packet is lost, so each
removal of a correct member that is there, from a correct view, is a broken promise. A suspicion is an accusation that a
correct view held for valid until it was answered; dead kept are members that went more than a minute before the end and are live in a
correct view. Exposed are correct members with liars as predecessors on more than t rings, for whom no claim is made, and whose
removals stand apart: the planned ring count leaves a risk of 1 % that a network has any. The aim is 10,000 hours a row at N = 100 and 1,000 at
N = 1,000: these are the hours that were run, one network or a few for each row, and the second table sums them up. Accusers say
most of what they can within half a minute, until their victims have disabled the rings on which they could say more, and then wait for newcomers;
sleepers behave for two hours before they do everything that is in this table; floods go on to the end.`;
/** Every one of them in turns takes so long. */
const ALL_SECONDS = 160;
/** Simulated seconds of one network, then another is drawn; an adversary costs up to a thousand times as much as another one. */
const SECONDS = new Map([
  ["all", ALL_SECONDS],
  // Behaves for two hours, then it is "all".
  ["sleeper", SLEEP_MS / 1000 + ALL_SECONDS],
  ["false-accuser", 1800],
  // They never run out of what they may say, or make others say it.
  ...["mob", "leapfrog", "pesterer", "silent", "epoch-accuser", "ring-accuser", "packet-flooder"].map((name) => [
    name,
    300,
  ]),
  ...["replayer", "certificate-flooder", "flapper"].map((name) => [name, 120]),
  ...["stranger-accuser", "note-flooder", "address-liar"].map((name) => [name, 60]),
  // A hundred members would take minutes for each second.
  ...["storm", "accusation-flooder"].map((name) => [name, 20]),
]);
/** After its first half minute all that any other one finds to attack are newcomers. */
const OTHERS_SECONDS = 600;
/** For other shares of liars than the one that the promises are made for. */
const OTHER_SHARES_SECONDS = 120;
const WHOLE = ["all", "sleeper"];
const DEAREST = ["storm", "accusation-flooder"];
/** Members of a network under these, and of all in the short form. */
const DEAREST_MEMBERS = 30;
/** Of the short form. */
const SHORTEST_SECONDS = 20;
/** The share that the promises are made for comes first. */
const SHARES = [0.2, 0.3, 0.1];
/** Who says accusations that can stand. */
const ACCUSERS = new Set([
  ...["all", "sleeper", "false-accuser", "mob", "whisperer", "blackout", "storm", "leapfrog"],
  ...["trapdoor", "pesterer", "accusation-flooder"],
]);
/** Of a thousand members: one victim at a time, and those who drop and keep; all at one moment would take hours of a core. */
const AT_LARGE = ["mob + rebuttal-dropper", "keeper + rebuttal-dropper"];
const LARGE_SECONDS = 300;

/** As it is run: beside somebody who accuses. */
const accusing = (name) => (ACCUSERS.has(name) ? name : `${name} + false-accuser`);
const ADVERSARY_NAMES = [...ADVERSARIES.keys()];

/** Network after network, each cell in turn: a run that is stopped has spent the same number of networks on each. */
export function jobs(scale) {
  const networks = Math.max(1, Math.round(scale));
  const cells = [];
  const cell = (n, f, name, seconds) =>
    cells.push({ n, f, adversary: n < 1000 ? accusing(name) : name, rings: "auto", seconds });
  if (scale < 1) {
    // In the short form sleepers would not wake.
    for (const name of ADVERSARY_NAMES.filter((name) => name !== "sleeper")) {
      cell(DEAREST_MEMBERS, SHARES[0], name, Math.max(SHORTEST_SECONDS, Math.round(secondsOf(name) * scale)));
    }
  } else {
    for (const f of SHARES) {
      for (const name of ADVERSARY_NAMES)
        cell(DEAREST.includes(name) ? DEAREST_MEMBERS : 100, f, name, secondsOf(name, f));
    }
    for (const names of AT_LARGE) cell(1000, 0.2, names, LARGE_SECONDS);
  }
  return Array.from({ length: networks }, (_, round) =>
    cells.map((options) => ({ ...options, seed: round + 1 })),
  ).flat();
}

function secondsOf(name, f = SHARES[0]) {
  const usual = SECONDS.get(name) ?? OTHERS_SECONDS;
  return f === SHARES[0] || WHOLE.includes(name) ? usual : Math.min(usual, OTHER_SHARES_SECONDS);
}

export function run({ n, f, adversary, rings, seconds, seed }) {
  const mistakes = new Mistakes();
  const simulation = overlay({ n, f, adversary, rings, seed, watchers: [mistakes] });
  const correct = correctOf(simulation).length;
  const exposure = new Exposure(simulation);
  const life = new Life(simulation, (goer, newcomer) => {
    mistakes.joined(newcomer);
    exposure.change(goer, newcomer);
  });
  mistakes.excused = (about) => life.gone.has(about.id);
  simulation.run(seconds * 1000);
  return {
    rings: simulation.ringCount,
    // Who goes is replaced at once.
    hours: (correct * seconds * 1000) / HOUR_MS,
    removals: mistakes.removals,
    removalsOfExposed: sum([...exposure.ids].map((id) => mistakes.removed.get(id) ?? 0)),
    suspicions: mistakes.suspicions,
    exposed: exposure.ids.size,
    gone: life.gone.size,
    kept: life.kept(),
    inputs: simulation.events,
    found: mistakes.found,
    digest: simulation.digest(),
  };
}

export function render(rows) {
  const lines = groups(rows, "n", "f", "adversary", "rings").map((group) => {
    const [{ options, result }] = group;
    const spent = sum(group.map(({ seconds }) => seconds));
    const { hours, removals, ofExposed, suspicions, exposed, gone, kept, inputs } = totals(group);
    return [
      options.n,
      percent(options.f),
      result.rings,
      options.adversary,
      hoursText(hours),
      removals,
      exposed,
      ofExposed,
      count(suspicions),
      `${kept} of ${gone}`,
      group.map((row) => row.options.seed).join(", "),
      count(inputs / spent),
      rate(sum(group.map((row) => row.options.seconds)), spent),
    ];
  });
  const headings = ["N", "liars", "rings", "adversary", "correct-member-hours", "false removals", "exposed members"];
  const more = ["removals of these", "suspicions", "dead kept", "seeds", "inputs/s", "simulated s/s"];
  return `${table([...headings, ...more], lines)}\n\n${together(rows)}`;
}

/** By N and share of liars, all adversaries. With no removal seen in h hours, 3 / h is the most that 95 % are sure of. */
function together(rows) {
  const lines = groups(rows, "n", "f").map((group) => {
    const [{ options, result }] = group;
    const { hours, removals, suspicions, inputs } = totals(group);
    const adversaries = new Set(group.map((row) => row.options.adversary)).size;
    const bound = (value, text) => (removals === 0 && value > 3 ? text(value / 3) : "");
    return [
      options.n,
      percent(options.f),
      result.rings,
      adversaries,
      group.length,
      hoursText(hours),
      removals,
      bound(hours, (value) => `1 in ${hoursText(value)} hours`),
      count(suspicions),
      bound(suspicions, (value) => `1 in ${count(value)}`),
      count(inputs),
    ];
  });
  const headings = ["N", "liars", "planned rings", "adversaries", "networks", "correct-member-hours", "false removals"];
  const bounds = ["at most, with 95 % confidence", "suspicions", "of which ended in a removal, at most"];
  return table([...headings, ...bounds, "inputs"], lines);
}

/** Sums over runs; removals of exposed members apart. */
function totals(group) {
  const total = (name) => sum(group.map(({ result }) => result[name]));
  const ofExposed = total("removalsOfExposed");
  return {
    hours: total("hours"),
    removals: total("removals") - ofExposed,
    ofExposed,
    suspicions: total("suspicions"),
    exposed: total("exposed"),
    gone: total("gone"),
    kept: total("kept"),
    inputs: total("inputs"),
  };
}

function hoursText(hours) {
  return hours < 100 ? hours.toFixed(1) : count(hours);
}
