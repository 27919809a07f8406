/** What a member makes another hold, send and compute is charged to it: others' messages stay, come, and are checked in time. */
import { describe, expect, it } from "vitest";
import {
  BARE_LOGS_MAX,
  BARE_LOGS_PER_PUBLISHER_MAX,
  CHECKED_BYTES_PER_MEMBER_MAX,
  ENTRIES_MAX,
  HEARSAY_PULL_REFILL_MS,
  HEARSAY_PULLS_BURST,
  LIES_BURST,
  LIVES_PER_TOPIC_MAX,
  LOGS_SCANNED_MAX,
  SERVED_WINDOW_BYTES,
} from "../../topics/limits.js";
import { nameLog } from "../../topics/records/log.js";
import { encodePacket, type Packet } from "../../topics/records/packet.js";
import { type Member, Overlay, sha256 } from "../support/topics/overlay.js";
import { batch, headOf, reasons } from "../support/topics/signed.js";

const MIB = 1024 * 1024;

function network(members: number, settings = {}, pattern = "t") {
  const overlay = new Overlay({ members, settings });
  const [publisher, subscriber, ...liars] = overlay.members as [Member, Member, ...Member[]];
  const subscription = overlay.subscribe(subscriber, pattern);
  overlay.run(1000);
  const say = (packet: Packet, from: Member, to = subscriber) =>
    overlay.input(to, (machine) => machine.receive(from.id, encodePacket(packet), overlay.now));
  return { overlay, publisher, subscriber, liars, subscription, say };
}

/** So many starts of logs on topics of their own. */
function* starts(by: Member, count: number): Generator<Packet> {
  const log = (nth: number) => nameLog({ publisher: by.id, life: 9n, topic: `made.up.${nth}` }, sha256);
  for (let first = 0; first < count; first += ENTRIES_MAX) {
    const entries = Array.from({ length: ENTRIES_MAX }, (_, nth) => ({ log: log(first + nth), first: 1000 }));
    yield { kind: "start", entries };
  }
}

const logsAt = ({ machine }: Member) => machine.topics().reduce((sum, { logs }) => sum + logs, 0);
const pullsOf = (member: Member) => member.of("send").filter(({ frame }) => frame[4] === 3);

describe("starts of logs that there are not", () => {
  it("fill a place of their own, and push out no log that holds something", () => {
    const { overlay, publisher, subscriber, subscription, liars, say } = network(7, {}, ">");
    for (let nth = 0; nth < 100; nth++) overlay.publish(publisher, `real.${nth}`, "m");
    overlay.run(100);
    for (const liar of liars) for (const start of starts(liar, BARE_LOGS_PER_PUBLISHER_MAX)) say(start, liar);
    expect(logsAt(subscriber)).toBeLessThanOrEqual(BARE_LOGS_MAX + 100);
    expect(subscriber.machine.holdings).toMatchObject({ logs: 100, bareLogs: BARE_LOGS_MAX });
    expect(subscriber.of("lost")).toEqual([]);
    overlay.publish(publisher, "real.1", "again");
    overlay.run(100);
    expect(subscriber.texts(subscription).at(-1)).toBe("again");
  });

  it("are taken at a pace, each publisher's own", () => {
    const { publisher, subscriber, liars, say } = network(3, {}, ">");
    const [liar] = liars as [Member];
    for (const start of starts(liar, 2 * BARE_LOGS_PER_PUBLISHER_MAX)) say(start, liar);
    expect(reasons(subscriber)).toEqual(Array(BARE_LOGS_PER_PUBLISHER_MAX).fill("start: too-many-logs"));
    for (const start of starts(publisher, ENTRIES_MAX)) say(start, publisher);
    expect(subscriber.machine.holdings.bareLogs).toBe(BARE_LOGS_PER_PUBLISHER_MAX + ENTRIES_MAX);
  });
});

it("a publisher that makes up lives keeps a few logs on a topic", () => {
  const { overlay, subscriber, liars, say } = network(3);
  const [liar] = liars as [Member];
  for (let life = 1n; life <= 100n; life++) {
    say(batch({ by: liar, life }), liar);
    overlay.run(1);
  }
  expect(logsAt(subscriber)).toBe(LIVES_PER_TOPIC_MAX);
});

