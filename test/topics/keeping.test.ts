/** Topics that are kept for times and in sizes of their own: by those who publish, those who repair, and the store. */
import { describe, expect, it } from "vitest";
import { KeepingRules, type Kept } from "../../topics/keeping.js";
import { type Member, Overlay } from "../support/topics/overlay.js";

const MIB = 1024 * 1024;

function network(members: number, rules: Readonly<Record<string, Kept>>, settings = {}) {
  const overlay = new Overlay({ members, settings, keeping: (topic) => rules[topic] });
  const [publisher, ...others] = overlay.members as [Member, ...Member[]];
  return { overlay, publisher, others };
}

/** What a member was told that it lost of a topic, each message. */
function lostOf(member: Member, topic: string): number[] {
  const ranges = member.of("lost").filter(({ log }) => log.topic === topic);
  return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

function heldOf(member: Member, topic: string): number {
  return member.machine.topics().find((each) => each.topic === topic)?.heldBytes ?? 0;
}

describe("rules", () => {
  it("count by the first pattern that stands for a topic, until they are others", () => {
    const rules = new KeepingRules();
    expect(rules.of("orders.eu")).toBeUndefined();
    rules.use([
      { topic: "orders.eu", ms: 1000 },
      { topic: "orders.>", bytes: 5 },
      { topic: "orders.us", ms: 9 },
    ]);
    expect(["orders.eu", "orders.us", "orders", "orders.eu"].map((topic) => rules.of(topic))).toEqual([
      expect.objectContaining({ ms: 1000 }),
      expect.objectContaining({ bytes: 5 }),
      undefined,
      expect.objectContaining({ ms: 1000 }),
    ]);
    rules.use([]);
    expect(rules.of("orders.eu")).toBeUndefined();
  });
});

describe("two topics of one publisher, kept for different times", () => {
  it.each([4000, 30_000, 100_000])("a subscriber that is away for %i ms gets or loses each by its own", (away) => {
    const { overlay, publisher, others } = network(3, { short: { ms: 2000 }, long: { ms: 60_000 } });
    const [subscriber] = others as [Member];
    const [short, long] = ["short", "long"].map((topic) => overlay.subscribe(subscriber, topic)) as [number, number];
    overlay.run(2000);
    for (const topic of ["short", "long"]) overlay.publish(publisher, topic, "heard");
    overlay.run(100);
    overlay.fate = (from, to) => ([from, to].includes(subscriber.index) ? [] : [1]);
    for (const text of ["a", "b", "c"]) {
      for (const topic of ["short", "long"]) overlay.publish(publisher, topic, text);
      overlay.run(10);
    }
    overlay.run(away);
    expect(heldOf(publisher, "short")).toBe(0);
    expect(heldOf(publisher, "long") > 0).toBe(away < 60_000);
    overlay.fate = () => [1];
    for (const topic of ["short", "long"]) overlay.publish(publisher, topic, "again");
    overlay.run(150_000);
    expect(subscriber.texts(short)).toEqual(["heard", "again"]);
    expect(lostOf(subscriber, "short")).toEqual([2, 3, 4]);
    const missed = away < 60_000 ? ["a", "b", "c"] : [];
    expect(subscriber.texts(long)).toEqual(["heard", ...missed, "again"]);
    expect(lostOf(subscriber, "long")).toEqual(missed.length > 0 ? [] : [2, 3, 4]);
  });

  it("leaves nothing behind, and then nothing is due", () => {
    const { overlay, publisher, others } = network(3, { short: { ms: 1000 }, long: { ms: 30_000 } });
    for (const member of others) overlay.subscribe(member, ">");
    overlay.run(2000);
    for (const topic of ["short", "long"]) overlay.publish(publisher, topic, "x");
    overlay.run(1200);
    for (const member of overlay.members)
      expect([heldOf(member, "short"), heldOf(member, "long") > 0]).toEqual([0, true]);
    overlay.run(60_000);
    for (const member of overlay.members) expect(heldOf(member, "long")).toBe(0);
    expect(overlay.members.map(({ machine }) => machine.deadline)).toEqual(overlay.members.map(() => undefined));
  });

  it("what is durable needs no place in the store when its own time is over", () => {
    const { overlay, publisher } = network(2, { short: { ms: 1000 } });
    for (const topic of ["short", "other"]) overlay.publish(publisher, topic, "x", { durable: true });
    overlay.run(1200);
    expect(publisher.of("forget").map(({ log }) => log.topic)).toEqual(["short"]);
    overlay.run(6 * 60_000);
    expect(publisher.of("forget").map(({ log }) => log.topic)).toEqual(["short", "other"]);
  });
});

it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
  "whatever is handed out or lost was published, once, and nothing is lost before its time (seed %i)",
  (seed) => {
    const rules: Record<string, Kept> = { a: { ms: 1500 }, b: { ms: 6000 }, c: { ms: 3000, bytes: 40_000 } };
    const overlay = new Overlay({ members: 4, seed, keeping: (topic) => rules[topic] });
    const [publisher, away] = overlay.members as [Member, Member];
    const subscription = overlay.subscribe(away, ">");
    overlay.subscribe(overlay.members[2]!, ">");
    overlay.run(2000);
    const at = new Map<string, number[]>([
      ["a", []],
      ["b", []],
      ["c", []],
    ]);
    let isAway = false;
    overlay.fate = (from, to) => (isAway && [from, to].includes(away.index) ? [] : [1 + overlay.random() * 20]);
    for (let nth = 0; nth < 120; nth++) {
      if (overlay.random() < 0.05) isAway = !isAway;
      const topic = ["a", "b", "c"][Math.floor(overlay.random() * 3)]!;
      const data = `${topic}${" ".repeat(Math.floor(overlay.random() * 3000))}`;
      if (overlay.publish(publisher, topic, data).ok) at.get(topic)!.push(overlay.now);
      overlay.run(overlay.random() * 400);
    }
    isAway = false;
    for (const topic of at.keys()) if (overlay.publish(publisher, topic, "last").ok) at.get(topic)!.push(overlay.now);
    overlay.run(60_000);
    for (const [topic, published] of at) {
      const handed = away.handed.get(subscription)!.filter((message) => message.topic === topic);
      const numbers = [...handed.map(({ number }) => number), ...lostOf(away, topic)].sort((a, b) => a - b);
      expect(numbers, topic).toEqual(published.map((_, index) => index + 1));
      if (rules[topic]!.bytes !== undefined) continue;
      for (const { at: told, effect } of away.told) {
        if (effect.kind !== "lost" || effect.log.topic !== topic) continue;
        for (let number = effect.first; number <= effect.last; number++)
          expect(told - published[number - 1]!).toBeGreaterThanOrEqual(rules[topic]!.ms!);
      }
    }
  },
);

