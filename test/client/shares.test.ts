/** Shares of handlers and of streams: who may begin, and that nobody can keep others out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Budget, type Job } from "../../client/messages/budget.js";
import { mayBegin } from "../../client/messages/shares.js";
import type { MemberId } from "../../rings/index.js";

const PLACES = { shared: 50, reserved: 40 };

describe("one more may begin", () => {
  it.each([
    ["the first", 0, 0, true],
    ["one that has all shared places but one", 49, 49, true],
    ["one that has all shared places", 50, 50, false],
    ["another one that has none", 50, 0, true],
    ["and that has a few", 50, 4, true],
    ["but not more than an eighth of the reserve", 55, 5, false],
    ["one that has few, while half of the reserve is left", 69, 4, true],
    ["and no longer", 70, 4, false],
    ["one that has none, while a place is left", 89, 0, true],
    ["nobody beyond", 90, 0, false],
  ])("%s", (_who, all, mine, expected) => {
    expect(mayBegin(PLACES, all, mine)).toBe(expected);
  });

  it("and none of a reserve of nothing", () => {
    expect(mayBegin({ shared: 1, reserved: 0 }, 1, 0)).toBe(false);
  });
});

/** Members begin and end as they like; "begin" is refused or not by the rule alone. */
const moves = (members: number) =>
  fc.array(fc.record({ who: fc.nat({ max: members - 1 }), begins: fc.boolean() }), { maxLength: 400 });

describe("whatever members begin and end", () => {
  const MEMBERS = 8;
  const places = fc.record({ shared: fc.nat({ max: 12 }), reserved: fc.nat({ max: 24 }) });

  it("all places together are never exceeded, and who has none finds one unless half the reserve's number have some", () => {
    fc.assert(
      fc.property(places, moves(MEMBERS), (limits, all) => {
        const held = new Array<number>(MEMBERS).fill(0);
        const sum = () => held.reduce((a, b) => a + b, 0);
        for (const { who, begins } of all) {
          const mine = held[who]!;
          if (!begins) held[who] = Math.max(0, mine - 1);
          else if (mayBegin(limits, sum(), mine)) held[who] = mine + 1;
          expect(sum()).toBeLessThanOrEqual(limits.shared + limits.reserved);
          const others = held.filter((count) => count > 0).length;
          const newcomer = mayBegin(limits, sum(), 0);
          if (!newcomer) expect(others).toBeGreaterThanOrEqual(limits.reserved / 2);
        }
      }),
    );
  });

  it("one alone may have all shared places", () => {
    fc.assert(
      fc.property(places, ({ shared, reserved }) => {
        for (let mine = 0; mine < shared; mine++) {
          expect(mayBegin({ shared, reserved }, mine, mine)).toBe(true);
        }
      }),
    );
  });
});

describe("a budget", () => {
  const MEMBERS = 6;
  const id = (who: number) => `${who}`.padStart(64, "0") as MemberId;
  const LIMITS = {
    concurrent: 4,
    reserved: 14,
    waitingPerPeer: 5,
    waiting: 12,
    waitingBytesPerPeer: 100,
    waitingBytes: 300,
  };

  it("starts each job that it took exactly once, in its member's order, and keeps none waiting that may run", () => {
    fc.assert(
      fc.property(moves(MEMBERS), (all) => {
        const budget = new Budget(LIMITS);
        const shares = Array.from({ length: MEMBERS }, (_, who) => budget.open(id(who)));
        const taken: number[][] = Array.from({ length: MEMBERS }, () => []);
        const started: number[][] = Array.from({ length: MEMBERS }, () => []);
        const running = new Array<number>(MEMBERS).fill(0);
        let number = 0;
        for (const { who, begins } of all) {
          const mine = ++number;
          const start = () => {
            started[who]!.push(mine);
            running[who]! += 1;
          };
          if (begins && budget.submit(shares[who]!, { bytes: 1, ready: () => true, start })) taken[who]!.push(mine);
          if (!begins && running[who]! > 0) {
            running[who]! -= 1;
            budget.release(shares[who]!);
          }
          const sum = running.reduce((a, b) => a + b, 0);
          expect(budget.running).toBe(sum);
          for (let each = 0; each < MEMBERS; each++) {
            const waiting = taken[each]!.length - started[each]!.length;
            expect(started[each]).toEqual(taken[each]!.slice(0, started[each]!.length));
            expect(waiting).toBeLessThanOrEqual(LIMITS.waitingPerPeer);
            const mayRun = mayBegin({ shared: 4, reserved: 14 }, sum, running[each]!);
            if (waiting > 0) expect(mayRun).toBe(false);
            // Six members are fewer than half of the reserve: each always has a handler.
            if (waiting > 0) expect(running[each]).toBeGreaterThan(0);
          }
        }
      }),
    );
  });

  it("lets few wait for members that fill it, in all, and some for each of the others", () => {
    const budget = new Budget({ concurrent: 0, reserved: 0, waitingPerPeer: 40, waiting: 100 });
    const job = (): Job => ({ bytes: 0, ready: () => true, start: () => {} });
    const taken = (who: number) => {
      const share = budget.open(id(who));
      return Array.from({ length: 50 }).filter(() => budget.submit(share, job())).length;
    };
    expect([0, 1, 2, 3, 4].map(taken)).toEqual([40, 40, 20, 16, 16]);
  });

  it("starts nothing more once it is stopped", () => {
    const budget = new Budget({ concurrent: 1, reserved: 0 });
    const started: string[] = [];
    const job = (name: string): Job => ({ bytes: 0, ready: () => true, start: () => void started.push(name) });
    const [one, other] = [budget.open(id(0)), budget.open(id(1))];
    budget.submit(one, job("first"));
    budget.submit(one, job("second"));
    budget.stop();
    budget.release(one);
    budget.submit(other, job("third"));
    expect(started).toEqual(["first"]);
  });

  it("counts a member's handlers over all its links, and forgets it when the last has ended", () => {
    const budget = new Budget({ concurrent: 1, reserved: 1 });
    const started: string[] = [];
    const job = (name: string): Job => ({ bytes: 0, ready: () => true, start: () => void started.push(name) });
    const [first, second] = [budget.open(id(0)), budget.open(id(0))];
    budget.submit(first, job("first"));
    budget.submit(second, job("by another link"));
    budget.submit(budget.open(id(1)), job("another member's"));
    expect(started).toEqual(["first", "another member's"]);
    budget.close(first);
    expect(budget.open(id(0))).toBe(second);
    budget.close(second);
    budget.close(second);
    expect(budget.open(id(0))).not.toBe(second);
  });
});
