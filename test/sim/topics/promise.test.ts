/** The promise of topics, while members lie, packets get lost, members come and go, and a publisher is killed in the middle. */
import { describe, expect, it, vi } from "vitest";
import { PROGRAMS } from "../../../sim/topics/liars/programs.js";
import { type Played, playTopics } from "../../../sim/topics/play.js";
import { drawTopicsPlan } from "../../../sim/topics/search/draw.js";
import { topicsPlan } from "../../support/sim/topics-plan.js";

vi.setConfig({ testTimeout: 120_000 });

function isKept({ violations, figures, refusals }: Played): void {
  expect(violations).toEqual([]);
  expect(refusals).toEqual(new Map());
  expect(figures.handed).toBeGreaterThan(0);
  expect(figures.lost).toBe(0);
}

describe("nothing is lost, forged, out of order or twice", () => {
  it.each<[string, Parameters<typeof topicsPlan>[0]]>([
    ["in a calm network", {}],
    ["to more subscribers than a publisher sends to itself", { plan: { members: 40 } }],
    ["to one subscriber", { work: { subscribers: 1 } }],
    ["with level all", { work: { level: "all" } }],
    ["with level none", { work: { level: "none" } }],
    ["with 10 % of the packets lost", { plan: { network: { ...topicsPlan({}).plan.network, loss: 0.1 } } }],
    ["when handlers fail at first", { work: { failing: 0.3 } }],
    ["when handlers are slow", { work: { handlerMs: 20 } }],
    ["while members crash and come back", { plan: { members: 16, seconds: 5 }, work: { churnMs: 700 } }],
    ["when a publisher is killed", { plan: { members: 24 }, work: { isPublisherKilled: true, perSecond: 50 } }],
    ["to a queue group", { plan: { members: 12 }, work: { workers: 5, level: "all" } }],
    [
      "to a queue group while packets get lost",
      { plan: { network: { ...topicsPlan({}).plan.network, loss: 0.1 } }, work: { workers: 5 } },
    ],
    [
      "to a queue group, slow and failing at first, while members crash and come back",
      { plan: { members: 16, seconds: 5 }, work: { workers: 10, handlerMs: 20, failing: 0.1, churnMs: 700 } },
    ],
    ["to a large queue group", { plan: { members: 40 }, work: { workers: 30 } }],
    [
      "to durable subscribers that crash and come back",
      { plan: { members: 16, seconds: 6 }, work: { durable: 14, churnMs: 700 } },
    ],
    [
      "to a durable queue group whose members crash and come back",
      { plan: { members: 16, seconds: 6 }, work: { workers: 16, durable: 16, churnMs: 700 } },
    ],
    ["with large messages", { work: { bytes: 100_000, perSecond: 2 } }],
  ])("%s", (_, changes) => {
    isKept(playTopics(topicsPlan(changes)));
  });

  it("and one that never acknowledges holds up nobody else", () => {
    const { violations, figures } = playTopics(
      topicsPlan({ plan: { seconds: 6 }, work: { stuck: 1 }, topics: { retentionMs: 2_000 } }),
    );
    expect(violations).toEqual([]);
    expect(figures.p99).toBeLessThan(100);
  });
});

/** A flood takes time for each liar and each member that it reaches, twelve seconds among 25: there are fewer. */
const sizeFor = (name: string) =>
  name === "topic-flooder" ? { members: 15, byzantine: 3 } : { members: 25, byzantine: 5 };

describe("nor with a fifth of liars, one publisher of two killed, and 5 % lost", () => {
  it.each([...PROGRAMS.keys()])("%s", (name) => {
    const plan = topicsPlan({
      plan: { ...sizeFor(name), seconds: 2, network: { ...topicsPlan({}).plan.network, loss: 0.05 } },
      work: { isPublisherKilled: true },
      program: PROGRAMS.get(name),
    });
    isKept(playTopics(plan));
  });
});

describe("nor to a queue group among liars", () => {
  it.each(["topic-claimant", "topic-worker", "topic-conspiracy"])("%s", (name) => {
    const plan = topicsPlan({
      plan: { members: 25, byzantine: 5, seconds: 2, network: { ...topicsPlan({}).plan.network, loss: 0.05 } },
      work: { workers: 12 },
      program: PROGRAMS.get(name),
    });
    isKept(playTopics(plan));
  });
});

/** The long form draws thousands: `node bench/claims/topics-search.mjs --seeds 1..2000`. */
const DRAWN = 4;

describe("nor in networks, works and attacks that are drawn", () => {
  it.each(Array.from({ length: DRAWN }, (_, index) => index + 1))("from seed %d", (seed) => {
    expect(playTopics(drawTopicsPlan(seed)).violations).toEqual([]);
  });
});

it("a run is the same each time", () => {
  const diary = () => {
    const { overlay, figures, bytes } = playTopics(drawTopicsPlan(3));
    return [overlay.simulation.digest(), figures, bytes];
  };
  expect(diary()).toEqual(diary());
});
