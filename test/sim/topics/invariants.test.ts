/** What T1 to T5 say about histories that are written here by hand: each of them one that is good, but for one thing. */
import { describe, expect, it } from "vitest";
import type { MemberId } from "../../../rings/index.js";
import { duplicates } from "../../../sim/topics/invariants/duplicates.js";
import { forgeries } from "../../../sim/topics/invariants/forgery.js";
import { losses } from "../../../sim/topics/invariants/loss.js";
import { excesses } from "../../../sim/topics/invariants/memory.js";
import { disorders } from "../../../sim/topics/invariants/order.js";
import {
  type Fate,
  type History,
  logKey,
  type Published,
  type Subscribed,
  type Told,
} from "../../../sim/topics/record/history.js";
import {
  BARE_LOGS_MAX,
  CHECKS_MAX,
  CHECKS_PER_MEMBER_MAX,
  GROUP_CLAIMS_MAX,
  LIVES_PER_TOPIC_MAX,
  LOGS_PER_PUBLISHER_MAX,
  PROOFS_PER_PUBLISHER_MAX,
} from "../../../topics/limits.js";

const ALICE = "a".repeat(64) as MemberId;
const MALLORY = "e".repeat(64) as MemberId;
const LOG = logKey(ALICE, 7n, "orders.eu");
const LIES = logKey(MALLORY, 7n, "orders.eu");
const OPTIONS = {
  matches: (pattern: string, topic: string) => pattern === topic,
  settleMs: 1_000,
  subscribeMs: 1_000,
  retentionMs: 60_000,
};

const ALL: readonly Fate[] = [
  { name: "alice", id: ALICE, isCorrect: true, downAt: undefined },
  { name: "bob", id: "b".repeat(64) as MemberId, isCorrect: true, downAt: undefined },
  { name: "carol", id: "c".repeat(64) as MemberId, isCorrect: true, downAt: undefined },
  { name: "mallory", id: MALLORY, isCorrect: false, downAt: undefined },
];

const published = (number: number, changes: Partial<Published> = {}): Published => ({
  ...{ log: LOG, topic: "orders.eu", number, digest: `d${number}`, member: 0, at: 100 * number, level: "some" },
  ...changes,
});
const handed = (number: number, changes: Partial<Extract<Told, { kind: "handed" }>> = {}): Told => ({
  ...{ kind: "handed", at: 100 * number + 1, log: LOG, number, digest: `d${number}` },
  ...changes,
});
const acknowledged = (number: number): Told => ({ kind: "acknowledged", at: 0, log: LOG, number });
const lost = (count: number, at: number): Told => ({ kind: "lost", at, log: LOG, count });
const subscribed = (member: number, told: Told[], changes: Partial<Subscribed> = {}): Subscribed => ({
  ...{ member, pattern: "orders.eu", at: 10, resolvedAt: 50, told },
  ...changes,
});

/** Alice has published 1, 2 and 3, and Bob and Carol have it all. */
function history(changes: Partial<History> = {}): History {
  return {
    end: 100_000,
    fates: ALL,
    published: [published(1), published(2), published(3)],
    subscriptions: [1, 2].map((member) =>
      subscribed(
        member,
        [1, 2, 3].map((number) => handed(number)),
      ),
    ),
    proven: [],
    ...changes,
  };
}

const fatesWith = (member: number, changes: Partial<Fate>) =>
  ALL.map((fate, index) => (index === member ? { ...fate, ...changes } : fate));
const told = (...events: Told[]) => history({ subscriptions: [subscribed(1, events), subscribed(2, events)] });
const ofBob = (changes: Partial<Subscribed>, ...events: Told[]) =>
  history({ subscriptions: [subscribed(1, events, changes)] });

it("a good history breaks nothing", () => {
  const found = [
    losses(history(), OPTIONS),
    disorders(history()),
    duplicates(history()),
    forgeries(history(), OPTIONS),
  ];
  expect(found.flat()).toEqual([]);
});

describe("T1", () => {
  const NONE = [handed(1), handed(2)];
  const alone = { subscriptions: [subscribed(1, NONE)] };
  it.each<[string, History, number]>([
    ["the last message is missing", ofBob({}, ...NONE), 1],
    ["it came before subscribe resolved", ofBob({ resolvedAt: 300 }, ...NONE), 0],
    ["subscribe never resolved", ofBob({ resolvedAt: undefined }), 1],
    ["subscribe did not resolve yet", ofBob({ at: 99_900, resolvedAt: undefined }), 0],
    ["the subscription was given up", ofBob({ endedAt: 200 }, ...NONE), 0],
    ["its pattern names something else", ofBob({ pattern: "orders" }), 0],
    ["it was published a moment ago", { ...ofBob({}, ...NONE), end: 900 }, 0],
    ["its publisher lies", { ...ofBob({}, ...NONE), fates: fatesWith(0, { isCorrect: false }) }, 0],
    ["the subscriber lies", { ...ofBob({}, ...NONE), fates: fatesWith(1, { isCorrect: false }) }, 0],
    ["the subscriber is down", { ...ofBob({}, ...NONE), fates: fatesWith(1, { downAt: 250 }) }, 0],
    ["the publisher died before anybody held it", { ...history(alone), fates: fatesWith(0, { downAt: 350 }) }, 0],
    [
      "the publisher died after it was safe",
      history({ ...alone, fates: fatesWith(0, { downAt: 350 }), published: [published(3, { safeAt: 340 })] }),
      1,
    ],
    [
      "sent is not safe",
      history({
        ...alone,
        fates: fatesWith(0, { downAt: 350 }),
        published: [published(3, { safeAt: 340, level: "none" })],
      }),
      0,
    ],
    [
      "the publisher died, and another has it",
      history({
        subscriptions: [subscribed(1, NONE), subscribed(2, [handed(3)])],
        fates: fatesWith(0, { downAt: 350 }),
      }),
      2,
    ],
    ["it was told how many are lost", ofBob({}, ...NONE, lost(1, 70_000)), 0],
    ["it was told of fewer than are lost", ofBob({}, handed(1), lost(1, 70_000)), 1],
    ["it was told so before retention had ended", ofBob({}, ...NONE, lost(1, 5_000)), 1],
  ])("%s", (_, given, count) => {
    expect(losses(given, OPTIONS).map(({ invariant }) => invariant)).toEqual(Array(count).fill("T1"));
  });
});

