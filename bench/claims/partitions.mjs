/** Claim 6: partitions heal; the stalled are taken for dead at worst themselves, and take nobody with them. */
import { partition } from "../../dist/sim/index.js";
import { groups, percent, rate, seconds, sum, table } from "./markdown.mjs";
import { overlay } from "./run.mjs";

export const title = "Partitions and stalled members";
export const about = `Nothing passes between the parts until it heals. Then: a quarter of the members stand still for 5 s of each minute, all at
once, and nobody else may be removed. They are removed themselves, because 5 s is more than 2 Delta, and return at once; from the
second removal within two minutes on their return is put off (rule R13), and views are "not at all" whole within that minute.`;
/** Halves of more members remove and take back each other at a cost that grows with the square. */
const MEMBERS = 100;
/** In the short form. */
const SHORT_MEMBERS = 30;
const WARM_UP_MS = 20_000;
const MINUTE_MS = 60_000;

export function jobs(scale) {
  const minutes = Math.max(2, Math.round(30 * scale));
  const n = scale >= 1 ? MEMBERS : SHORT_MEMBERS;
  const divided = [
    [0.5, 0.5],
    [0.9, 0.1],
    [0.34, 0.33, 0.33],
  ].map((shares) => ({ kind: "partition", n, shares, minutes, seed: 1 }));
  return [...divided, { kind: "stalls", n, share: 0.25, minutes: Math.min(10, minutes), seed: 1 }];
}

export function run(job) {
  return job.kind === "partition" ? divide(job) : stall(job);
}

function divide({ n, shares, minutes, seed }) {
  const simulation = overlay({ n, plannedFor: 0.2, seed });
  simulation.run(WARM_UP_MS);
  const groups = parts(simulation.members, shares);
  const fault = simulation.network.add(partition("partition", groups));
  simulation.run(minutes * MINUTE_MS);
  const apart = groups.every((group) => group.every(({ machine }) => machine.members().length === group.length - 1));
  simulation.network.remove(fault);
  const healedAt = simulation.now;
  const whole = simulation.runUntil(() => simulation.isWhole(), 10 * MINUTE_MS, 100);
  return {
    rings: simulation.ringCount,
    apart,
    wholeAfter: whole === undefined ? undefined : simulation.now - healedAt,
    simulated: simulation.now / 1000,
  };
}

function parts(members, shares) {
  const ends = shares.map((_, index) => Math.round(members.length * sum(shares.slice(0, index + 1))));
  return ends.map((end, index) => members.slice(ends[index - 1] ?? 0, end));
}

function stall({ n, share, minutes, seed }) {
  const watch = new Watch();
  const simulation = overlay({ n, plannedFor: 0.2, seed, watchers: [watch] });
  simulation.run(WARM_UP_MS);
  const stalling = simulation.members.slice(0, Math.round(share * n));
  watch.stalling = new Set(stalling.map(({ id }) => id));
  const back = [];
  for (let minute = 0; minute < minutes; minute++) {
    for (const seat of stalling) simulation.stall(seat);
    simulation.run(5000);
    for (const seat of stalling) simulation.resume(seat);
    const resumedAt = simulation.now;
    const whole = simulation.runUntil(() => simulation.isWhole(), 50_000, 100);
    back.push(whole === undefined ? Infinity : simulation.now - resumedAt);
    simulation.run(Math.max(0, MINUTE_MS - 5000 - (simulation.now - resumedAt)));
  }
  const { others, themselves, standing } = watch;
  return {
    rings: simulation.ringCount,
    othersRemoved: others,
    stalledRemoved: themselves,
    accusedByStalled: standing,
    backAfterMax: Math.max(...back),
    simulated: simulation.now / 1000,
  };
}

class Watch {
  stalling = new Set();
  others = 0;
  themselves = 0;
  standing = 0;

  told(seat, output) {
    if (output.kind === "suspected" && this.stalling.has(seat.id) && !this.stalling.has(output.member.id)) {
      this.standing += 1;
    }
    if (output.kind !== "failed") return;
    if (this.stalling.has(output.member.id)) this.themselves += 1;
    else this.others += 1;
  }
}

export function render(rows) {
  const of = (kind) => rows.filter(({ options }) => options.kind === kind);
  const divided = of("partition").map(({ options, result, seconds: spent }) => [
    options.n,
    result.rings,
    options.shares.map((share) => Math.round(share * 100)).join("/"),
    `${options.minutes} min`,
    result.apart ? "yes" : "no",
    seconds(result.wholeAfter, 1),
    rate(result.simulated, spent),
  ]);
  const stalled = groups(of("stalls"), "n").map(([{ options, result, seconds: spent }]) => [
    options.n,
    result.rings,
    `${percent(options.share)}, 5 s each minute, ${options.minutes} min`,
    result.othersRemoved,
    result.accusedByStalled,
    result.stalledRemoved,
    seconds(result.backAfterMax, 1),
    rate(result.simulated, spent),
  ]);
  const headings = ["N", "rings", "stalled", "others removed", "others suspected in views of the stalled"];
  return [
    table(["N", "rings", "parts", "for", "parts whole in themselves", "whole again after", "simulated s/s"], divided),
    table(
      [...headings, "stalled removed, all views", "all views whole after waking, at most", "simulated s/s"],
      stalled,
    ),
  ].join("\n\n");
}
