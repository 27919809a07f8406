/** Plans with topics drawn from a seed: small networks of all shapes, each with its own work, faults and liars. */
import { LAN } from "../../../gossip/index.js";
import { WAN as TOPICS_WAN } from "../../../topics/index.js";
import { Chance } from "../../chance.js";
import { drawPlan } from "../../run/draw.js";
import type { FaultKind, Plan } from "../../run/plan.js";
import type { TopicsPlan, Work } from "../plan.js";
import { drawProgram } from "./draw-program.js";

/** A stream of a seed, apart from those of the simulation and of the plan around. */
const STREAM = 0x74647277;
/** What ends a certificate ends a member's part in topics too: nothing is promised to it, or about what it signed. */
const LEFT_OUT: ReadonlySet<FaultKind> = new Set(["expire", "rotate", "revoke", "relays", "remap"]);
/** Share of plans in which liars do with membership what they do in plans without topics, too. */
const GOSSIP_LIARS_SHARE = 0.15;
/** What they flood, they flood in runs of their own: it costs as much as twenty runs, and topics see nothing of it. */
const FLOODERS = /flooder|storm|hog|all/;
/** Seconds of publishing. */
const SECONDS = [4, 15] as const;

export function drawTopicsPlan(seed: number): TopicsPlan {
  const chance = new Chance(seed, STREAM);
  const plan = around(drawPlan(seed), chance);
  const work = drawWork(chance, plan);
  const isWide = plan.settings.gossipMs > LAN.gossipMs;
  return {
    plan: { ...plan, seconds: work.seconds },
    work,
    ...(isWide && { topics: TOPICS_WAN }),
    ...(plan.byzantine > 0 && { program: drawProgram(chance) }),
  };
}

/** The network around: all of it but what topics cannot be blamed for. */
function around({ nat: _, ...plan }: Plan, chance: Chance): Plan {
  const keepsLiars = chance.happens(GOSSIP_LIARS_SHARE);
  return {
    ...plan,
    crypto: "fake",
    start: "whole",
    adversaries: keepsLiars ? plan.adversaries.filter((name) => !FLOODERS.test(name)) : [],
    network: { ...plan.network, bytesPerSecond: null },
    faults: plan.faults.filter(({ kind }) => !LEFT_OUT.has(kind)),
  };
}

function drawWork(chance: Chance, { members, byzantine }: Plan): Work {
  const correct = members - byzantine;
  const perSecond = chance.pick([1, 5, 20])!;
  const subscribers = chance.between(1, members);
  return {
    topics: chance.between(1, 3),
    publishers: chance.between(1, Math.min(3, correct)),
    subscribers,
    perSecond,
    bytes: chance.pick([16, 100, 2_000])!,
    level: chance.pick(["some", "some", "all", "none"] as const)!,
    // One that takes longer falls behind for ever: its backlog is no attack.
    handlerMs: chance.pick([0, 0, 1, 200 / perSecond])!,
    stuck: 0,
    failing: chance.happens(0.2) ? 0.1 : 0,
    churnMs: chance.happens(0.2) ? chance.between(1_000, 4_000) : null,
    isPublisherKilled: chance.happens(0.3),
    seconds: chance.between(...SECONDS),
    workers: chance.happens(0.4) ? chance.between(1, subscribers) : 0,
    durable: chance.happens(0.3) ? chance.between(1, subscribers) : 0,
  };
}
