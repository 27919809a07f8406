/** Last value: a subscription begins with the newest message of each publisher, whoever holds it. */
import { describe, expect, it } from "vitest";
import { type Member, Overlay } from "../support/topics/overlay.js";

const numbered = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `m${first + index}`);

function network(members: number, settings = {}) {
  const overlay = new Overlay({ members, settings });
  const [publisher, ...others] = overlay.members as [Member, ...Member[]];
  return { overlay, publisher, others };
}

function publish(overlay: Overlay, member: Member, topic: string, first: number, last: number): void {
  for (const text of numbered(first, last)) {
    overlay.publish(member, topic, text);
    overlay.run(5);
  }
  overlay.run(100);
}

describe("a subscription with the last value", () => {
  it("gets the newest message of a publisher that nobody had subscribed to, and what follows", () => {
    const { overlay, publisher, others } = network(4);
    publish(overlay, publisher, "t", 1, 5);
    const [member] = others as [Member];
    const subscription = overlay.subscribe(member, "t", { last: true });
    overlay.run(1000);
    expect(member.texts(subscription)).toEqual(["m5"]);
    publish(overlay, publisher, "t", 6, 8);
    expect(member.texts(subscription)).toEqual(numbered(5, 8));
  });

  it("gets one of each publisher and topic that match, its own among them", () => {
    const { overlay, publisher, others } = network(4);
    const [other, member] = others as [Member, Member];
    publish(overlay, publisher, "t.a", 1, 3);
    publish(overlay, publisher, "t.b", 4, 6);
    publish(overlay, other, "t.a", 7, 8);
    publish(overlay, member, "t.a", 9, 10);
    publish(overlay, other, "u", 11, 12);
    const subscription = overlay.subscribe(member, "t.*", { last: true });
    overlay.run(2000);
    expect(member.texts(subscription).sort()).toEqual(["m10", "m3", "m6", "m8"]);
  });

  it("of a batch of several gets the last of them", () => {
    const { overlay, publisher, others } = network(3);
    for (const text of numbered(1, 9)) overlay.publish(publisher, "t", text);
    overlay.run(100);
    const subscription = overlay.subscribe(others[0]!, "t", { last: true });
    overlay.run(1000);
    expect(others[0]!.texts(subscription)).toEqual(["m9"]);
  });

  it("gets a dead publisher's as well, when a subscriber holds it", () => {
    const { overlay, publisher, others } = network(4);
    const [early, late] = others as [Member, Member];
    overlay.subscribe(early, "t");
    overlay.run(1000);
    publish(overlay, publisher, "t", 1, 5);
    overlay.kill(publisher);
    const subscription = overlay.subscribe(late, "t", { last: true });
    overlay.run(5000);
    expect(late.texts(subscription)).toEqual(["m5"]);
  });

  it("beside another one of its member gets it from what that holds", () => {
    const { overlay, publisher, others } = network(3);
    const [member] = others as [Member];
    const plain = overlay.subscribe(member, "t");
    overlay.run(1000);
    publish(overlay, publisher, "t", 1, 5);
    const subscription = overlay.subscribe(member, "t", { last: true });
    overlay.run(1000);
    expect(member.texts(subscription)).toEqual(["m5"]);
    publish(overlay, publisher, "t", 6, 6);
    expect([member.texts(plain), member.texts(subscription)]).toEqual([numbered(1, 6), ["m5", "m6"]]);
  });

  it("of a publisher that began anew gets the newest of the new life only, and of the old one before that", () => {
    const { overlay, publisher, others } = network(4);
    const [early, late, later] = others as [Member, Member, Member];
    overlay.subscribe(early, "t");
    overlay.run(1000);
    publish(overlay, publisher, "t", 1, 5);
    overlay.restart(publisher);
    const before = overlay.subscribe(late, "t", { last: true });
    overlay.run(5000);
    expect(late.texts(before)).toEqual(["m5"]);
    publish(overlay, publisher, "t", 6, 7);
    const after = overlay.subscribe(later, "t", { last: true });
    overlay.run(5000);
    expect(later.texts(after)).toEqual(["m7"]);
  });

  it("loses nothing when it is not held any more, and gets what is published then", () => {
    const { overlay, publisher, others } = network(3, { retentionMs: 2000 });
    publish(overlay, publisher, "t", 1, 5);
    overlay.run(10_000);
    const [member] = others as [Member];
    const subscription = overlay.subscribe(member, "t", { last: true });
    overlay.run(3000);
    publish(overlay, publisher, "t", 6, 7);
    overlay.run(10_000);
    expect(member.texts(subscription)).toEqual(numbered(6, 7));
    expect(member.of("lost")).toEqual([]);
  });

  it("as others gets nothing from before when it does not ask for it", () => {
    const { overlay, publisher, others } = network(3);
    publish(overlay, publisher, "t", 1, 5);
    const subscription = overlay.subscribe(others[0]!, "t", { last: false });
    overlay.run(2000);
    expect(others[0]!.texts(subscription)).toEqual([]);
  });
});