describe("T2", () => {
  const LIVES = Array.from({ length: LIVES_PER_TOPIC_MAX }, (_, life) =>
    handed(1, { log: logKey(MALLORY, BigInt(100 + life), "orders.eu") }),
  );
  it.each<[string, History, number]>([
    ["a later one comes first", told(handed(1), handed(3), handed(2)), 2],
    ["one is missing", told(handed(1), handed(3)), 0],
    ["one that was handed before comes again", told(handed(1), handed(2), handed(1)), 0],
    [
      "a liar's made-up lives come in another order",
      told(...LIVES, handed(2, { log: LIES }), handed(1, { log: LIES })),
      0,
    ],
    ["a liar's few lives, too", told(handed(2, { log: LIES }), handed(1, { log: LIES })), 2],
    ["another log is another order", told(handed(3), handed(1, { log: LIES })), 0],
  ])("%s", (_, given, count) => {
    expect(disorders(given).map(({ invariant }) => invariant)).toEqual(Array(count).fill("T2"));
  });
});

describe("T3", () => {
  const OFTEN = Array.from({ length: PROOFS_PER_PUBLISHER_MAX }, (_, life) => {
    return { publisher: MALLORY, log: logKey(MALLORY, BigInt(100 + life), "orders.eu"), at: 9 };
  });
  const forged = handed(1, { digest: "other" });
  const twice = [
    subscribed(1, [handed(1, { log: LIES, digest: "this" })]),
    subscribed(2, [handed(1, { log: LIES, digest: "that" })]),
  ];
  it.each<[string, History, number]>([
    ["other bytes than were published", told(forged), 2],
    ["a number that was not published", told(handed(4)), 2],
    ["a life that the publisher never had", told(handed(1, { log: logKey(ALICE, 8n, "orders.eu") })), 2],
    ["a topic that was not asked for", ofBob({ pattern: "orders.us" }, handed(1)), 1],
    ["a liar's own", told(handed(1, { log: LIES })), 0],
    ["two of a liar's under one number", history({ subscriptions: twice }), 1],
    [
      "... which somebody can prove",
      history({ subscriptions: twice, proven: [{ publisher: MALLORY, log: LIES, at: 9 }] }),
      0,
    ],
    ["... as it can others of its logs, often enough", history({ subscriptions: twice, proven: OFTEN }), 0],
    ["... a moment ago", history({ subscriptions: twice, end: 500 }), 0],
  ])("%s", (_, given, count) => {
    expect(forgeries(given, OPTIONS).map(({ invariant }) => invariant)).toEqual(Array(count).fill("T3"));
  });
});

describe("T4", () => {
  const NOTHING = {
    ...{ ownBytes: 0, foreignBytes: 0, logs: 0, logsOfOne: 0, bareLogs: 0, bareLogsOfOne: 0 },
    ...{ checkedBytes: 0, checkedBytesOfOne: 0, checks: 0, checksOfOne: 0, groupClaims: 0, groupClaimsOfOne: 0 },
  };
  it.each<[string, Partial<typeof NOTHING>, number]>([
    ["at its limits", { ownBytes: 1_000, foreignBytes: 1_000, checks: CHECKS_MAX }, 0],
    ["others' batches beyond them", { foreignBytes: 1_001 }, 1],
    ["its own, too", { ownBytes: 1_001, foreignBytes: 1_001 }, 2],
    ["more logs of one publisher", { logsOfOne: LOGS_PER_PUBLISHER_MAX + 1 }, 1],
    ["more logs of which nothing but word came", { bareLogs: BARE_LOGS_MAX + 1 }, 1],
    ["more checks for one member", { checksOfOne: CHECKS_PER_MEMBER_MAX + 1 }, 1],
    ["more claims of one member", { groupClaimsOfOne: GROUP_CLAIMS_MAX + 1 }, 1],
  ])("%s", (_, held, count) => {
    const found = excesses([{ member: "bob", at: 1, holdings: { ...NOTHING, ...held } }], 1_000);
    expect(found.map(({ invariant }) => invariant)).toEqual(Array(count).fill("T4"));
  });
});

describe("T5", () => {
  it.each<[string, History, number]>([
    ["again after it was acknowledged", told(handed(1), acknowledged(1), handed(1)), 2],
    ["again before it was acknowledged", told(handed(1), handed(1), acknowledged(1)), 0],
    ["another one", told(handed(1), acknowledged(1), handed(2)), 0],
  ])("%s", (_, given, count) => {
    expect(duplicates(given).map(({ invariant }) => invariant)).toEqual(Array(count).fill("T5"));
  });
});
