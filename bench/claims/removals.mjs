/** Claim 1: correct members thrown out of correct views, by adversary and share of liars. */

import { SLEEP_MS } from "../../dist/sim/adversaries/index.js";
import { ADVERSARIES } from "../../dist/sim/index.js";
import { Exposure } from "./exposure.mjs";
import { Life } from "./life.mjs";
import { count, groups, percent, rate, sum, table } from "./markdown.mjs";
import { correctOf, HOUR_MS, Mistakes, overlay } from "./run.mjs";

export const title = "False removals of correct members";
export const about = `Liars attack a network in which things happen: every 10 s a correct member goes, by turns with a goodbye and without, another one
joins, and a third one describes itself anew. Those who do not accuse by themselves are false accusers too, but among a thousand members.
No packet is lost, so each removal of a correct member that is there, from a correct view, is a broken promise. Suspicions are accusations
that a correct view held for valid until they were answered, counted in each view; accused epochs count each of these once for all views.
Dead kept are members that went more than 20 s before the end and are live in a correct view. Exposed are correct members with liars as
predecessors on more than t rings at any time: no claim is made for them, and their removals and epochs stand apart. The planned ring
count leaves a risk of 1 % that a network has any. The aim is 10,000 hours a row at N = 100 and 1,000 at N = 1,000: these are the hours of
attack that were run, one network for each row, and the second table sums them up; at the rates of the last column 10,000 hours under an
attack as dense as this take a core from half a day to a month a row, and among thirty members up to half a year. Rows of the mended rules
had about a fifth of a core, beside other work: their rates say little. Sleepers behave for two hours, which do not count, before they do
everything that is in this table.`;
/** Every one of them in turns takes so long. */
const ALL_SECONDS = 210;
/** Simulated seconds of the attack in one network; then another is drawn. */
const SECONDS = new Map([
  ...["all", "sleeper"].map((name) => [name, ALL_SECONDS]),
  // Dear ones: they never run out of what they may say, or make others say it.
  ...["stranger-accuser", "note-flooder", "address-liar"].map((name) => [name, 60]),
  // A hundred members would take minutes for each second.
  ...["storm", "accusation-flooder"].map((name) => [name, 30]),
]);
const OTHERS_SECONDS = 60;
/** Milliseconds between two turns of life: a newcomer is whole in one second, and accused on all rings in the next ones. */
const TURN_MS = 10_000;
/** Members of a network with three tenths of liars: with a hundred, 79 rings cost as much as all other rows together. */
const MANY_LIARS = { f: 0.3, n: 50 };
const DEAREST = ["storm", "accusation-flooder"];
/** Members of a network under these, and of all in the short form. */
const DEAREST_MEMBERS = 30;
/** Of the short form. */
const SHORT_SECONDS = 20;
/** The share that the promises are made for comes first. */
const SHARES = [0.2, 0.3, 0.1];
/** Who says accusations that can stand. */
const ACCUSERS = new Set([
  ...["all", "sleeper", "false-accuser", "mob", "whisperer", "blackout", "storm", "leapfrog"],
  ...["trapdoor", "pesterer", "accusation-flooder"],
]);
/** Of a thousand members; false accusers, even against one victim at a time, would take hours of a core. */
const AT_LARGE = { n: 1000, f: SHARES[0], adversary: "keeper + rebuttal-dropper", seconds: 120 };

/** As it is run: beside somebody who accuses. */
const accusing = (name) => (ACCUSERS.has(name) ? name : `${name} + false-accuser`);
const NAMES = [...ADVERSARIES.keys()];

/** Network after network, each cell in turn: a run that is stopped has spent the same number of networks on each. */
export function jobs(scale) {
  const cells = scale < 1 ? shortCells() : longCells();
  const seeds = Array.from({ length: Math.max(1, Math.round(scale)) }, (_, index) => index + 1);
  return seeds.flatMap((seed) => cells.map((cell) => ({ ...cell, seed })));
}

function longCells() {
  const cells = SHARES.flatMap((f) =>
    NAMES.map((name) => {
      const usual = f === MANY_LIARS.f ? MANY_LIARS.n : 100;
      const n = DEAREST.includes(name) ? DEAREST_MEMBERS : usual;
      return { n, f, adversary: accusing(name), seconds: SECONDS.get(name) ?? OTHERS_SECONDS };
    }),
  );
  return [...cells, AT_LARGE];
}

