/** Plans with a flooder, drawn from a seed: which kinds of packets, how many, how often, to whom; in memory that is soon full. */
import type { PacketKind } from "../../../topics/index.js";
import { Chance } from "../../chance.js";
import type { Audience, Deed, Program } from "../liars/program.js";
import type { TopicsPlan } from "../plan.js";
import { drawTopicsPlan } from "./draw.js";

/** A stream of a seed, apart from those of the plan around. */
const STREAM = 0x666c6f6f;
const MIB = 1024 * 1024;
const KINDS: readonly PacketKind[] = [
  ...(["batch", "announce", "pull", "progress", "gone", "ask", "heads", "start", "proof", "refused"] as const),
  ...(["handled", "awaited", "part"] as const),
];
const AUDIENCES: readonly Audience[] = ["correct", "correct", "victim", "all"];
/** Milliseconds between two times, and packets at a time: up to two thousand a second to each of sixteen. */
const EVERY = [10, 20, 100] as const;
const COUNTS = [1, 5, 20] as const;
/** Liars, of so many members. */
const MEMBERS = [8, 16] as const;
const SECONDS = 5;

export function drawFloodPlan(seed: number): TopicsPlan {
  const chance = new Chance(seed, STREAM);
  const { plan, work } = drawTopicsPlan(seed);
  const members = chance.between(...MEMBERS);
  const byzantine = chance.between(1, Math.floor(members / 4));
  return {
    plan: { ...plan, members, byzantine, adversaries: [], faults: [], seconds: SECONDS },
    work: { ...work, subscribers: members, publishers: 2, churnMs: null, isPublisherKilled: false, seconds: SECONDS },
    topics: { retentionBytes: chance.pick([2, 8, 64])! * MIB },
    program: drawFlooder(chance),
  };
}

export function drawFlooder(chance: Chance): Program {
  const deed = (): Deed => ({
    say: "anything",
    to: chance.pick(AUDIENCES)!,
    everyMs: chance.pick(EVERY)!,
    count: chance.pick(COUNTS)!,
    ...(chance.happens(0.7) && { kinds: Array.from({ length: chance.between(1, 3) }, () => chance.pick(KINDS)!) }),
  });
  return {
    rules: [],
    deeds: Array.from({ length: chance.between(1, 2) }, deed),
    interests: chance.happens(0.5) ? [">"] : [],
  };
}
