/** What a store is asked to keep: batches of a publisher, and places of a subscriber; and what the next life does with them. */
import { describe, expect, it } from "vitest";
import type { Place } from "../../topics/effects.js";
import { type Member, Overlay } from "../support/topics/overlay.js";

function network(members: number, options: { retention?: number } = {}) {
  const topic = { ms: 5000, bytes: options.retention ?? 0 };
  const overlay = new Overlay({ members, ...(options.retention && { keeping: () => topic }) });
  const [publisher, ...others] = overlay.members as [Member, ...Member[]];
  return { overlay, publisher, others };
}

describe("a durable message", () => {
  it("counts as sent, and as safe, when it is stored, and not before", () => {
    const { overlay, publisher, others } = network(4);
    for (const member of others) overlay.subscribe(member, "t");
    overlay.run(1000);
    overlay.storeMs = 500;
    overlay.publish(publisher, "t", "m", { durable: true });
    overlay.run(400);
    expect(publisher.of("store").map(({ batch }) => [batch.first, batch.last])).toEqual([[1, 1]]);
    expect([publisher.of("sent"), publisher.of("safe")]).toEqual([[], []]);
    overlay.run(200);
    expect(publisher.of("sent").map(({ through }) => through)).toEqual([1]);
    expect(publisher.of("safe").map(({ level, through }) => [level, through])).toEqual([
      ["some", 1],
      ["all", 1],
    ]);
  });

  it("is sent on by the next life of its publisher, in the log of the life before", () => {
    const { overlay, publisher, others } = network(4);
    const subscriptions = others.map((member) => overlay.subscribe(member, "t"));
    overlay.run(1000);
    overlay.fate = () => [];
    for (const text of ["m1", "m2"]) {
      overlay.publish(publisher, "t", text, { durable: true });
      overlay.run(5);
    }
    const stored = publisher.of("store").map(({ batch }) => batch.bytes);
    overlay.fate = () => [1];
    overlay.restart(publisher);
    overlay.input(publisher, (machine) => machine.resume(stored, overlay.now));
    overlay.publish(publisher, "t", "new");
    overlay.run(10_000);
    for (const [index, member] of others.entries()) {
      const handed = member.handed.get(subscriptions[index]!)!;
      expect(handed.filter(({ text }) => text !== "new").map(({ text, number }) => [text, number])).toEqual([
        ["m1", 1],
        ["m2", 2],
      ]);
      expect(handed.map(({ text }) => text)).toContain("new");
    }
    expect(publisher.of("safe").filter(({ level, through }) => level === "all" && through === 2)).toHaveLength(1);
  });

  it("needs no place in the store when its retention has ended", () => {
    const { overlay, publisher, others } = network(3, { retention: 1_000_000 });
    for (const member of others) overlay.subscribe(member, "t");
    overlay.run(1000);
    overlay.publish(publisher, "t", "m", { durable: true });
    overlay.run(60_000);
    expect(publisher.of("forget").map(({ through }) => through)).toEqual([1]);
  });
});

describe("a durable subscription", () => {
  it("goes on in its next life where it was, with what it missed, and without what it had acknowledged above", () => {
    const { overlay, publisher, others } = network(4);
    const [member, ...rest] = others as [Member, ...Member[]];
    for (const other of rest) overlay.subscribe(other, "t");
    const before = overlay.subscribe(member, "t", { places: [] }, ({ number }) => (number === 2 ? "hold" : "done"));
    overlay.run(1000);
    for (const text of ["m1", "m2", "m3"]) overlay.publish(publisher, "t", text);
    overlay.run(100);
    const places: Place[] = [member.of("place").at(-1)!.place];
    expect(places.map(({ through, above }) => [through, above])).toEqual([[1, [3]]]);
    expect(member.texts(before)).toEqual(["m1", "m2", "m3"]);
    overlay.kill(member);
    for (const text of ["m4", "m5"]) overlay.publish(publisher, "t", text);
    overlay.run(1000);
    overlay.restart(member);
    const after = overlay.subscribe(member, "t", { places });
    overlay.run(5000);
    overlay.publish(publisher, "t", "m6");
    overlay.run(1000);
    expect(member.texts(after)).toEqual(["m2", "m4", "m5", "m6"]);
    expect(member.of("lost")).toEqual([]);
  });

  it("is told what it missed when retention ended meanwhile", () => {
    const { overlay, publisher, others } = network(3, { retention: 1_000_000 });
    overlay.settings.retentionMs = 5000;
    const [member] = others as [Member];
    overlay.subscribe(member, "t", { places: [] });
    overlay.run(1000);
    overlay.publish(publisher, "t", "m1");
    overlay.run(100);
    const places: Place[] = [member.of("place").at(-1)!.place];
    overlay.kill(member);
    overlay.publish(publisher, "t", "m2");
    overlay.run(60_000);
    overlay.restart(member);
    const after = overlay.subscribe(member, "t", { places });
    overlay.run(1000);
    overlay.publish(publisher, "t", "m3");
    overlay.run(5000);
    expect(member.texts(after)).toEqual(["m3"]);
    expect(member.of("lost").map(({ first, last }) => [first, last])).toEqual([[2, 2]]);
  });
});

describe("a topic with a retention of its own", () => {
  it("keeps so many bytes of it, and refuses what would be more while nobody has confirmed it", () => {
    const { overlay, publisher, others } = network(3, { retention: 10_000 });
    for (const member of others) overlay.subscribe(member, "t");
    overlay.run(1000);
    const data = new Uint8Array(1000);
    for (let nth = 0; nth < 50; nth++) {
      expect(overlay.publish(publisher, "t", data).ok).toBe(true);
      overlay.run(10);
      expect(publisher.machine.topics()[0]!.heldBytes).toBeLessThanOrEqual(11_500);
    }
    overlay.fate = () => [];
    const refused = Array.from({ length: 50 }, () => {
      overlay.run(10);
      return overlay.publish(publisher, "t", data).ok;
    }).filter((isTaken) => !isTaken);
    expect(refused.length).toBeGreaterThan(35);
  });
});
