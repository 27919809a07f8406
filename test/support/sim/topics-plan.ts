/** Plans with topics for tests: a calm network of correct members, and what a test changes of it. */
import { LAN } from "../../../gossip/index.js";
import { ringsFor } from "../../../sim/run/draw.js";
import type { Plan } from "../../../sim/run/plan.js";
import type { Program } from "../../../sim/topics/liars/program.js";
import type { TopicsPlan, Work } from "../../../sim/topics/plan.js";

export function topicsPlan(changes: {
  readonly plan?: Partial<Plan>;
  readonly work?: Partial<Work>;
  readonly topics?: TopicsPlan["topics"];
  readonly program?: Program | undefined;
}): TopicsPlan {
  const { members = 12, byzantine = 0 } = changes.plan ?? {};
  const plan: Plan = {
    seed: 1,
    members,
    byzantine,
    rings: ringsFor(members, byzantine),
    countExposed: false,
    adversaries: [],
    seconds: 4,
    start: "whole",
    crypto: "fake",
    settings: LAN,
    network: { latency: "lan", loss: 0, duplicates: 0, reordering: 0, bytesPerSecond: null },
    faults: [],
    ...changes.plan,
  };
  const work: Work = {
    topics: 2,
    publishers: 2,
    subscribers: members,
    perSecond: 10,
    bytes: 100,
    level: "some",
    handlerMs: 0,
    failing: 0,
    stuck: 0,
    churnMs: null,
    isPublisherKilled: false,
    seconds: plan.seconds,
    ...changes.work,
  };
  const { topics, program } = changes;
  return { plan, work, ...(topics && { topics }), ...(program && { program }) };
}