describe("a topic of which few bytes are kept", () => {
  const data = new Uint8Array(100_000);

  it("is full for itself alone, says so, and tells when there is room; nothing is lost", () => {
    const { overlay, publisher, others } = network(4, { small: { bytes: MIB } });
    for (const member of others) overlay.subscribe(member, "small");
    overlay.run(2000);
    overlay.fate = () => [400];
    const answers = Array.from({ length: 20 }, () => {
      const answer = overlay.publish(publisher, "small", data);
      overlay.run(1);
      return answer.ok ? "taken" : answer.reason;
    });
    const taken = answers.filter((each) => each === "taken").length;
    expect([taken, answers.at(-1), overlay.publish(publisher, "other", data).ok]).toEqual([10, "topic-full", true]);
    expect(publisher.of("room")).toEqual([]);
    overlay.run(3000);
    expect(publisher.of("room").length).toBeGreaterThan(0);
    expect(overlay.publish(publisher, "small", data).ok).toBe(true);
    overlay.run(3000);
    for (const member of others) expect([...member.handed.values()][0]).toHaveLength(taken + 1);
    expect(others.flatMap((member) => member.of("lost"))).toEqual([]);
  });

  it("takes one message that is longer than that", () => {
    const { overlay, publisher, others } = network(3, { small: { bytes: 50_000 } });
    const subscriptions = others.map((member) => overlay.subscribe(member, "small"));
    overlay.run(2000);
    for (let nth = 0; nth < 5; nth++) {
      expect(overlay.publish(publisher, "small", data).ok).toBe(true);
      overlay.run(1000);
    }
    for (const [index, member] of others.entries()) expect(member.texts(subscriptions[index]!)).toHaveLength(5);
  });

  it("is held up by no subscriber that is slow: what that one did not take is lost to it, counted", () => {
    const { overlay, publisher, others } = network(4, { small: { bytes: MIB } });
    const [slow, ...quick] = others as [Member, ...Member[]];
    const held = overlay.subscribe(slow, "small", { inFlightMax: 1 }, () => "hold");
    const subscriptions = quick.map((member) => overlay.subscribe(member, "small"));
    overlay.run(2000);
    let sent = 0;
    for (let nth = 0; nth < 600 && sent < 60; nth++) {
      if (overlay.publish(publisher, "small", data).ok) sent += 1;
      overlay.run(100);
      for (const member of overlay.members) expect(heldOf(member, "small")).toBeLessThanOrEqual(MIB);
    }
    expect(sent).toBe(60);
    overlay.run(2000);
    for (const [index, member] of quick.entries()) expect(member.texts(subscriptions[index]!)).toHaveLength(60);
    overlay.input(slow, (machine) => machine.unsubscribe(held, overlay.now));
    expect(slow.texts(held)).toHaveLength(1);
  });

  it("goes at once when less is kept from now on", () => {
    const rules: Record<string, Kept> = {};
    const { overlay, publisher, others } = network(3, rules);
    for (const member of others) overlay.subscribe(member, "t");
    overlay.run(2000);
    for (let nth = 0; nth < 20; nth++) {
      overlay.publish(publisher, "t", data);
      overlay.run(100);
    }
    expect(heldOf(publisher, "t")).toBeGreaterThan(1_900_000);
    rules.t = { bytes: MIB };
    for (const member of overlay.members) overlay.input(member, (machine) => machine.keepingChanged(overlay.now));
    overlay.run(1);
    for (const member of overlay.members) expect(heldOf(member, "t")).toBeLessThanOrEqual(MIB);
    rules.t = { ms: 1000 };
    overlay.run(5000);
    for (const member of overlay.members) overlay.input(member, (machine) => machine.keepingChanged(overlay.now));
    overlay.run(1);
    for (const member of overlay.members) expect(heldOf(member, "t")).toBe(0);
    expect(others.flatMap((member) => member.of("lost"))).toEqual([]);
  });
});