describe("bytes whose signature was not checked", () => {
  it("push out nothing, and count for who sent them", () => {
    const { overlay, publisher, subscriber, liars, say } = network(4, { retentionBytes: MIB });
    const [liar, framed] = liars as [Member, Member];
    for (let nth = 0; nth < 10; nth++) {
      overlay.publish(publisher, "t", new Uint8Array(100_000));
      overlay.run(10);
    }
    const { heldBytes } = subscriber.machine.topics()[0]!;
    for (let nth = 0; nth < LIES_BURST; nth++)
      say(batch({ by: framed, life: BigInt(nth), signer: liar, messages: [new Uint8Array(900_000)] }), liar);
    expect(subscriber.machine.holdings.checkedBytesOfOne).toBeLessThanOrEqual(CHECKED_BYTES_PER_MEMBER_MAX);
    overlay.run(100);
    expect(subscriber.machine.topics()[0]!.heldBytes).toBe(heldBytes);
    expect(reasons(subscriber)).toContain("batch: signature");
  });

  it("of one member, checked slowly, keep out nobody else's", () => {
    const { overlay, publisher, subscriber, liars, say } = network(8);
    const large = [new Uint8Array(1_000_000)];
    for (const liar of liars)
      for (let nth = 0; nth < 20; nth++) say(batch({ by: liar, life: BigInt(nth), messages: large }), liar);
    say(batch({ by: publisher, messages: ["heard"] }), publisher);
    expect(subscriber.of("verify").at(-1)?.signer).toBe(publisher.id);
    overlay.run(1);
  });

  it("in heads and proofs cost a liar its hearing as they do in batches", () => {
    const { overlay, publisher, subscriber, liars, say } = network(3);
    const [liar] = liars as [Member];
    for (let nth = 1; nth <= 50; nth++) {
      const forged = { by: publisher, life: BigInt(nth), signer: liar };
      say({ kind: "heads", heads: [headOf(forged)] }, liar);
      say({ kind: "proof", heads: [headOf(forged), headOf({ ...forged, messages: ["other"] })] }, liar);
      overlay.run(1);
    }
    expect(subscriber.of("verify").length).toBeLessThanOrEqual(2 * LIES_BURST);
  });
});

it("a publisher that has its share of the memory pays for more with its own", () => {
  const { overlay, publisher, subscriber, liars } = network(4, { retentionBytes: 2 * MIB });
  const [liar, small] = liars as [Member, Member];
  const data = new Uint8Array(100_000);
  overlay.publish(small, "t", data);
  for (let nth = 0; nth < 12; nth++) overlay.publish(publisher, "t", data);
  overlay.run(100);
  const held = () => [small, publisher].map((by) => heldOf(overlay, subscriber, by));
  const before = held();
  for (let nth = 0; nth < 100; nth++) {
    overlay.publish(liar, "t", data);
    overlay.run(10);
  }
  expect(held()).toEqual(before);
  expect(before[1]).toBeGreaterThan(1);
});

/** Batches of a publisher that a member gives to who pulls them. */
function heldOf(overlay: Overlay, member: Member, by: Member): number {
  const { tag } = member.of("deliver").find(({ batch }) => batch.log.publisher === by.id)!.batch.log;
  const before = member.of("send").length;
  const pull = encodePacket({ kind: "pull", entries: [{ tag, first: 1, last: 1000 }] });
  overlay.input(member, (machine) => machine.receive(by.id, pull, overlay.now));
  return member
    .of("send")
    .slice(before)
    .filter(({ rest }) => rest !== undefined).length;
}

