/** Publish and subscribe among a few members: what is published is handed out, in order, and told to be safe. */
import { describe, expect, it } from "vitest";
import { lossy, type Member, Overlay } from "../support/topics/overlay.js";

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `m${index + 1}`);

describe("a publisher and ten subscribers", () => {
  it("hand out everything in order, and tell when some and all have it", () => {
    const overlay = new Overlay({ members: 11 });
    const [publisher, ...others] = overlay.members as [Member, ...Member[]];
    const subscriptions = others.map((member) => overlay.subscribe(member, "orders.*"));
    overlay.run(1000);
    expect(others.map((member) => member.of("subscribed").length)).toEqual(others.map(() => 1));
    for (const message of numbered(50)) overlay.publish(publisher, "orders.eu", message, { level: "all" });
    overlay.run(50);
    for (const [index, member] of others.entries()) expect(member.texts(subscriptions[index]!)).toEqual(numbered(50));
    expect(publisher.of("safe").map(({ level, through }) => [level, through])).toEqual([
      ["some", 50],
      ["all", 50],
    ]);
    expect(others.flatMap((member) => member.of("rejected"))).toEqual([]);
    expect(publisher.of("rejected")).toEqual([]);
  });

  it("tell that all have it although the last word of one of them is lost, and are quiet then", () => {
    const overlay = new Overlay({ members: 3 });
    const [publisher, slow, quick] = overlay.members as [Member, Member, Member];
    const held = overlay.subscribe(slow, "t", {}, () => "hold");
    overlay.subscribe(quick, "t");
    overlay.run(1000);
    overlay.publish(publisher, "t", "m1", { level: "all" });
    overlay.run(500);
    const allSafe = () => publisher.of("safe").some(({ level }) => level === "all");
    overlay.fate = () => [];
    const { tag } = slow.of("deliver")[0]!.batch.log;
    overlay.input(slow, (machine) => machine.acknowledge(held, tag, 1, 1, overlay.now));
    overlay.run(500);
    expect(allSafe()).toBe(false);
    overlay.fate = () => [1];
    overlay.run(8_000);
    expect(allSafe()).toBe(true);
    overlay.run(60_000);
    const sent = () => overlay.members.map((member) => member.sentPackets);
    const before = sent();
    overlay.run(60_000);
    expect(sent()).toEqual(before);
  });

  it("lose nothing of many turns on a bad network", () => {
    const overlay = new Overlay({ members: 11, fate: lossy(0.2, 0.1, 30), seed: 5 });
    const [publisher, ...others] = overlay.members as [Member, ...Member[]];
    const subscriptions = others.map((member) => overlay.subscribe(member, "orders.>"));
    overlay.run(2000);
    for (const message of numbered(100)) {
      overlay.publish(publisher, "orders.eu", message, { level: "all" });
      overlay.run(3);
    }
    overlay.run(20_000);
    for (const [index, member] of others.entries()) expect(member.texts(subscriptions[index]!)).toEqual(numbered(100));
    expect(
      publisher
        .of("safe")
        .filter(({ level }) => level === "all")
        .at(-1)?.through,
    ).toBe(100);
  });

  it("lose nothing when the publisher dies after some have it", () => {
    const overlay = new Overlay({ members: 11, fate: lossy(0.3, 0, 30), seed: 7 });
    const [publisher, ...others] = overlay.members as [Member, ...Member[]];
    const subscriptions = others.map((member) => overlay.subscribe(member, "orders.eu"));
    overlay.run(2000);
    for (const message of numbered(20)) overlay.publish(publisher, "orders.eu", message);
    overlay.publish(publisher, "orders.eu", "last");
    while (!publisher.of("safe").some(({ through }) => through === 21)) overlay.run(1);
    overlay.kill(publisher);
    overlay.run(60_000);
    const all = [...numbered(20), "last"];
    for (const [index, member] of others.entries()) expect(member.texts(subscriptions[index]!)).toEqual(all);
  });
});
