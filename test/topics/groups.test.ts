/** Queue groups on whole machines: each message goes to one live member, to another when that one is gone, and to none too few. */
import { describe, expect, it } from "vitest";
import type { Place } from "../../topics/effects.js";
import { GROUP_CLAIMS_MAX, GROUP_SPAN_MAX } from "../../topics/limits.js";
import type { SubscribeOptions } from "../../topics/machine-options.js";
import type { LogTag } from "../../topics/records/log.js";
import { encodePacket } from "../../topics/records/packet.js";
import { type Fate, type Handler, lossy, type Member, Overlay, reliable } from "../support/topics/overlay.js";

const numbered = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `m${first + index}`);
const HANDLED = 11;

interface Group {
  readonly overlay: Overlay;
  readonly publisher: Member;
  readonly workers: readonly Member[];
  /** Of each worker, its own. */
  readonly subscriptions: readonly number[];
  /** Members that have no part in it. */
  readonly outside: readonly Member[];
  /** What all of them have been handed, in any order. */
  handed(): string[];
}

interface GroupOptions {
  readonly workers?: number;
  readonly outside?: number;
  readonly fate?: Fate;
  readonly seed?: number;
  readonly handler?: (worker: number) => Handler;
  readonly options?: SubscribeOptions;
}

function group({
  workers: count = 3,
  outside = 1,
  fate = reliable,
  seed = 1,
  handler,
  options,
}: GroupOptions = {}): Group {
  const overlay = new Overlay({ members: 1 + count + outside, fate, seed });
  const [publisher, ...others] = overlay.members as [Member, ...Member[]];
  const workers = others.slice(0, count);
  const subscriptions = workers.map((member, index) =>
    overlay.subscribe(member, "orders.*", { queue: "workers", ...options }, handler?.(index)),
  );
  overlay.run(3000);
  const handed = () => workers.flatMap((member, index) => member.texts(subscriptions[index]!));
  return { overlay, publisher, workers, subscriptions, outside: others.slice(count), handed };
}

function publish({ overlay, publisher }: Group, first: number, last: number, everyMs = 0): void {
  for (const text of numbered(first, last)) {
    overlay.publish(publisher, "orders.eu", text, { level: "all" });
    if (everyMs > 0) overlay.run(everyMs);
  }
}

const sorted = (texts: readonly string[]) => [...texts].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
const logOf = (member: Member) => member.of("deliver")[0]!.batch.log.tag;

function claim(to: Member, from: Member, tag: LogTag, { overlay }: Group, last = 1000): void {
  const packet = encodePacket({ kind: "handled", queue: "workers", entries: [{ tag, first: 1, last }] });
  overlay.input(to, (machine) => machine.receive(from.id, packet, overlay.now));
}

describe("a queue group", () => {
  it("hands each message to one of its members, in order, and all of them have acknowledged it then", () => {
    const made = group();
    publish(made, 1, 90);
    made.overlay.run(200);
    expect(sorted(made.handed())).toEqual(numbered(1, 90));
    for (const [index, member] of made.workers.entries()) {
      const texts = member.texts(made.subscriptions[index]!);
      expect(texts).toEqual(sorted(texts));
      expect(texts.length).toBeGreaterThan(15);
    }
    expect(made.publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 90 });
    expect(made.workers.flatMap((member) => member.of("rejected"))).toEqual([]);
  });

  it("is one of several that each get every message, and so do those in none", () => {
    const made = group({ workers: 4, outside: 0, handler: () => () => "done" });
    const { overlay, workers } = made;
    const [a, b, c, d] = workers as [Member, Member, Member, Member];
    const others = [a, b].map((member) => overlay.subscribe(member, "orders.eu", { queue: "billing" }));
    const plain = [c, d].map((member) => overlay.subscribe(member, ">"));
    overlay.run(3000);
    publish(made, 1, 40);
    overlay.run(500);
    expect(sorted(made.handed())).toEqual(numbered(1, 40));
    expect(sorted([...a.texts(others[0]!), ...b.texts(others[1]!)])).toEqual(numbered(1, 40));
    expect([c.texts(plain[0]!), d.texts(plain[1]!)]).toEqual([numbered(1, 40), numbered(1, 40)]);
  });

  it("is its name: members with other patterns share what both stand for", () => {
    const made = group({ workers: 1, outside: 1 });
    const [other] = made.outside as [Member];
    const wide = made.overlay.subscribe(other, ">", { queue: "workers" });
    made.overlay.run(3000);
    publish(made, 1, 40);
    made.overlay.run(500);
    expect(sorted([...made.handed(), ...other.texts(wide)])).toEqual(numbered(1, 40));
    expect(other.texts(wide).length).toBeGreaterThan(5);
  });

  it("may have several subscriptions of one member, and goes on with those that stay", () => {
    const made = group({ workers: 2 });
    const { overlay, workers } = made;
    const [first] = workers as [Member];
    const held = overlay.subscribe(first, "orders.*", { queue: "workers" }, () => "hold");
    overlay.run(3000);
    publish(made, 1, 60);
    overlay.run(500);
    expect(first.texts(held).length).toBeGreaterThan(5);
    expect(sorted([...made.handed(), ...first.texts(held)])).toEqual(numbered(1, 60));
    overlay.input(first, (machine) => machine.unsubscribe(held, overlay.now));
    overlay.run(3000);
    expect(sorted(made.handed())).toEqual(numbered(1, 60));
    expect(made.publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 60 });
  });

  it("is told by a member that stops what that has handled, before it is gone: nothing is handed out twice", () => {
    const made = group();
    const { overlay, workers } = made;
    const [first] = workers as [Member];
    publish(made, 1, 60);
    overlay.run(5);
    expect(sorted(made.handed())).toEqual(numbered(1, 60));
    overlay.input(first, (machine) => machine.tellAll(overlay.now));
    overlay.run(2);
    overlay.kill(first);
    overlay.run(5_000);
    expect(sorted(made.handed())).toEqual(numbered(1, 60));
    expect(made.publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 60 });
  });

  it("of many members among more subscribers hands out each message once", () => {
    const made = group({ workers: 24, outside: 20 });
    for (const member of made.outside) made.overlay.subscribe(member, "orders.eu");
    made.overlay.run(3000);
    publish(made, 1, 100, 10);
    made.overlay.run(5000);
    expect(sorted(made.handed())).toEqual(numbered(1, 100));
  });
});

