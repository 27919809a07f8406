/** Who is slow, and what is full: everybody keeps to a share, and nothing is lost without a word. */
import { describe, expect, it } from "vitest";
import type { Level } from "../../topics/machine-options.js";
import { type Member, Overlay } from "../support/topics/overlay.js";

const MIB = 1024 * 1024;
const KIB = "x".repeat(1000);

function network(members: number, settings = {}) {
  const overlay = new Overlay({ members, settings });
  const [publisher, ...others] = overlay.members as [Member, ...Member[]];
  return { overlay, publisher, others };
}

/** Publishes messages of 100 KB until refused; how many there were. */
function flood(overlay: Overlay, publisher: Member, count: number, pause: number, level: Level = "some") {
  let [sent, refused] = [0, 0];
  const data = new Uint8Array(100_000);
  for (let nth = 0; nth < count; nth++) {
    if (overlay.publish(publisher, "t", data, { level }).ok) sent += 1;
    else refused += 1;
    overlay.run(pause);
  }
  return { sent, refused };
}

describe("a subscriber that never acknowledges", () => {
  it("holds up nobody, and is told what it lost", () => {
    const { overlay, publisher, others } = network(5, { retentionBytes: 8 * MIB, retentionMs: 20_000 });
    const [slow, ...quick] = others as [Member, ...Member[]];
    const held = overlay.subscribe(slow, "t", { inFlightMax: 4 }, () => "hold");
    const subscriptions = quick.map((member) => overlay.subscribe(member, "t"));
    overlay.run(2000);
    const { sent, refused } = flood(overlay, publisher, 400, 20);
    expect(refused).toBe(0);
    overlay.run(60_000);
    for (const [index, member] of quick.entries()) expect(member.handed.get(subscriptions[index]!)).toHaveLength(sent);
    expect(quick.flatMap((member) => member.of("lost"))).toEqual([]);
    const lost = slow.of("lost").reduce((sum, { first, last }) => sum + last - first + 1, 0);
    expect(slow.handed.get(held)).toHaveLength(4);
    expect(lost).toBe(sent - 4);
    expect(slow.machine.topics()[0]!.heldBytes).toBeLessThanOrEqual(8 * MIB);
  });

  it("holds up no other subscription of its own member", () => {
    const { overlay, publisher, others } = network(3, { retentionBytes: 8 * MIB, retentionMs: 20_000 });
    const [member] = others as [Member];
    overlay.subscribe(member, "t", { inFlightMax: 1 }, () => "hold");
    const quick = overlay.subscribe(member, "t");
    const mine = overlay.subscribe(publisher, "t", { inFlightMax: 1 }, () => "hold");
    overlay.run(2000);
    const { sent, refused } = flood(overlay, publisher, 400, 20);
    expect(refused).toBe(0);
    overlay.run(60_000);
    expect(member.handed.get(quick)).toHaveLength(sent);
    expect(publisher.handed.get(mine)).toHaveLength(1);
    const lost = publisher.of("lost").reduce((sum, { first, last }) => sum + last - first + 1, 0);
    expect(lost).toBe(sent - 1);
  });

  it.each([5, 16, 60])("and %i like it on topics of their own hold up no quick one of their member", (slow) => {
    const { overlay, publisher, others } = network(4, { retentionBytes: 8 * MIB, retentionMs: 60_000 });
    const [member, noisy] = others as [Member, Member];
    for (let nth = 0; nth < slow; nth++) overlay.subscribe(member, `slow.${nth}`, { inFlightMax: 1 }, () => "hold");
    const quick = overlay.subscribe(member, "t");
    overlay.run(2000);
    const data = new Uint8Array(100_000);
    let [published, sent] = [0, 0];
    for (let round = 0; round < 200; round++) {
      for (const by of [publisher, noisy]) if (overlay.publish(by, `slow.${round % slow}`, data).ok) published += 1;
      overlay.run(20);
      if (overlay.publish(publisher, "t", KIB).ok) sent += 1;
      overlay.run(20);
    }
    overlay.run(10_000);
    expect(member.texts(quick)).toHaveLength(sent);
    expect(member.of("lost").filter(({ subscription }) => subscription === quick)).toEqual([]);
    expect(sent).toBe(200);
    const lost = member.of("lost").reduce((sum, { first, last }) => sum + last - first + 1, 0);
    expect(lost).toBeGreaterThan(published / 2);
  });

  it("is not waited for by `some`; `all` waits, and says for whom", () => {
    const { overlay, publisher, others } = network(4);
    const [slow, ...quick] = others as [Member, ...Member[]];
    overlay.subscribe(slow, "t", {}, () => "hold");
    for (const member of quick) overlay.subscribe(member, "t");
    overlay.run(2000);
    const published = overlay.publish(publisher, "t", "m", { level: "all" });
    overlay.run(5000);
    expect(publisher.of("safe").map(({ level }) => level)).toEqual(["some"]);
    if (!published.ok) throw new Error(published.reason);
    expect(publisher.machine.missing(published.log.tag, 1)).toEqual([slow.id]);
    overlay.kill(slow);
    expect(publisher.of("safe").map(({ level }) => level)).toEqual(["some", "all"]);
  });
});

