/**
 * Publish and subscribe among a thousand members, all of them subscribers, in the simulator: bytes for each message and
 * subscriber beside the least possible, which is one batch with its signature and frame. Every run has another seed.
 */
import { rounded } from "../support/measure.mjs";

const MEMBERS = 1000;
const MEMBERS_QUICK = 100;
const PER_SECOND = 10;
const SECONDS = 3;

async function runThousand({ runs, quick }) {
  const { topicsPlan } = await import("../claims/topics.mjs");
  const { playTopics } = await import("../../dist/sim/topics/play.js");
  const n = quick ? MEMBERS_QUICK : MEMBERS;
  const played = Array.from({ length: runs }, (_, run) => {
    const plan = topicsPlan({ n, subscribers: n, f: 0, loss: 0, story: "quiet", seconds: SECONDS, seed: run + 1 });
    const work = { ...plan.work, publishers: 1, perSecond: PER_SECOND };
    const { figures, bytes, least, violations } = playTopics({ ...plan, work });
    if (violations.length > 0) throw new Error(`${violations[0].invariant}: ${violations[0].text}`);
    return { ...figures, ours: bytes / figures.carried, least };
  });
  const most = (name) => Math.max(...played.map((each) => each[name]));
  return {
    ours: played.map(({ ours }) => ours),
    peer: played.map(({ least }) => least),
    details: {
      members: n,
      hopsP50: most("hopsP50"),
      hopsP99: most("hopsP99"),
      msP50: rounded(most("p50")),
      msP99: rounded(most("p99")),
    },
  };
}

export const rows = [
  {
    name: "topic-1000",
    what: "bytes for each message of 100 B and each of 1,000 subscribers, in the simulator",
    unit: "bytes",
    aim: { atMost: 1.55 },
    peer: "the least possible: one batch with its signature",
    run: runThousand,
  },
];
