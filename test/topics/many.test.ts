/** Many subscribers: a batch goes along their rings, liars delay it by a pull, and nothing is lost. */
import { describe, expect, it } from "vitest";
import { nameLog } from "../../topics/records/log.js";
import { encodePacket } from "../../topics/records/packet.js";
import { type Fate, lossy, type Member, Overlay, reliable, sha256 } from "../support/topics/overlay.js";

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `m${index + 1}`);

function crowd(members: number, fate: Fate = reliable, seed = 1) {
  const overlay = new Overlay({ members, fate, seed });
  const [publisher, ...others] = overlay.members as [Member, ...Member[]];
  const subscriptions = others.map((member) => overlay.subscribe(member, "news"));
  overlay.run(3000);
  return { overlay, publisher, others, subscriptions };
}

describe("sixty subscribers", () => {
  it("have each batch once, and the publisher sends it to a few only", () => {
    const { overlay, publisher, others, subscriptions } = crowd(61);
    for (const member of overlay.members) member.sentBytes = 0;
    const data = "x".repeat(4000);
    for (let turn = 0; turn < 20; turn++) {
      overlay.publish(publisher, "news", data, { level: "all" });
      overlay.run(20);
    }
    overlay.run(3000);
    for (const [index, member] of others.entries()) expect(member.texts(subscriptions[index]!)).toHaveLength(20);
    expect(publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 20 });
    expect(publisher.sentBytes).toBeLessThan(20 * 4000 * 16);
    const bytes = overlay.members.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
    expect(bytes / (20 * 4202 * 60)).toBeLessThan(1.5);
  });

  it("lose nothing when a third of them swallow what they should pass on, and packets are lost", () => {
    const isBatch = (packet: Uint8Array) => packet[0] === 1;
    const bad = lossy(0.05, 0.05, 10);
    const swallow: Fate = (from, to, packet, random) =>
      from % 3 === 1 && isBatch(packet) ? [] : bad(from, to, packet, random);
    const { overlay, publisher, others, subscriptions } = crowd(61, swallow, 3);
    for (const message of numbered(10)) {
      overlay.publish(publisher, "news", message);
      overlay.run(50);
    }
    overlay.run(20_000);
    for (const [index, member] of others.entries()) expect(member.texts(subscriptions[index]!)).toEqual(numbered(10));
  });

  it("lose nothing when the publisher dies as soon as it is safe", () => {
    const { overlay, publisher, others, subscriptions } = crowd(61, lossy(0.2, 0, 20), 9);
    for (const message of numbered(10)) overlay.publish(publisher, "news", message);
    while (!publisher.of("safe").some(({ through }) => through === 10)) overlay.run(1);
    overlay.kill(publisher);
    overlay.run(60_000);
    for (const [index, member] of others.entries()) expect(member.texts(subscriptions[index]!)).toEqual(numbered(10));
  });

  it("have it from the publisher when liars announce it again and again, and give nothing", () => {
    const isBatch = (packet: Uint8Array) => packet[0] === 1;
    let isFirst = true;
    const keep: Fate = (from, to, packet) => (to === 1 && (isFirst || from > 0) && isBatch(packet) ? [] : [1]);
    const { overlay, publisher, others, subscriptions } = crowd(61, keep);
    const [victim, ...liars] = others as [Member, ...Member[]];
    const { tag } = nameLog({ publisher: publisher.id, life: 1n, topic: "news" }, sha256);
    const claim = encodePacket({ kind: "announce", answer: false, entries: [{ tag, first: 1, last: 3 }] });
    for (const message of numbered(3)) overlay.publish(publisher, "news", message);
    for (let round = 0; round < 50; round++) {
      for (const { id } of liars) overlay.input(victim, (machine) => machine.receive(id, claim, overlay.now));
      overlay.run(100);
      isFirst = false;
    }
    expect(victim.texts(subscriptions[0]!)).toEqual(numbered(3));
  });
});
