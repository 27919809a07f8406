/** What a relay gives to whom: reservations, places and bytes, on a clock that the test moves. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RESERVATION_MS } from "../../net/relays/limits.js";
import { mayHaveOneMore, Places } from "../../net/relays/places.js";
import { Reservations } from "../../net/relays/reservations.js";
import { Shaper } from "../../net/relays/shaper.js";
import type { MemberId } from "../../rings/index.js";

const id = (number: number) => number.toString(16).padStart(64, "0") as MemberId;
const LIARS = 20;

describe("reservations", () => {
  const everybody = { max: 4, isMine: () => true };

  it("last a fixed time, and as long again when renewed", () => {
    const table = new Reservations(everybody);
    expect(table.take(id(1), 0)).toBe(RESERVATION_MS);
    expect(table.has(id(1), RESERVATION_MS - 1)).toBe(true);
    expect(table.has(id(1), RESERVATION_MS)).toBe(false);
    table.take(id(1), 1_000);
    expect(table.has(id(1), RESERVATION_MS)).toBe(true);
    table.release(id(1));
    expect(table.has(id(1), 1_001)).toBe(false);
  });

  it("are refused when there is no place, until the first one ends", () => {
    const table = new Reservations(everybody);
    for (let number = 0; number < 4; number++) table.take(id(number), number * 100);
    expect(table.take(id(9), 1_000)).toEqual({ kind: "refused", why: "full", retryMs: RESERVATION_MS - 1_000 });
    expect(table.take(id(0), 1_000)).toBe(RESERVATION_MS + 1_000);
    expect(table.take(id(9), RESERVATION_MS + 100)).toBe(2 * RESERVATION_MS + 100);
  });

  it("half of them are kept for members whose relay this one is, whoever else asks", () => {
    const mine = new Set([100, 101, 102, 103, 104].map(id));
    const table = new Reservations({ max: 10, isMine: (each) => mine.has(each) });
    const liars = Array.from({ length: LIARS }, (_, number) => table.take(id(number), 0));
    expect(liars.filter((answer) => typeof answer === "number")).toHaveLength(5);
    for (const each of mine) expect(table.take(each, 1)).toBe(1 + RESERVATION_MS);
    expect(table.size).toBe(10);
  });

  it("are never more than there are places, and those that were granted stand until they end", () => {
    const step = fc.record({ who: fc.nat(30), afterMs: fc.nat(RESERVATION_MS / 3), release: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 12 }), (steps, max) => {
        const table = new Reservations({ max, isMine: (each) => each > id(15) });
        const model = new Map<MemberId, number>();
        let now = 0;
        for (const { who, afterMs, release } of steps) {
          now += afterMs;
          for (const [each, until] of model) if (until <= now) model.delete(each);
          if (release) {
            table.release(id(who));
            model.delete(id(who));
          } else {
            const answer = table.take(id(who), now);
            if (typeof answer === "number") model.set(id(who), answer);
            else expect(answer.retryMs).toBeGreaterThan(0);
          }
          expect(model.size).toBeLessThanOrEqual(max);
          for (let each = 0; each <= 30; each++) expect(table.has(id(each), now)).toBe(model.has(id(each)));
        }
      }),
    );
  });
});

describe("places", () => {
  const limits = { max: 64, perCallerMax: 64, perTargetMax: 16, perPairMax: 4 };

  it.each([
    { own: 0, taken: 63, max: 64, ownMax: 9, may: true, why: "the last place goes to one that has none" },
    { own: 0, taken: 64, max: 64, ownMax: 9, may: false, why: "there is none" },
    { own: 31, taken: 31, max: 64, ownMax: 64, may: true, why: "alone a member takes half" },
    { own: 32, taken: 32, max: 64, ownMax: 64, may: false, why: "and not more" },
    { own: 9, taken: 9, max: 64, ownMax: 9, may: false, why: "its own limit" },
  ])("$why: $may", ({ own, taken, max, ownMax, may }) => expect(mayHaveOneMore(own, taken, max, ownMax)).toBe(may));

  it("however greedy the first ones are, each later member finds a place while there is any", () => {
    const order = fc.array(fc.nat(LIARS - 1), { minLength: 200, maxLength: 400 });
    fc.assert(
      fc.property(order, (callers) => {
        const places = new Places(limits);
        // Each call goes to a target of its own: those bounds are not the question here.
        callers.forEach((caller, index) => void places.take(id(caller), id(1_000 + index)));
        const isFull = places.taken >= limits.max;
        expect(places.take(id(99), id(5_000)) !== undefined).toBe(!isFull);
        // A few greedy members never fill it.
        expect(new Set(callers).size >= 7 || !isFull).toBe(true);
      }),
    );
  });

  it("however many call a few members, each other member can be called while there is any place", () => {
    const places = new Places(limits);
    for (let number = 0; number < 300; number++) places.take(id(number), id(1_000 + (number % 6)));
    expect(places.taken).toBeLessThan(limits.max);
    expect(places.take(id(400), id(2_000))).toBeDefined();
  });

  it("a target is not filled by one caller", () => {
    const places = new Places(limits);
    const granted = Array.from({ length: 20 }, () => places.take(id(1), id(2))).filter((leave) => leave !== undefined);
    expect(granted).toHaveLength(limits.perPairMax);
    expect(places.take(id(3), id(2))).toBeDefined();
  });

  it("what is given back is there again, once", () => {
    const places = new Places({ ...limits, max: 1 });
    const leave = places.take(id(1), id(2))!;
    expect(places.take(id(3), id(2))).toBeUndefined();
    leave();
    leave();
    expect(places.taken).toBe(0);
    expect(places.take(id(3), id(2))).toBeDefined();
    expect(places.take(id(1), id(2))).toBeUndefined();
  });
});

/** Callers that always have a chunk to send: bytes that each has passed within `ms`. */
function passed(chunks: readonly number[], rates: { inAll: number; perMember: number }, ms: number): number[] {
  const shaper = new Shaper(rates, 0);
  const bytes = chunks.map(() => 0);
  const ready = chunks.map((_, index) => index);
  let now = 0;
  while (now < ms) {
    for (const who of ready.splice(0)) {
      const size = chunks[who]!;
      const go = () => {
        bytes[who]! += size;
        ready.push(who);
      };
      if (shaper.take(id(who), size, now, go)) go();
    }
    if (ready.length > 0) continue;
    now = Math.max(now + 1e-6, shaper.deadline ?? ms);
    shaper.tick(now);
  }
  return bytes;
}

