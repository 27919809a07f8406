/** What the search for attacks on topics found, and what was mended since: each plan is as small as it could be made. */
import { expect, it } from "vitest";
import { LAN } from "../../../gossip/index.js";
import { playTopics } from "../../../sim/topics/play.js";
import { topicsPlan } from "../../support/sim/topics-plan.js";

it("seed 1011: a subscriber that came back is told where it is, also when the first word to it gets lost", () => {
  const plan = topicsPlan({
    plan: {
      seed: 1011,
      members: 2,
      rings: 3,
      settings: LAN,
      network: { latency: "steady", loss: 0, duplicates: 0, reordering: 0, bytesPerSecond: null },
      faults: [{ kind: "partition", at: 2_000, lasts: 8_409, share: 0.5, oneWay: false }],
      seconds: 3,
    },
    work: {
      ...{ topics: 1, publishers: 3, subscribers: 3, perSecond: 5, bytes: 16, level: "none", failing: 0.1 },
      ...{ churnMs: 3_275, seconds: 10 },
    },
  });
  expect(playTopics(plan).violations).toEqual([]);
});