describe("nothing is lost, and nothing comes twice,", () => {
  it("when packets are lost, come twice and out of order", () => {
    const made = group({ workers: 4, fate: lossy(0.2, 0.1, 30), seed: 5 });
    publish(made, 1, 150, 5);
    made.overlay.run(60_000);
    expect(sorted(made.handed())).toEqual(numbered(1, 150));
  });

  it("when what is told to be handled does not come for a while", () => {
    let isCut = true;
    const fate: Fate = (_from, _to, packet) => (isCut && packet[0] === HANDLED ? [] : [1]);
    const made = group({ fate });
    publish(made, 1, 60);
    made.overlay.run(5000);
    expect(made.publisher.of("safe").at(-1)).toMatchObject({ level: "some" });
    isCut = false;
    made.overlay.run(40_000);
    expect(sorted(made.handed())).toEqual(numbered(1, 60));
    expect(made.publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 60 });
  });

  it("when the group grows while messages come", () => {
    const made = group({ workers: 2, outside: 1, handler: () => () => "done" });
    const { overlay } = made;
    const [late] = made.outside as [Member];
    publish(made, 1, 50, 10);
    const subscription = overlay.subscribe(late, "orders.*", { queue: "workers" });
    publish(made, 51, 300, 10);
    overlay.run(5000);
    const texts = late.texts(subscription);
    expect(texts.length).toBeGreaterThan(20);
    expect(sorted([...made.handed(), ...texts])).toEqual(numbered(1, 300));
    expect(made.publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 300 });
  });

  it("when a member drains while messages come: it ends when it has handled what was its own", () => {
    const made = group({ workers: 3 });
    const { overlay, workers, subscriptions } = made;
    publish(made, 1, 50, 10);
    const [leaver] = workers as [Member];
    overlay.input(leaver, (machine) => machine.drain(subscriptions[0]!, overlay.now));
    publish(made, 51, 300, 10);
    overlay.run(5000);
    expect(leaver.of("ended")).toHaveLength(1);
    expect(leaver.of("interest").at(-1)!.interests).toEqual([]);
    expect(sorted(made.handed())).toEqual(numbered(1, 300));
  });

  it("when the last member of a group drains, or one that was alone is joined", () => {
    const made = group({ workers: 1 });
    const { overlay, workers, subscriptions } = made;
    publish(made, 1, 10);
    overlay.run(100);
    overlay.input(workers[0]!, (machine) => machine.drain(subscriptions[0]!, overlay.now));
    overlay.run(10);
    expect(workers[0]!.of("ended")).toHaveLength(1);
    expect(made.handed()).toEqual(numbered(1, 10));
  });
});

