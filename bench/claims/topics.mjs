/** Claim: topics lose nothing while members lie, packets get lost, members come and go, and a publisher is killed in the middle. */
import { ringsNeeded } from "../../dist/rings/index.js";
import { PRESETS } from "../../dist/sim/run/plan.js";
import { PROGRAMS } from "../../dist/sim/topics/liars/programs.js";
import { playTopics } from "../../dist/sim/topics/play.js";
import { count, groups, percent, rate, sum, table } from "./markdown.mjs";

export const title = "Publish and subscribe";
export const about = `Each member runs the machine of \`topics/\` beside that of \`gossip/\`. Three correct members publish messages of 100 bytes on one
topic, two a second each, with level \`some\`; subscribers are drawn from all members, liars among them. Liars play one program of
docs/adversaries.md for each row ("conspiracy" is all of what they can do at once, with one mind). Quiet: nobody goes. Churn: every half second a correct member
that does not publish crashes, and is back a second later. Killed: the first publisher dies in the middle. Missing are messages that a
correct subscription which goes on was owed and not handed a minute after the last one; lost are those of which it was told that they are lost.
Broken: what T2 to T5 found. Times are from \`publish\` to the handler, the catching up of those who were away included; hops are links on which
the batch came. Bytes are all that correct members sent for topics, for each message and subscriber, beside the least possible: one batch with its
signature. What liars ask for, and get within their budgets, is counted as well: a flooder asks for gigabytes in a minute. The planned ring count is that for the share of liars.`;

const SECONDS = 5;
const PUBLISHERS = 3;
const PER_SECOND = 2;
const BYTES = 100;
const CHURN_MS = 500;
const STORIES = ["quiet", "churn", "killed"];
const LIARS = "topic-conspiracy";

export function jobs(scale) {
  const seeds = Array.from({ length: Math.max(1, Math.round(scale)) }, (_, index) => index + 1);
  if (scale < 1)
    return [{ n: 40, subscribers: 20, f: 0.2, loss: 0.05, story: "killed", program: LIARS, seconds: 4, seed: 1 }];
  return seeds.flatMap((seed) => [...sizes(seed), ...adversaries(seed)]);
}

function* sizes(seed) {
  for (const n of [100, 1000]) {
    for (const subscribers of new Set([10, 100, n])) {
      for (const f of [0, 0.1, 0.2, 0.3]) {
        for (const loss of [0, 0.05]) {
          for (const story of STORIES) {
            yield { n, subscribers, f, loss, story, program: f > 0 ? LIARS : "none", seconds: SECONDS, seed };
          }
        }
      }
    }
  }
}

/** Each adversary alone, in one network. */
function* adversaries(seed) {
  for (const program of PROGRAMS.keys()) {
    if (program !== LIARS)
      yield { n: 100, subscribers: 100, f: 0.2, loss: 0, story: "killed", program, seconds: SECONDS, seed };
  }
}

/** A plan with these options: three publishers, two messages a second each. Liars play a program by its name, or "none". */
export function topicsPlan({ n, subscribers, f, loss, story, program = "none", seconds, seed }) {
  const { rings } = ringsNeeded({ members: n, byzantine: f || 0.1 });
  const plan = {
    seed,
    members: n,
    byzantine: Math.round(f * n),
    rings,
    countExposed: false,
    adversaries: [],
    seconds,
    start: "whole",
    crypto: "fake",
    settings: PRESETS.lan,
    network: { latency: "lan", loss, duplicates: 0, reordering: 0, bytesPerSecond: null },
    faults: [],
  };
  const work = {
    topics: 1,
    publishers: PUBLISHERS,
    subscribers,
    perSecond: PER_SECOND,
    bytes: BYTES,
    level: "some",
    handlerMs: 0,
    failing: 0,
    stuck: 0,
    churnMs: story === "churn" ? CHURN_MS : null,
    isPublisherKilled: story === "killed",
    seconds,
  };
  return { plan, work, ...(program !== "none" && { program: PROGRAMS.get(program) }) };
}

export function run(options) {
  const { figures, violations, bytes, least, overlay, settledAfter } = playTopics(topicsPlan(options));
  const missing = violations.filter(({ invariant }) => invariant === "T1").length;
  return {
    rings: overlay.simulation.ringCount,
    ...figures,
    missing,
    broken: violations.length - missing,
    found: violations.slice(0, 3).map(({ invariant, member, text }) => `${invariant} ${member} ${text}`),
    bytes: bytes / Math.max(1, figures.carried),
    byKind: Object.fromEntries(overlay.spent.correct),
    least,
    settledAfter,
    inputs: overlay.simulation.events,
    digest: overlay.simulation.digest(),
  };
}

const ms = (value) => (value === null ? "" : value.toFixed(1));

export function render(rows) {
  const lines = groups(rows, "n", "subscribers", "f", "loss", "story", "program").map((group) => {
    const [{ options }] = group;
    const total = (name) => sum(group.map((row) => row.result[name]));
    const most = (name) => Math.max(...group.map((row) => row.result[name] ?? 0));
    return [
      options.n,
      options.subscribers,
      percent(options.f),
      percent(options.loss),
      options.story,
      options.program.replace("topic-", ""),
      count(total("handed")),
      total("missing"),
      total("lost"),
      total("broken"),
      `${ms(most("p50"))} / ${ms(most("p99"))} / ${ms(most("last"))}`,
      `${most("hopsP50")} / ${most("hopsP99")}`,
      `${Math.round(most("bytes"))} / ${most("least")}`,
      group.map((row) => row.options.seed).join(", "),
      rate(sum(group.map((row) => row.options.seconds)), sum(group.map((row) => row.seconds))),
    ];
  });
  const what = ["N", "subscribers", "liars", "packets lost", "story", "liars' program"];
  const kept = ["handed", "missing", "lost", "broken"];
  const cost = [
    "ms: median / 99 of 100 / last",
    "hops: median / 99 of 100",
    "bytes each / least",
    "seeds",
    "simulated s/s",
  ];
  return table([...what, ...kept, ...cost], lines);
}