describe("a publisher that is quicker than all", () => {
  it("is refused when its retention is full, and told when there is room; nothing is lost", () => {
    const { overlay, publisher, others } = network(4, { retentionBytes: 4 * MIB });
    const subscriptions = others.map((member) => overlay.subscribe(member, "t"));
    overlay.run(2000);
    overlay.fate = () => [400];
    let [sent, refused] = [0, 0];
    const data = new Uint8Array(100_000);
    for (let nth = 0; nth < 200; nth++) {
      if (overlay.publish(publisher, "t", data).ok) sent += 1;
      else refused += 1;
      overlay.run(1);
    }
    expect(refused).toBeGreaterThan(0);
    expect(publisher.of("room")).toEqual([]);
    overlay.run(3000);
    expect(publisher.of("room")).toHaveLength(1);
    for (const [index, member] of others.entries()) expect(member.handed.get(subscriptions[index]!)).toHaveLength(sent);
    expect(others.flatMap((member) => member.of("lost"))).toEqual([]);
  });

  it.each([
    ["none", 45],
    ["some", 0],
  ] as const)("goes on when all are silent for good, if it asked for %s", (level, least) => {
    const { overlay, publisher, others } = network(4, { retentionBytes: 4 * MIB });
    for (const member of others) overlay.subscribe(member, "t");
    overlay.run(2000);
    overlay.fate = (_from, to) => (to === 0 ? [] : [1]);
    flood(overlay, publisher, 100, 1, level);
    overlay.run(10_000);
    const { sent } = flood(overlay, publisher, 50, 100, level);
    expect(sent).toBeGreaterThanOrEqual(least);
    expect(sent).toBeLessThanOrEqual(level === "none" ? 50 : 0);
    // What is not known to be safe is kept until its retention ends.
    overlay.run(6 * 60_000);
    expect(publisher.of("room")).toHaveLength(1);
    expect(flood(overlay, publisher, 10, 1, level).sent).toBe(10);
  });
});

describe("retention", () => {
  it("ends: what nobody holds any more is lost, what came later is handed out", () => {
    const { overlay, publisher, others } = network(3, { retentionMs: 5000 });
    const [subscriber] = others as [Member];
    const subscription = overlay.subscribe(subscriber, "t");
    overlay.run(2000);
    overlay.publish(publisher, "t", "heard");
    overlay.run(100);
    overlay.fate = (_from, to) => (to === subscriber.index ? [] : [1]);
    for (const text of ["missed", "missed, too"]) overlay.publish(publisher, "t", text);
    overlay.run(20_000);
    overlay.fate = () => [1];
    overlay.publish(publisher, "t", "heard again");
    overlay.run(30_000);
    expect(subscriber.texts(subscription)).toEqual(["heard", "heard again"]);
    expect(subscriber.of("lost").map(({ first, last }) => [first, last])).toEqual([[2, 3]]);
  });

  it("leaves nothing behind, and then nothing is due", () => {
    const { overlay, publisher, others } = network(6, { retentionMs: 5000 });
    for (const member of others) overlay.subscribe(member, "t");
    overlay.run(2000);
    for (let nth = 0; nth < 50; nth++) overlay.publish(publisher, "t", KIB);
    overlay.run(60_000);
    expect(overlay.members.flatMap(({ machine }) => machine.topics().map(({ heldBytes }) => heldBytes))).toEqual(
      overlay.members.map(() => 0),
    );
    expect(overlay.members.map(({ machine }) => machine.deadline)).toEqual(overlay.members.map(() => undefined));
  });
});

it("what its publisher holds no more is not lost while somebody who answers late holds it", () => {
  const overlay = new Overlay({
    members: 3,
    keeping: (_, index) => (index === 0 ? { ms: 1000, bytes: 1_000_000 } : undefined),
  });
  const [publisher, near, far] = overlay.members as [Member, Member, Member];
  const subscription = overlay.subscribe(near, "t");
  overlay.subscribe(far, "t");
  overlay.run(1000);
  overlay.fate = (_, to) => (to === 1 ? [] : [1]);
  overlay.publish(publisher, "t", "first");
  overlay.run(40_000);
  overlay.fate = (from) => (from === 2 ? [150] : [1]);
  overlay.publish(publisher, "t", "second");
  overlay.run(30_000);
  expect(near.of("lost")).toEqual([]);
  expect(near.texts(subscription)).toEqual(["first", "second"]);
});
