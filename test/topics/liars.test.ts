/** What liars say is data: each lie with what becomes of it, and who pays for it. */
import { describe, expect, it } from "vitest";
import { CHECKS_PER_MEMBER_MAX, LIES_BURST, PROOFS_PER_PUBLISHER_MAX } from "../../topics/limits.js";
import type { LogTag } from "../../topics/records/log.js";
import { encodePacket, type Packet } from "../../topics/records/packet.js";
import { bytesOf, type Member, Overlay, sha256 } from "../support/topics/overlay.js";
import { type Body, batch, batchOf, headOf, reasons } from "../support/topics/signed.js";

/** A publisher, a subscriber, a liar that may subscribe as well, and others that do. */
function network(others = 1) {
  const overlay = new Overlay({ members: 3 + others });
  const [publisher, subscriber, liar, ...rest] = overlay.members as [Member, Member, Member, ...Member[]];
  const subscription = overlay.subscribe(subscriber, "t");
  for (const member of rest) overlay.subscribe(member, "t");
  overlay.run(1000);
  const say = (packet: Packet | Uint8Array, from = liar, to = subscriber) => {
    const bytes = packet instanceof Uint8Array ? packet : encodePacket(packet);
    overlay.input(to, (machine) => machine.receive(from.id, bytes, overlay.now));
  };
  return { overlay, publisher, subscriber, liar, rest, subscription, say };
}

describe("what is refused", () => {
  it.each<[string, string, (of: ReturnType<typeof network>) => void]>([
    ["junk", "packet: packet-malformed", ({ say }) => say(new Uint8Array([7, 7, 7]))],
    ["nothing", "packet: packet-malformed", ({ say }) => say(new Uint8Array(0))],
    ["half a batch", "batch: batch-malformed", ({ say }) => say(new Uint8Array([1, 0, 0, 200, 1, 2]))],
    [
      "another's message that it signed itself",
      "batch: signature",
      ({ overlay, publisher, liar, say }) => {
        say(batch({ by: publisher, signer: liar }));
        overlay.run(10);
      },
    ],
    [
      "another's message with other bytes",
      "batch: batch-malformed",
      ({ publisher, say }) => {
        const bytes = batchOf({ by: publisher });
        say({ kind: "batch", stretch: undefined, bytes: bytes.with(bytes.length - 1, 0) });
      },
    ],
    ["my own messages", "batch: own", ({ subscriber, say }) => say(batch({ by: subscriber }))],
    [
      "where another's log begins for me",
      "start: not-publisher",
      ({ publisher, say }) => say({ kind: "start", entries: [{ log: headOf({ by: publisher }).log, first: 1000 }] }),
    ],
    [
      "progress in a log that is not there",
      "progress: log-unknown",
      ({ say }) => say({ kind: "progress", entries: [{ tag: "00".repeat(16) as LogTag, held: 5, acknowledged: 5 }] }),
    ],
    [
      "two statements that do not contradict each other as a proof",
      "proof: no-contradiction",
      ({ publisher, say }) => {
        const heads = [
          headOf({ by: publisher }),
          headOf({ by: publisher, first: 9, previous: sha256(bytesOf("x")) }),
        ] as const;
        say({ kind: "proof", heads });
      },
    ],
  ])("%s", (_, reason, act) => {
    const of = network();
    act(of);
    of.overlay.run(10_000);
    expect(reasons(of.subscriber)).toEqual([reason]);
    expect(of.subscriber.texts(of.subscription)).toEqual([]);
    expect(of.subscriber.of("equivocation")).toEqual([]);
  });

  it("a message on a topic that I do not want, unless its publisher wants me to hold it", () => {
    const { overlay, publisher, liar, say, rest } = network();
    say(batch({ by: publisher }), liar, publisher);
    const idle = overlay.members.at(-1)!;
    expect(rest).toContain(idle);
    expect(reasons(publisher)).toEqual(["batch: own"]);
    const [, , outsider] = overlay.members as [Member, Member, Member];
    say(batch({ by: publisher }), rest[0]!, outsider);
    expect(reasons(outsider)).toEqual(["batch: unwanted"]);
  });
});