describe("another one takes over", () => {
  /** The first one takes its messages, and never ends with them. */
  const stuck = (worker: number): Handler => (worker === 0 ? () => "hold" : () => "done");

  it("from one that dies with messages in its hands, and from no other", () => {
    const made = group({ handler: stuck });
    const { overlay, workers, subscriptions } = made;
    publish(made, 1, 60);
    overlay.run(20_000);
    const inHand = workers[0]!.texts(subscriptions[0]!);
    const done = made.handed().filter((text) => !inHand.includes(text));
    // While it lives they are its own, however long it takes.
    expect(sorted([...inHand, ...done])).toEqual(numbered(1, 60));
    expect(inHand.length).toBeGreaterThan(5);
    overlay.kill(workers[0]!);
    overlay.run(1000);
    const others = [1, 2].flatMap((index) => workers[index]!.texts(subscriptions[index]!));
    expect(sorted(others)).toEqual(numbered(1, 60));
    expect(made.publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 60 });
  });

  it("from one that unsubscribes", () => {
    const made = group({ handler: stuck });
    const { overlay, workers, subscriptions } = made;
    publish(made, 1, 60);
    overlay.run(100);
    overlay.input(workers[0]!, (machine) => machine.unsubscribe(subscriptions[0]!, overlay.now));
    overlay.run(1000);
    const others = [1, 2].flatMap((index) => workers[index]!.texts(subscriptions[index]!));
    expect(sorted(others)).toEqual(numbered(1, 60));
  });

  it("from all that die, one after the other, on a bad network", () => {
    const made = group({ workers: 4, fate: lossy(0.1, 0.1, 20), seed: 3 });
    const { overlay, workers, subscriptions } = made;
    publish(made, 1, 100, 5);
    overlay.kill(workers[0]!);
    publish(made, 101, 200, 5);
    overlay.kill(workers[1]!);
    publish(made, 201, 300, 5);
    overlay.run(60_000);
    expect(new Set(made.handed())).toEqual(new Set(numbered(1, 300)));
    // What a living one has acknowledged does not come to it again.
    for (const index of [2, 3]) {
      const texts = workers[index]!.texts(subscriptions[index]!);
      expect(new Set(texts).size).toBe(texts.length);
    }
  });

  it("when the publisher is dead too", () => {
    const made = group({ workers: 4, handler: stuck });
    const { overlay, workers, subscriptions } = made;
    publish(made, 1, 60);
    overlay.run(100);
    overlay.kill(made.publisher);
    overlay.kill(workers[0]!);
    overlay.run(5000);
    const others = [1, 2, 3].flatMap((index) => workers[index]!.texts(subscriptions[index]!));
    expect(sorted(others)).toEqual(numbered(1, 60));
  });

  it("not from one whose handler fails: it gets the message again, and after the last attempt it counts for the group", () => {
    const failing = (worker: number): Handler => (worker === 0 ? () => "fail" : () => "done");
    const made = group({ handler: failing, options: { attemptsMax: 3, backoffMs: 10 } });
    publish(made, 1, 30);
    made.overlay.run(20_000);
    const dead = made.workers[0]!.of("dead").length;
    expect(dead).toBeGreaterThan(3);
    const others = [1, 2].flatMap((index) => made.workers[index]!.texts(made.subscriptions[index]!));
    expect(others.length).toBe(30 - dead);
    expect(made.publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 30 });
  });

  it("and a member that is taken for dead, and was not, goes on", () => {
    const made = group();
    const { overlay, publisher, workers } = made;
    publish(made, 1, 20);
    overlay.run(100);
    const [away, ...rest] = workers as [Member, ...Member[]];
    for (const member of [publisher, ...rest]) {
      overlay.input(member, (machine) => machine.gone(away.id, overlay.now));
      overlay.input(away, (machine) => machine.gone(member.id, overlay.now));
    }
    publish(made, 21, 60);
    overlay.run(3000);
    for (const member of [publisher, ...rest]) {
      overlay.input(member, (machine) => machine.appeared(away.id, overlay.now));
      overlay.input(away, (machine) => machine.appeared(member.id, overlay.now));
    }
    overlay.run(5000);
    publish(made, 61, 100);
    overlay.run(20_000);
    expect(new Set(made.handed())).toEqual(new Set(numbered(1, 100)));
    expect(publisher.of("safe").at(-1)).toMatchObject({ level: "all", through: 100 });
  });
});