describe("the pace of bytes", () => {
  const MS = 10_000;

  it("what is wanted passes at once while there is room, and at the rate then", () => {
    const [bytes] = passed([1_000], { inAll: 100_000, perMember: 50_000 }, MS);
    // Ten seconds and the burst of a quarter of a second.
    expect(bytes).toBeGreaterThanOrEqual(50_000 * 10);
    expect(bytes).toBeLessThanOrEqual(50_000 * 10.25 + 2_000);
  });

  it("members that all want more than there is get equal shares, whatever the size of their chunks", () => {
    const sizes = fc.array(fc.integer({ min: 1_000, max: 20_000 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(sizes, (chunks) => {
        const bytes = passed(chunks, { inAll: 200_000, perMember: 200_000 }, MS);
        const total = bytes.reduce((sum, each) => sum + each, 0);
        expect(total).toBeLessThanOrEqual(200_000 * 10.25 + 20_000 * chunks.length);
        expect(total).toBeGreaterThanOrEqual(200_000 * 9.9);
        const fair = total / chunks.length;
        for (const each of bytes) expect(Math.abs(each - fair)).toBeLessThanOrEqual(60_000);
      }),
      { numRuns: 30 },
    );
  });

  it("a member that wants little is not delayed behind one that floods for long", () => {
    const shaper = new Shaper({ inAll: 100_000, perMember: 100_000 }, 0);
    let flooded = 0;
    // One hundred connections of one member, each with a chunk that waits.
    for (let index = 0; index < 100; index++) if (!shaper.take(id(1), 10_000, 0, () => flooded++)) flooded += 0;
    let wentAt: number | undefined;
    const go = () => {
      wentAt = now;
    };
    let now = 100;
    shaper.tick(now);
    if (shaper.take(id(2), 1_000, now, go)) go();
    while (wentAt === undefined && now < 20_000) {
      now = Math.max(now + 1e-6, shaper.deadline ?? now);
      shaper.tick(now);
    }
    // One chunk of the other may be before it, which is a tenth of a second.
    expect(wentAt).toBeLessThanOrEqual(100 + 250);
  });

  it("remembers nobody for longer than it matters, and nobody gets a new allowance by coming again", () => {
    const shaper = new Shaper({ inAll: 1e9, perMember: 1_000 }, 0);
    expect(shaper.take(id(1), 10_000, 0, () => {})).toBe(true);
    shaper.tidy(1_000);
    expect(shaper.take(id(1), 1, 1_000, () => {})).toBe(false);
    expect(shaper.delayed).toBe(1);
  });
});