describe("who pays", () => {
  it("a member with a few false signatures is not listened to for a while; others are", () => {
    const { overlay, publisher, liar, subscriber, subscription, say } = network();
    for (let nth = 0; nth < LIES_BURST; nth++) {
      say(batch({ by: publisher, life: BigInt(nth), signer: liar }));
      overlay.run(10);
    }
    const before = subscriber.of("verify").length;
    say(batch({ by: publisher, signer: liar }));
    expect(reasons(subscriber).at(-1)).toBe("batch: muted");
    expect(subscriber.of("verify")).toHaveLength(before);
    overlay.publish(publisher, "t", "heard");
    overlay.run(1000);
    expect(subscriber.texts(subscription)).toEqual(["heard"]);
  });

  it("a flood of one member leaves room for the checks of others", () => {
    const { overlay, publisher, liar, subscriber, subscription, say } = network();
    for (let nth = 0; nth < 2 * CHECKS_PER_MEMBER_MAX; nth++)
      say(batch({ by: liar, life: BigInt(nth), messages: [`${nth}`] }));
    expect(subscriber.of("verify")).toHaveLength(CHECKS_PER_MEMBER_MAX);
    overlay.publish(publisher, "t", "heard");
    overlay.run(5);
    expect(subscriber.texts(subscription)).toContain("heard");
  });

  it("a flood of several members together leaves room for the checks of others", () => {
    const { overlay, publisher, liar, rest, subscriber, subscription, say } = network(4);
    for (const by of [liar, ...rest]) {
      for (let nth = 0; nth < CHECKS_PER_MEMBER_MAX; nth++)
        say(batch({ by, life: BigInt(nth), messages: [`${nth}`] }), by);
    }
    say(batch({ by: publisher, messages: ["heard"] }), publisher);
    expect(subscriber.of("verify").at(-1)?.signer).toBe(publisher.id);
    overlay.run(5);
    expect(subscriber.texts(subscription)).toContain("heard");
  });

  it("who repeats what another has signed costs no check", () => {
    const { overlay, publisher, subscriber, say } = network();
    overlay.publish(publisher, "t", "m");
    overlay.run(100);
    const { batch: head } = subscriber.of("deliver")[0]!;
    const before = subscriber.of("verify").length;
    for (let nth = 0; nth < 100; nth++) say({ kind: "heads", heads: [head] });
    overlay.run(100);
    expect(subscriber.of("verify")).toHaveLength(before);
  });

  it("who announces what it does not have costs a pull time, and no message", () => {
    const { overlay, publisher, liar, subscriber, subscription, say } = network(3);
    overlay.publish(publisher, "t", "first");
    overlay.run(100);
    const { tag } = subscriber.of("deliver")[0]!.batch.log;
    overlay.fate = (from, to) => (from === 0 && to === 1 ? [] : [1]);
    overlay.publish(publisher, "t", "second");
    say({ kind: "announce", answer: false, entries: [{ tag, first: 1, last: 1_000_000 }] });
    overlay.run(5000);
    expect(subscriber.texts(subscription)).toEqual(["first", "second"]);
    // It was asked, and is not asked for ever.
    overlay.run(10 * 60_000);
    const asked = subscriber.of("send").filter(({ to, frame }) => to.includes(liar.id) && frame[4] === 3);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThan(10);
    expect(subscriber.of("lost")).toEqual([]);
  });

  it("who announces logs that there are not pushes out its own, not what others announce", () => {
    const { overlay, publisher, subscriber, subscription, rest, say } = network();
    overlay.fate = (from, to) => (from === 0 && to === 1 ? [] : [1]);
    overlay.publish(publisher, "t", "m");
    overlay.run(50);
    overlay.kill(publisher);
    const { tag } = rest[0]!.of("deliver")[0]!.batch.log;
    say({ kind: "announce", answer: false, entries: [{ tag, first: 1, last: 1 }] }, rest[0]!);
    const junk = (nth: number) => nth.toString(16).padStart(32, "0") as LogTag;
    const flood = () => {
      for (let nth = 0; nth < 5000; nth++)
        say({ kind: "announce", answer: false, entries: [{ tag: junk(nth), first: 1, last: 1 }] });
    };
    flood();
    overlay.run(150);
    expect(subscriber.texts(subscription)).toEqual(["m"]);
  });

  it("who pulls for ever is served its share, and then told so", () => {
    const { overlay, publisher, liar, say } = network();
    const published = overlay.publish(publisher, "t", new Uint8Array(1_000_000));
    if (!published.ok) throw new Error(published.reason);
    overlay.run(100);
    const { tag } = published.log;
    publisher.sentBytes = 0;
    for (let nth = 0; nth < 200; nth++) say({ kind: "pull", entries: [{ tag, first: 1, last: 1 }] }, liar, publisher);
    expect(publisher.sentBytes).toBeGreaterThan(30_000_000);
    expect(publisher.sentBytes).toBeLessThan(35_000_000);
    const last = publisher.of("send").at(-1)!;
    expect([last.to, last.frame[4]]).toEqual([[liar.id], 10]);
  });

  it("a publisher is not believed by others when it says that more is held than there is", () => {
    const { overlay, publisher, subscriber, say } = network();
    const published = overlay.publish(publisher, "t", "m", { level: "all" });
    if (!published.ok) throw new Error(published.reason);
    const { tag } = published.log;
    overlay.input(publisher, (machine) => machine.tick(overlay.now));
    say({ kind: "progress", entries: [{ tag, held: 2 ** 47, acknowledged: 2 ** 47 }] }, subscriber, publisher);
    expect(reasons(publisher)).toEqual(["progress: progress-beyond"]);
    expect(publisher.of("safe")).toEqual([]);
  });
});