describe("pulls", () => {
  /** A publisher that holds what others pull, again and again. */
  function pulled(liars: number) {
    const of = network(2 + liars, {}, "none");
    const published = of.overlay.publish(of.publisher, "t", new Uint8Array(1_000_000));
    if (!published.ok) throw new Error(published.reason);
    of.overlay.run(100);
    const pull: Packet = { kind: "pull", entries: [{ tag: published.log.tag, first: 1, last: 1 }] };
    return { ...of, pull };
  }

  it("of many at once are served a share of each second, and who asks little gets it beside them", () => {
    const { overlay, publisher, subscriber, liars, say, pull } = pulled(8);
    publisher.sentBytes = 0;
    for (let nth = 0; nth < 50; nth++) for (const liar of liars) say(pull, liar, publisher);
    expect(publisher.sentBytes).toBeLessThan(2 * SERVED_WINDOW_BYTES);
    const before = publisher.sentBytes;
    for (let nth = 0; nth < 3; nth++) say(pull, subscriber, publisher);
    expect(publisher.sentBytes - before).toBeGreaterThan(3_000_000);
    overlay.run(1);
  });

  it("beyond it are refused, with when to come again; then they are served", () => {
    const { overlay, publisher, liars, say, pull } = pulled(1);
    const [liar] = liars as [Member];
    const isRefused = () => publisher.of("send").at(-1)!.frame[4] === 10;
    for (let nth = 0; nth < 50 && !isRefused(); nth++) say(pull, liar, publisher);
    const { frame } = publisher.of("send").at(-1)!;
    const wait = Buffer.from(frame).readUInt32BE(5);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(1000);
    overlay.run(wait);
    say(pull, liar, publisher);
    expect(isRefused()).toBe(false);
  });

  it("are not sent to who is busy before its time, and others are asked at once", () => {
    const overlay = new Overlay({ members: 4 });
    const [publisher, subscriber, busy, other] = overlay.members as [Member, Member, Member, Member];
    const subscription = overlay.subscribe(subscriber, "t");
    for (const member of [busy, other]) overlay.subscribe(member, "t");
    overlay.run(1000);
    overlay.fate = (_from, to) => (to === 1 ? [] : [1]);
    overlay.publish(publisher, "t", "m");
    overlay.run(100);
    overlay.kill(publisher);
    const refusal = encodePacket({ kind: "refused", reason: "busy", afterMs: 5000 });
    overlay.fate = (from, to, packet) => {
      if (to === busy.index && packet[0] === 3)
        overlay.later(1, () => overlay.input(subscriber, (machine) => machine.receive(busy.id, refusal, overlay.now)));
      return (to === busy.index && packet[0] === 3) || from === busy.index ? [] : [1];
    };
    const { tag } = busy.of("deliver")[0]!.batch.log;
    const announce = encodePacket({ kind: "announce", answer: false, entries: [{ tag, first: 1, last: 1 }] });
    overlay.input(subscriber, (machine) => machine.receive(busy.id, announce, overlay.now));
    overlay.run(4000);
    expect(subscriber.texts(subscription)).toEqual(["m"]);
    expect(pullsOf(subscriber).filter(({ to }) => to.includes(busy.id)).length).toBeLessThanOrEqual(1);
  });

  it("that are answered drop by drop go to the next holder in the end", () => {
    const overlay = new Overlay({ members: 4 });
    const [publisher, subscriber, dripping, honest] = overlay.members as [Member, Member, Member, Member];
    const subscription = overlay.subscribe(subscriber, "t");
    for (const member of [dripping, honest]) overlay.subscribe(member, "t");
    overlay.run(1000);
    overlay.publish(publisher, "t", "m0");
    overlay.run(100);
    overlay.fate = (_from, to) => (to === 1 ? [] : [1]);
    for (let nth = 1; nth <= 200; nth++) {
      overlay.publish(publisher, "t", `m${nth}`);
      overlay.run(1);
    }
    overlay.run(100);
    overlay.kill(publisher);
    let drops = 0;
    // The honest one announces what it has when the other has been asked.
    overlay.fate = (from, to, packet) => {
      if (to !== subscriber.index) return [1];
      if (from === dripping.index) return packet[0] === 1 ? [90 * ++drops] : [1];
      return packet[0] === 2 && drops === 0 ? [] : [1];
    };
    const begun = overlay.now;
    while (overlay.now < begun + 30_000 && subscriber.texts(subscription).length < 201) overlay.run(50);
    expect(drops).toBeGreaterThan(0);
    expect(overlay.now - begun).toBeLessThan(10_000);
  });

  it("that liars led into a long pause do not keep a true announcement waiting", () => {
    const overlay = new Overlay({ members: 5 });
    const [publisher, subscriber, holder, ...liars] = overlay.members as [Member, Member, Member, ...Member[]];
    const subscription = overlay.subscribe(subscriber, "t");
    overlay.subscribe(holder, "t");
    overlay.run(1000);
    overlay.publish(publisher, "t", "first");
    overlay.run(100);
    const { tag } = subscriber.of("deliver")[0]!.batch.log;
    const claim = (last: number) =>
      encodePacket({ kind: "announce", answer: false, entries: [{ tag, first: 1, last }] });
    for (let nth = 0; nth < 300; nth++) {
      for (const liar of liars)
        overlay.input(subscriber, (machine) => machine.receive(liar.id, claim(1000 + nth), overlay.now));
      overlay.run(100);
    }
    overlay.fate = (from, to) => (from === publisher.index && to === subscriber.index ? [] : [1]);
    overlay.publish(publisher, "t", "second");
    overlay.run(20);
    overlay.input(subscriber, (machine) => machine.receive(holder.id, claim(2), overlay.now));
    overlay.run(350);
    expect(subscriber.texts(subscription)).toEqual(["first", "second"]);
  });

  it("for what does not fit a forked log end soon, and what is missing is lost", () => {
    const overlay = new Overlay({ members: 8 });
    const [, subscriber, liar, ...rest] = overlay.members as [Member, Member, Member, ...Member[]];
    overlay.subscribe(subscriber, "t");
    for (const member of rest) overlay.subscribe(member, "t");
    overlay.run(1000);
    const say = (packet: Packet, to: Member) =>
      overlay.input(to, (machine) => machine.receive(liar.id, encodePacket(packet), overlay.now));
    const other = { by: liar, messages: ["other"] };
    say(batch({ by: liar, messages: ["one"] }), subscriber);
    for (const member of rest) {
      say(batch(other), member);
      say(batch({ by: liar, first: 2, previous: sha256(headOf(other).body), messages: ["second"] }), member);
    }
    overlay.run(10 * 60_000);
    expect(pullsOf(subscriber).length).toBeLessThanOrEqual(20);
  });
});

