import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { affordableAt, Buckets, fullBucket, refilled, spend } from "../../rings/index.js";

describe("a bucket", () => {
  const rate = { burst: 3, refillMs: 100 };

  it("allows a burst and then one per refill time", () => {
    let bucket = fullBucket(rate, 0);
    const taken: number[] = [];
    for (let now = 0; now <= 500; now += 10) {
      for (let left = spend(bucket, rate, now); left; left = spend(bucket, rate, now)) {
        taken.push(now);
        bucket = left;
      }
    }
    expect(taken).toEqual([0, 0, 0, 100, 200, 300, 400, 500]);
  });

  it("says when the next one is affordable, and keeps that promise", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(250), { maxLength: 30 }), (pauses) => {
        let bucket = fullBucket(rate, 0);
        let now = 0;
        for (const pause of pauses) {
          now = Math.max(now + pause, affordableAt(bucket, rate));
          const left = spend(bucket, rate, now);
          expect(left).toBeDefined();
          if (left) bucket = left;
        }
        expect(refilled(bucket, rate, now).tokens).toBeLessThanOrEqual(rate.burst);
      }),
    );
  });

  it("does not lend for a clock that goes back", () => {
    const bucket = spend(fullBucket(rate, 1000), rate, 1000, 3)!;
    expect(spend(bucket, rate, 0)).toBeUndefined();
    expect(refilled(bucket, rate, 0)).toEqual({ tokens: 0, at: 1000 });
  });
});

describe("buckets of many callers", () => {
  const rate = { burst: 3, refillMs: 100 };

  it("let nobody take more than a burst and what has come back since, and say when there is more", () => {
    const turn = fc.record({ pause: fc.nat(150), caller: fc.constantFrom("a", "b", "c") });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 60 }), (turns) => {
        const buckets = new Buckets<string>(rate, 3);
        const taken = new Map<string, number>();
        let now = 0;
        for (const { pause, caller } of turns) {
          now += pause;
          const wait = buckets.take(caller, now);
          if (wait > 0) expect(wait).toBeLessThanOrEqual(rate.refillMs);
          else taken.set(caller, (taken.get(caller) ?? 0) + 1);
        }
        for (const count of taken.values()) expect(count).toBeLessThanOrEqual(rate.burst + now / rate.refillMs);
      }),
    );
  });

  it("keep their promise of when there is more", () => {
    const buckets = new Buckets<string>(rate, 1);
    const waits = Array.from({ length: 5 }, () => buckets.take("a", 40));
    expect(waits).toEqual([0, 0, 0, 100, 100]);
    expect([buckets.take("a", 139), buckets.take("a", 140)]).toEqual([1, 0]);
  });

  it("forget the caller unseen for longest", () => {
    const buckets = new Buckets<string>(rate, 2);
    for (let i = 0; i < 3; i++) for (const caller of ["a", "b"]) buckets.take(caller, 0);
    buckets.take("a", 0);
    buckets.take("c", 0);
    expect(buckets.take("a", 0)).toBeGreaterThan(0);
    expect(buckets.take("b", 0)).toBe(0);
  });

  it("count on from there when the clock is put back", () => {
    const buckets = new Buckets<string>(rate, 1);
    for (let i = 0; i < 3; i++) buckets.take("a", 1_000_000);
    expect(buckets.take("a", 0)).toBe(100);
    expect(buckets.take("a", 100)).toBe(0);
  });
});