describe("a publisher that signs two things under one number", () => {
  const one = (liar: Member): Body => ({ by: liar, messages: ["one"] });
  const other = (liar: Member): Body => ({ by: liar, messages: ["other"] });

  it("is proven to have done so, by whoever sees both; who has one goes on with it", () => {
    const { overlay, liar, subscriber, subscription, rest, say } = network(4);
    const texts = () => rest.map((member) => member.texts(1));
    say(batch(one(liar)));
    for (const member of rest) say(batch(other(liar)), liar, member);
    overlay.run(60_000);
    expect(subscriber.texts(subscription)).toEqual(["one"]);
    expect(texts()).toEqual(rest.map(() => ["other"]));
    say(batch(other(liar)));
    overlay.run(60_000);
    for (const member of [subscriber, ...rest]) {
      const [proof] = member.of("equivocation");
      expect(proof?.proof.publisher, `member ${member.index}`).toBe(liar.id);
      expect(member.of("equivocation")).toHaveLength(1);
    }
    expect(subscriber.texts(subscription)).toEqual(["one"]);
  });

  it.each<[string, (liar: Member) => readonly [Body, Body]]>([
    ["two messages under one number", (liar) => [one(liar), other(liar)]],
    [
      "two batches that overlap",
      (by) => [
        { by, first: 3, messages: ["a", "b"], previous: sha256(bytesOf("x")) },
        { by, first: 4, messages: ["c"], previous: sha256(bytesOf("x")) },
      ],
    ],
    [
      "a batch that does not name the one before it",
      (by) => [{ by }, { by, first: 2, previous: sha256(bytesOf("x")) }],
    ],
  ])("is proven by %s, which others check for themselves", (_, pair) => {
    const { overlay, liar, subscriber, say } = network();
    const [a, b] = pair(liar);
    say({ kind: "proof", heads: [headOf(a), headOf(b)] });
    overlay.run(100);
    expect(subscriber.of("equivocation")).toHaveLength(1);
  });

  it("is not proven by two statements that it did not sign", () => {
    const { overlay, publisher, liar, subscriber, say } = network();
    const forged = { by: publisher, signer: liar };
    say({ kind: "proof", heads: [headOf({ ...forged }), headOf({ ...forged, messages: ["other"] })] });
    overlay.run(100);
    expect(subscriber.of("equivocation")).toEqual([]);
  });
});

it("a publisher that signs proofs against itself without end is told of a few times, and these are no news again", () => {
  const { overlay, liar, subscriber, say } = network();
  const forkOf = (life: number): Packet => {
    const of = { by: liar, life: BigInt(life) };
    return { kind: "proof", heads: [headOf({ ...of, messages: ["a"] }), headOf({ ...of, messages: ["b"] })] };
  };
  for (let round = 0; round < 2; round++) {
    for (let life = 1; life <= 2 * PROOFS_PER_PUBLISHER_MAX; life++) {
      say(forkOf(life));
      overlay.run(10);
    }
  }
  expect(subscriber.of("equivocation")).toHaveLength(PROOFS_PER_PUBLISHER_MAX);
});
