/** Plays a plan with topics: members subscribe, publish while faults happen, and get time to catch up; then T1 to T6 are judged. */
import { type Holdings, matches } from "../../topics/index.js";
import type { Watcher } from "../actor.js";
import { adversary } from "../adversaries/index.js";
import { fakeCrypto } from "../crypto/fake-crypto.js";
import { exceptions } from "../invariants/exceptions.js";
import { Ledger, type Violation } from "../invariants/violation.js";
import { firstDates } from "../run/endings.js";
import { LATENCIES } from "../run/plan.js";
import { Stage } from "../run/stage.js";
import { duplicates } from "./invariants/duplicates.js";
import { forgeries } from "./invariants/forgery.js";
import { losses } from "./invariants/loss.js";
import { excesses } from "./invariants/memory.js";
import { disorders } from "./invariants/order.js";
import { handedTwice, unhandled } from "./invariants/sharing.js";
import { TopicsOverlay } from "./overlay.js";
import type { TopicsPlan, Work } from "./plan.js";
import { figures, leastBytes, type TopicFiguresOfRun } from "./record/measure.js";
import { Workload } from "./workload.js";

/** Milliseconds within which subscriptions resolve while nothing is wrong yet. */
const SUBSCRIBE_MS_MAX = 15_000;
/** Once faults have stopped, what is owed has so long to come, milliseconds: partitions heal within 20 Delta. */
export const SETTLE_MS = 60_000;
const STEP_MS = 100;
/** Looks at what members hold. */
const SAMPLES_PER_SECOND = 4;
/** Two who were handed different messages under one number find out within so many milliseconds. */
const PROOF_MS = 2_000;
/** What follows the last message is counted too: acknowledgements and comparisons, milliseconds. */
const TAIL_MS = 3_000;

export interface Played {
  readonly overlay: TopicsOverlay;
  readonly violations: readonly Violation[];
  readonly figures: TopicFiguresOfRun;
  /** Bytes that correct members sent for topics since the first message was published. */
  readonly bytes: number;
  /** Signatures that correct members checked. */
  readonly checks: number;
  /** Of each thing the most that one correct member held. */
  readonly most: Holdings;
  /** What machines did not do for their program: counts by reason. */
  readonly refusals: ReadonlyMap<string, number>;
  /** ... and the least possible for each message and subscriber. */
  readonly least: number;
  /** Milliseconds after publishing had ended until nothing was missing any more; null: something still is. */
  readonly settledAfter: number | null;
}

export function playTopics({ plan, work, topics, program }: TopicsPlan): Played {
  const ledger = new Ledger();
  const threw: Watcher = exceptions(ledger);
  const workload = new Workload(work, plan.seed);
  let isBegun = false;
  const overlay = new TopicsOverlay({
    ...plan,
    crypto: fakeCrypto(),
    network: {
      ...plan.network,
      latency: LATENCIES[plan.network.latency],
      bytesPerSecond: plan.network.bytesPerSecond ?? Number.POSITIVE_INFINITY,
    },
    dates: firstDates(plan),
    behaviours: () => plan.adversaries.map((name) => adversary(name)!.create()),
    watchers: [threw],
    onBegin: (host) => {
      if (isBegun) workload.subscribe(host);
    },
    ...(topics && { topics }),
    ...(program && { program }),
  });
  const { simulation } = overlay;
  isBegun = true;
  workload.begin(overlay);
  simulation.runUntil(() => areResolved(overlay), SUBSCRIBE_MS_MAX, STEP_MS);
  const before = overlay.spent.bytes;
  const stage = new Stage(simulation, plan, () => {});
  workload.publish();
  const held = new Ledger();
  let most: Holdings | undefined;
  for (let second = 0; second < work.seconds * SAMPLES_PER_SECOND; second++) {
    simulation.run(1_000 / SAMPLES_PER_SECOND);
    const samples = overlay.holdings();
    for (const { holdings } of samples) most = mostOf(most, holdings);
    for (const each of excesses(samples, overlay.settings.retentionBytes, plan.members)) held.add(each);
  }
  stage.end();
  const settledAfter = simulation.runUntil(() => missing(overlay).length === 0, SETTLE_MS, 10 * STEP_MS) ?? null;
  simulation.run(TAIL_MS);
  const bytes = overlay.spent.bytes - before;
  const history = overlay.history();
  const violations = [
    ...ledger.violations,
    ...held.violations,
    ...missing(overlay),
    ...disorders(history),
    ...duplicates(history),
    ...(isCalm(plan, work) ? handedTwice(history) : []),
    ...forgeries(history, { matches, settleMs: PROOF_MS }),
  ];
  const least = leastBytes(simulation.members[0]!.id, "work.0", work.bytes);
  return {
    overlay,
    violations,
    figures: figures(history),
    checks: overlay.spent.checks,
    most: most!,
    bytes,
    least,
    refusals: overlay.spent.refusals,
    settledAfter,
  };
}

function mostOf(a: Holdings | undefined, b: Holdings): Holdings {
  if (!a) return b;
  const entries = Object.entries(b).map(([name, value]) => [name, Math.max(value, a[name as keyof Holdings])] as const);
  return Object.fromEntries(entries) as unknown as Holdings;
}

function missing(overlay: TopicsOverlay): Violation[] {
  const { retentionMs } = overlay.settings;
  const options = { matches, settleMs: 0, subscribeMs: SUBSCRIBE_MS_MAX, retentionMs };
  const history = overlay.history();
  return [...losses(history, options), ...unhandled(history, options)];
}

/** Nobody comes, goes or is taken for dead while messages are published, and nobody lies. */
function isCalm({ byzantine, faults, network }: TopicsPlan["plan"], { churnMs, isPublisherKilled }: Work): boolean {
  return byzantine === 0 && faults.length === 0 && network.loss === 0 && churnMs === null && !isPublisherKilled;
}

/** Those of correct members that are up. */
function areResolved(overlay: TopicsOverlay): boolean {
  const { fates, subscriptions } = overlay.history();
  return subscriptions.every(({ member, resolvedAt, endedAt }) => {
    const { isCorrect, downAt } = fates[member]!;
    return !isCorrect || downAt !== undefined || endedAt !== undefined || resolvedAt !== undefined;
  });
}