describe("a liar", () => {
  const stuck = (worker: number): Handler => (worker === 0 ? () => "hold" : () => "done");

  it("outside the group cannot say that something is handled", () => {
    const made = group({ handler: stuck });
    const { overlay, workers, subscriptions, outside } = made;
    publish(made, 1, 40);
    overlay.run(100);
    const tag = logOf(workers[1]!);
    for (const worker of workers) claim(worker, outside[0]!, tag, made);
    expect(workers[1]!.of("rejected")).toContainEqual({
      kind: "rejected",
      from: outside[0]!.id,
      what: "handled",
      reason: "not-in-group",
    });
    overlay.kill(workers[0]!);
    overlay.run(1000);
    const others = [1, 2].flatMap((index) => workers[index]!.texts(subscriptions[index]!));
    expect(sorted(others)).toEqual(numbered(1, 40));
  });

  it("in the group can say so only of what it was to handle itself, now and ahead", () => {
    const made = group({ handler: stuck });
    const { overlay, workers, subscriptions } = made;
    const [, liar, honest] = workers as [Member, Member, Member];
    publish(made, 1, 10);
    overlay.run(100);
    const tag = logOf(liar);
    claim(honest, liar, tag, made);
    publish(made, 11, 60);
    overlay.run(100);
    claim(honest, liar, tag, made);
    overlay.kill(workers[0]!);
    overlay.run(5000);
    // What the dead one had goes to the two others: the liar's share of it the liar may lose, the other share is handled.
    const handled = new Set(honest.texts(subscriptions[2]!));
    const own = new Set(liar.texts(subscriptions[1]!));
    for (const text of numbered(1, 60)) expect(handled.has(text) || own.has(text)).toBe(true);
  });

  it("that claims ahead without end is held to its share", () => {
    const made = group();
    const { overlay, workers } = made;
    const topics = Array.from({ length: 12 }, (_, index) => `orders.t${index}`);
    for (const topic of topics) overlay.publish(made.publisher, topic, "m1");
    overlay.run(100);
    const tags = new Set(workers.flatMap((member) => member.of("deliver").map(({ batch }) => batch.log.tag)));
    for (const tag of tags)
      for (let times = 0; times < 3; times++) claim(workers[0]!, workers[1]!, tag, made, GROUP_SPAN_MAX);
    expect(tags.size * (GROUP_SPAN_MAX - 1)).toBeGreaterThan(GROUP_CLAIMS_MAX);
    expect(workers[0]!.of("rejected").filter(({ reason }) => reason === "too-many").length).toBeGreaterThan(0);
    // Others of the group are served on.
    for (const topic of topics) overlay.publish(made.publisher, topic, "m2", { level: "all" });
    overlay.run(60_000);
    expect(made.publisher.of("safe").filter(({ level, through }) => level === "all" && through === 2)).toHaveLength(12);
  });
});

describe("a durable member of a group", () => {
  it("goes on at its place: what others handled meanwhile is not handed to it", () => {
    const made = group({ workers: 2, options: { places: [] } });
    const { overlay, workers } = made;
    const [away, stays] = workers as [Member, Member];
    publish(made, 1, 20);
    overlay.run(1000);
    const places = [away.of("place").at(-1)!.place] as Place[];
    overlay.kill(away);
    publish(made, 21, 60);
    overlay.run(3000);
    const before = made.handed();
    expect(sorted(before)).toEqual(numbered(1, 60));
    overlay.restart(away);
    const again = overlay.subscribe(away, "orders.*", { queue: "workers", places, isResumed: true });
    overlay.run(5000);
    expect(away.texts(again)).toEqual([]);
    publish(made, 61, 100);
    overlay.run(3000);
    const since = [...stays.texts(made.subscriptions[1]!), ...away.texts(again)].filter(
      (text) => !before.includes(text),
    );
    expect(sorted(since)).toEqual(numbered(61, 100));
    expect(away.texts(again).length).toBeGreaterThan(5);
    expect(stays.of("lost")).toEqual([]);
  });

  it("that was alone is owed what came while it was away", () => {
    const made = group({ workers: 1, outside: 3, options: { places: [] } });
    const { overlay, workers, outside } = made;
    const [away] = workers as [Member];
    // An audit holds what comes.
    overlay.subscribe(outside[0]!, "orders.*");
    overlay.run(1000);
    publish(made, 1, 10);
    overlay.run(1000);
    const places = [away.of("place").at(-1)!.place] as Place[];
    overlay.kill(away);
    publish(made, 11, 30);
    overlay.restart(away);
    const again = overlay.subscribe(away, "orders.*", { queue: "workers", places, isResumed: true });
    overlay.run(10_000);
    expect(away.texts(again)).toEqual(numbered(11, 30));
  });
});

describe("memory", () => {
  it("of a member is bounded while another one is stuck: it goes no further ahead than its limit", () => {
    const made = group({ workers: 2, handler: (worker) => (worker === 0 ? () => "hold" : () => "done") });
    const { overlay, publisher, workers, subscriptions } = made;
    for (let turn = 0; turn < 6; turn++) {
      for (let index = 0; index < 1000; index++) overlay.publish(publisher, "orders.eu", "x");
      overlay.run(50);
    }
    const ahead = workers[1]!.handed.get(subscriptions[1]!)!.map(({ number }) => number);
    expect(Math.max(...ahead)).toBeLessThanOrEqual(2 * GROUP_SPAN_MAX);
    expect(ahead.length).toBeLessThan(GROUP_SPAN_MAX);
  });
});
