/** What holds under any loss, repetition and reordering, whoever dies: the promise as properties. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lossy, type Member, Overlay } from "../support/topics/overlay.js";

const TOPICS = ["a.x", "a.y", "b"];
const PATTERNS = ["a.x", "a.*", ">", "b"];

const plan = fc.record({
  seed: fc.integer(),
  members: fc.integer({ min: 2, max: 9 }),
  loss: fc.constantFrom(0, 0.1, 0.4),
  repeats: fc.constantFrom(0, 0.2),
  spread: fc.constantFrom(1, 40),
  subscriptions: fc.array(fc.record({ who: fc.nat(8), pattern: fc.nat(3), fails: fc.constantFrom(0, 0, 0.2) }), {
    minLength: 1,
    maxLength: 8,
  }),
  turns: fc.array(
    fc.record({ who: fc.nat(8), topic: fc.nat(2), count: fc.integer({ min: 1, max: 5 }), pause: fc.nat(60) }),
    { minLength: 1, maxLength: 20 },
  ),
  dies: fc.option(fc.nat(8), { nil: undefined }),
});

interface Published {
  readonly who: Member;
  readonly topic: string;
  readonly number: number;
  readonly text: string;
}

/** Plays a plan to its end, an hour later. */
function play({ seed, members, loss, repeats, spread, subscriptions, turns, dies }: Plan) {
  const overlay = new Overlay({ members, seed, fate: lossy(loss, repeats, spread) });
  const member = (index: number) => overlay.members[index % members]!;
  const subscribed = subscriptions.map(({ who, pattern, fails }) => {
    const owner = member(who);
    const options = { attemptsMax: 1000, backoffMs: 1 };
    const number = overlay.subscribe(owner, PATTERNS[pattern]!, options, () =>
      overlay.random() < fails ? "fail" : "done",
    );
    return { owner, number, pattern: PATTERNS[pattern]! };
  });
  overlay.run(5000);
  const published: Published[] = [];
  for (const [index, { who, topic, count, pause }] of turns.entries()) {
    const publisher = member(who);
    for (let nth = 0; nth < count; nth++) {
      const text = `${index}/${nth}`;
      const result = overlay.publish(publisher, TOPICS[topic]!, text, { level: "all" });
      if (result.ok) published.push({ who: publisher, topic: TOPICS[topic]!, number: result.number, text });
    }
    overlay.run(pause);
  }
  const victim = dies === undefined ? undefined : member(dies);
  const safe = safeOf(victim);
  if (victim) overlay.kill(victim);
  overlay.run(3600_000);
  return { overlay, subscribed, published, victim, safe };
}

type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

/** What was told to be safe, by topic. */
function safeOf(member: Member | undefined): Map<string, number> {
  const safe = new Map<string, number>();
  for (const { log, level, through } of member?.of("safe") ?? []) if (level === "some") safe.set(log.topic, through);
  return safe;
}

/** The numbers that a subscription was told to be lost. */
function lostOf(owner: Member, subscription: number, publisher: Member, topic: string): number[] {
  return owner
    .of("lost")
    .filter(
      (lost) => lost.subscription === subscription && lost.log.publisher === publisher.id && lost.log.topic === topic,
    )
    .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

const stands = (pattern: string, topic: string) =>
  pattern === ">" || pattern === topic || (pattern === "a.*" && topic.startsWith("a."));

describe("whatever the network does", () => {
  it("each subscriber has all that it is owed, in order, and nothing again that it acknowledged", () => {
    fc.assert(
      fc.property(plan, (plan) => {
        const { overlay, subscribed, published, victim, safe } = play(plan);
        for (const { owner, number, pattern } of subscribed) {
          if (!owner.isAlive) continue;
          const handed = owner.handed.get(number)!;
          for (const publisher of overlay.members) {
            for (const topic of TOPICS.filter((topic) => stands(pattern, topic))) {
              const owed = published.filter(({ who, topic: on }) => who === publisher && on === topic);
              const got = handed.filter((message) => message.from === publisher.id && message.topic === topic);
              const first = got.filter(({ attempt }) => attempt === 1);
              const isDead = publisher === victim;
              const numbers = first.map(({ number }) => number);
              expect(first.map(({ text }) => text)).toEqual(numbers.map((number) => owed[number - 1]!.text));
              expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
              // What a dead publisher had not been told to be safe may be lost, but not without a word.
              const last = isDead ? Math.max(safe.get(topic) ?? 0, numbers.at(-1) ?? 0) : owed.length;
              const lost = isDead ? lostOf(owner, number, publisher, topic) : [];
              expect(lost.filter((number) => number <= (safe.get(topic) ?? 0))).toEqual([]);
              expect([...numbers, ...lost].sort((a, b) => a - b)).toEqual(
                owed.slice(0, last).map(({ number }) => number),
              );
            }
          }
        }
        for (const member of overlay.members.filter(({ isAlive }) => isAlive)) {
          expect(
            member.of("rejected").filter(({ reason }) => !["held", "old", "log-unknown"].includes(reason)),
          ).toEqual([]);
        }
      }),
      { numRuns: process.env.LONG ? 1500 : 40 },
    );
  });

  it("a live publisher is told that all have everything, and then nobody sends anything", () => {
    fc.assert(
      fc.property(plan, (plan) => {
        const { overlay, published } = play({
          ...plan,
          dies: undefined,
          subscriptions: plan.subscriptions.map((one) => ({ ...one, fails: 0 })),
        });
        for (const member of overlay.members) {
          for (const topic of TOPICS) {
            const mine = published.filter(({ who, topic: on }) => who === member && on === topic);
            const all = member.of("safe").filter(({ level, log }) => level === "all" && log.topic === topic);
            if (mine.length > 0) expect(all.at(-1)?.through).toBe(mine.length);
          }
          member.sentPackets = 0;
        }
        overlay.run(600_000);
        expect(overlay.members.map(({ sentPackets }) => sentPackets)).toEqual(overlay.members.map(() => 0));
      }),
      { numRuns: process.env.LONG ? 500 : 15 },
    );
  });
});