it.each(["heads", "batch"])(
  "a member that says that its logs are long has others ask each other a few times a second (%s)",
  (kind) => {
    const { overlay, subscriber, liars, say } = network(12, {}, ">");
    const [liar, ...rest] = liars as [Member, ...Member[]];
    for (const member of rest) overlay.subscribe(member, ">");
    overlay.run(1000);
    for (let nth = 0; nth < 400; nth++) {
      const of = { by: liar, life: BigInt(nth), topic: `made.${nth}`, first: 1000 };
      say(kind === "batch" ? batch(of) : { kind: "heads", heads: [headOf(of)] }, liar);
      overlay.run(5);
    }
    overlay.run(8_000);
    const asked = pullsOf(subscriber).filter(({ to }) => !to.includes(liar.id));
    expect(asked.length).toBeLessThanOrEqual(HEARSAY_PULLS_BURST + 10_000 / HEARSAY_PULL_REFILL_MS + 1);
    expect(asked.length).toBeGreaterThan(0);
  },
);

it("a question is answered from all logs on a topic that it names, however many others there are", () => {
  const { overlay, publisher, subscriber, liars, say } = network(4, {}, ">");
  const [liar, asker] = liars as [Member, Member];
  for (let nth = 0; nth < LOGS_SCANNED_MAX / 2; nth++) {
    for (const by of [liar, asker]) say(batch({ by, topic: `made.up.${nth}` }), by);
    if (nth % 100 === 0) overlay.run(1);
  }
  overlay.publish(publisher, "t", "m");
  overlay.run(5);
  const answers = () => subscriber.of("send").filter(({ to, frame }) => to.includes(asker.id) && frame[4] === 7);
  const before = answers().length;
  say({ kind: "ask", patterns: ["t"] }, asker);
  const answer = answers().at(-1)!.frame;
  expect(answers().length).toBe(before + 1);
  expect(Buffer.from(answer).readUInt16BE(5)).toBe(1);
});
