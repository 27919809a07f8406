/** Where a subscription begins: behind all that was published before it, at nothing that came after it. */
import { describe, expect, it } from "vitest";
import { type Fate, type Member, Overlay } from "../support/topics/overlay.js";

function network(members: number, fate?: Fate) {
  const overlay = new Overlay({ members, ...(fate && { fate }) });
  const [publisher, ...others] = overlay.members as [Member, ...Member[]];
  return { overlay, publisher, others };
}

const numbered = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `m${first + index}`);

describe("a subscription", () => {
  it("that comes later has what is published after it resolved, and nothing from before", () => {
    const { overlay, publisher, others } = network(4);
    const [early, late] = others as [Member, Member];
    overlay.subscribe(early, "t");
    overlay.run(1000);
    for (const text of numbered(1, 5)) overlay.publish(publisher, "t", text);
    overlay.run(100);
    const subscription = overlay.subscribe(late, "t");
    while (late.of("subscribed").length === 0) overlay.run(1);
    for (const text of numbered(6, 9)) overlay.publish(publisher, "t", text);
    overlay.run(1000);
    expect(late.texts(subscription)).toEqual(numbered(6, 9));
  });

  it("of a topic that its member has already begins where that is", () => {
    const { overlay, publisher, others } = network(3);
    const [member] = others as [Member];
    overlay.subscribe(member, "t");
    overlay.run(1000);
    for (const text of numbered(1, 5)) overlay.publish(publisher, "t", text);
    overlay.run(100);
    const second = overlay.subscribe(member, "t");
    expect(member.of("subscribed")).toHaveLength(2);
    const wide = overlay.subscribe(member, ">");
    overlay.run(1000);
    overlay.publish(publisher, "t", "m6");
    overlay.run(1000);
    expect([member.texts(second), member.texts(wide)]).toEqual([["m6"], ["m6"]]);
  });

  it("does not get a dead publisher's old messages, when somebody holds them", () => {
    const { overlay, publisher, others } = network(4);
    const [early, late] = others as [Member, Member];
    overlay.subscribe(early, "t");
    overlay.run(1000);
    for (const text of numbered(1, 5)) overlay.publish(publisher, "t", text);
    overlay.run(100);
    overlay.kill(publisher);
    const subscription = overlay.subscribe(late, "t");
    overlay.run(60_000);
    expect(late.of("subscribed")).toHaveLength(1);
    expect(late.texts(subscription)).toEqual([]);
    expect(late.of("lost")).toEqual([]);
  });

  it("has all of a log of which nobody told it, from the first message on", () => {
    // The first packet of the publisher, with the first message, is lost; so is what it says of the start.
    const isLost = (packet: Uint8Array) => packet[0] === 8;
    const { overlay, publisher, others } = network(4, (from, _to, packet) => (from === 0 && isLost(packet) ? [] : [1]));
    const [member] = others as [Member];
    const subscription = overlay.subscribe(member, "t");
    overlay.run(1000);
    for (const text of numbered(1, 5)) {
      overlay.publish(publisher, "t", text);
      overlay.run(10);
    }
    overlay.run(5000);
    expect(member.texts(subscription)).toEqual(numbered(1, 5));
  });

  it("misses nothing when its member is taken for dead, and comes back", () => {
    const { overlay, publisher, others } = network(5);
    const subscriptions = others.map((member) => overlay.subscribe(member, "t"));
    overlay.run(1000);
    overlay.publish(publisher, "t", "m1");
    overlay.run(100);
    const [away, ...rest] = others as [Member, ...Member[]];
    for (const member of [publisher, ...rest]) {
      overlay.input(member, (machine) => machine.gone(away.id, overlay.now));
      overlay.input(away, (machine) => machine.gone(member.id, overlay.now));
    }
    for (const text of numbered(2, 4)) overlay.publish(publisher, "t", text);
    overlay.run(10_000);
    for (const member of [publisher, ...rest]) {
      overlay.input(member, (machine) => machine.appeared(away.id, overlay.now));
      overlay.input(away, (machine) => machine.appeared(member.id, overlay.now));
    }
    overlay.run(10_000);
    for (const [index, member] of others.entries()) expect(member.texts(subscriptions[index]!)).toEqual(numbered(1, 4));
  });

  it("that ends gets nothing more; one that drains settles what it has", () => {
    const { overlay, publisher, others } = network(3);
    const [member] = others as [Member];
    const ending = overlay.subscribe(member, "t");
    const draining = overlay.subscribe(member, "t", { inFlightMax: 2 }, () => "hold");
    overlay.run(1000);
    for (const text of numbered(1, 5)) overlay.publish(publisher, "t", text);
    overlay.run(100);
    overlay.input(member, (machine) => machine.unsubscribe(ending, overlay.now));
    overlay.input(member, (machine) => machine.drain(draining, overlay.now));
    overlay.publish(publisher, "t", "m6");
    overlay.run(1000);
    expect(member.texts(ending)).toEqual(numbered(1, 5));
    expect(member.of("ended").map(({ subscription }) => subscription)).toEqual([ending]);
    const { tag } = member.of("deliver")[0]!.batch.log;
    overlay.input(member, (machine) => machine.acknowledge(draining, tag, 1, 2, overlay.now));
    expect(member.of("ended").map(({ subscription }) => subscription)).toEqual([ending, draining]);
    expect(member.texts(draining)).toEqual(numbered(1, 2));
    expect(member.of("interest").at(-1)!.interests).toEqual([]);
    expect(publisher.machine.subscribers("t")).toEqual([]);
  });
});

describe("a handler that fails", () => {
  it("gets the message again, later each time, and then it is dead; those behind it wait", () => {
    const { overlay, publisher, others } = network(3);
    const [member] = others as [Member];
    const at: number[] = [];
    const handler = ({ text }: { text: string }) => {
      if (text !== "m2") return "done";
      at.push(overlay.now);
      return "fail";
    };
    const subscription = overlay.subscribe(member, "t", { attemptsMax: 4, backoffMs: 100 }, handler);
    overlay.run(1000);
    for (const text of numbered(1, 4)) overlay.publish(publisher, "t", text, { level: "all" });
    overlay.run(5000);
    expect(member.texts(subscription)).toEqual(["m1", "m2", "m2", "m2", "m2", "m3", "m4"]);
    expect(at.slice(1).map((time, index) => Math.round(time - at[index]!))).toEqual([100, 200, 400]);
    expect(member.of("dead").map(({ number, attempts }) => [number, attempts])).toEqual([[2, 4]]);
    expect(publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 4 });
  });
});