/** Sleepers would take their two hours. */
function shortCells() {
  const names = NAMES.filter((name) => name !== "sleeper");
  return names.map((name) => ({ n: DEAREST_MEMBERS, f: SHARES[0], adversary: accusing(name), seconds: SHORT_SECONDS }));
}

export function run({ n, f, adversary, seconds, seed }) {
  const mistakes = new Mistakes();
  const simulation = overlay({ n, f, adversary, seed, watchers: [mistakes] });
  const correct = correctOf(simulation).length;
  const exposure = new Exposure(simulation);
  const asleepMs = adversary === "sleeper" ? SLEEP_MS : 0;
  const life = new Life(simulation, { everyMs: TURN_MS, delayMs: asleepMs }, (goer, newcomer) => {
    mistakes.joined(newcomer);
    exposure.change(goer, newcomer);
  });
  mistakes.excused = (about) => life.gone.has(about.id);
  simulation.run(asleepMs + seconds * 1000);
  const ofExposed = (counts) => sum([...exposure.ids].map((id) => counts.get(id) ?? 0));
  const epochs = new Map([...mistakes.accused].map(([id, accused]) => [id, accused.size]));
  return {
    rings: simulation.ringCount,
    // Who goes is replaced at once.
    hours: (correct * seconds * 1000) / HOUR_MS,
    removals: mistakes.removals - ofExposed(mistakes.removed),
    removalsOfExposed: ofExposed(mistakes.removed),
    suspicions: mistakes.suspicions,
    accusedEpochs: sum([...epochs.values()]) - ofExposed(epochs),
    exposed: exposure.ids.size,
    gone: life.kept(),
    inputs: simulation.events,
    found: mistakes.found,
    digest: simulation.digest(),
  };
}

export function render(rows) {
  const lines = groups(rows, "n", "f", "adversary").map((group) => {
    const [{ options, result }] = group;
    const spent = sum(group.map(({ seconds }) => seconds));
    const { total, kept } = totals(group);
    return [
      options.n,
      percent(options.f),
      result.rings,
      options.adversary,
      hoursText(total("hours")),
      total("removals"),
      total("exposed"),
      total("removalsOfExposed"),
      count(total("suspicions")),
      count(total("accusedEpochs")),
      kept,
      group.map((row) => row.options.seed).join(", "),
      count(total("inputs") / spent),
      rate(sum(group.map((row) => row.options.seconds)), spent),
    ];
  });
  const headings = ["N", "liars", "rings", "adversary", "correct-member-hours", "false removals", "exposed members"];
  const more = ["removals of these", "suspicions", "accused epochs", "dead kept", "seeds", "inputs/s", "simulated s/s"];
  return `${table([...headings, ...more], lines)}\n\n${together(rows)}`;
}

/** By N and share of liars, all adversaries. With no removal seen in h hours, 3 / h is the most that 95 % are sure of. */
function together(rows) {
  const lines = groups(rows, "n", "f").map((group) => {
    const [{ options, result }] = group;
    const { total, kept } = totals(group);
    const bound = (value, text) => (total("removals") === 0 && value > 3 ? text(value / 3) : "");
    return [
      options.n,
      percent(options.f),
      result.rings,
      new Set(group.map((row) => row.options.adversary)).size,
      group.length,
      hoursText(total("hours")),
      total("removals"),
      bound(total("hours"), (value) => `1 in ${hoursText(value)} hours`),
      count(total("accusedEpochs")),
      bound(total("accusedEpochs"), (value) => `1 in ${count(value)}`),
      kept,
      count(total("inputs")),
    ];
  });
  const headings = ["N", "liars", "planned rings", "adversaries", "networks", "correct-member-hours", "false removals"];
  const bounds = [
    "at most, with 95 % confidence",
    "accused epochs",
    "of which ended in a removal, at most",
    "dead kept",
  ];
  return table([...headings, ...bounds, "inputs"], lines);
}

/** Sums over runs. */
function totals(group) {
  const total = (name) => sum(group.map(({ result }) => result[name]));
  const gone = (name) => sum(group.map(({ result }) => result.gone[name]));
  return { total, kept: gone("of") === 0 ? "" : `${gone("kept")} of ${gone("of")}` };
}

function hoursText(hours) {
  return hours < 100 ? hours.toFixed(1) : count(hours);
}
