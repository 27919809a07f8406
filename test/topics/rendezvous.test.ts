/** Who of a queue group handles a message: the rule as a table, and what must hold of it for any group. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { scoreOf } from "../../rings/index.js";
import { membershipOf, seedOf, type Worker, workerOf } from "../../topics/delivering/rendezvous.js";
import type { LogTag } from "../../topics/records/log.js";
import { idOf, sha256 } from "../support/topics/overlay.js";

const LOG = "00112233445566778899aabbccddeeff" as LogTag;
const NOW = 1_000_000;

function worker(index: number, changes: Partial<Worker> = {}): Worker {
  const id = idOf(index);
  const seed = seedOf("workers", LOG, id, sha256);
  return { id, seed, since: 0, until: Number.POSITIVE_INFINITY, first: 1, ...changes };
}
const group = (count: number) => Array.from({ length: count }, (_, index) => worker(index));
const numbers = Array.from({ length: 2000 }, (_, index) => index + 1);
const indexOf = (workers: readonly Worker[], number: number, at = NOW) =>
  workers.indexOf(workerOf(workers, number, at)!);

describe("the worker of a message", () => {
  it("is nobody of an empty group, and the only one of a group of one", () => {
    expect(workerOf([], 1, NOW)).toBeUndefined();
    expect(numbers.every((number) => indexOf([worker(7)], number) === 0)).toBe(true);
  });

  test.each<[string, Partial<Worker>, Partial<Worker>, number]>([
    ["comes later than the message", { since: NOW + 1 }, {}, 1],
    ["came at its very millisecond", { since: NOW }, { until: NOW }, 0],
    ["has left before it", { until: NOW }, {}, 1],
    ["leaves after it", { until: NOW + 1 }, { since: NOW + 1 }, 0],
    ["has no part in its place of the log", { first: 2001 }, {}, 1],
    ["comes later, and the other one has left: somebody has to", { since: NOW + 1 }, { until: NOW }, 0],
    ["comes later, and the other one has no part in it", { since: NOW + 1 }, { first: 2001 }, 0],
  ])("one that %s", (_, one, other, index) => {
    const workers = [worker(0, one), worker(1, other)];
    expect(numbers.every((number) => indexOf(workers, number) === index)).toBe(true);
  });

  it("is one of all when none takes part yet", () => {
    const workers = [worker(0, { since: NOW + 5 }), worker(1, { since: NOW + 9 })];
    expect(new Set(numbers.map((number) => indexOf(workers, number)))).toEqual(new Set([0, 1]));
  });

  it("is each of ten for a tenth of the messages, and who it is next depends on nothing", () => {
    const workers = group(10);
    const counts = workers.map(() => 0);
    let same = 0;
    for (const number of numbers) {
      counts[indexOf(workers, number)]! += 1;
      if (indexOf(workers, number) === indexOf(workers, number + 1)) same += 1;
    }
    for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(60);
    expect(Math.abs(same - 200)).toBeLessThan(60);
  });

  it("is another one in another log, of another group, and beyond 32 bits", () => {
    const [a, b] = [worker(0), worker(1)];
    const choices = (queue: string, log: LogTag, base: number) => {
      const workers = [a, b].map((each) => ({ ...each, seed: seedOf(queue, log, each.id, sha256) }));
      return numbers
        .slice(0, 64)
        .map((number) => indexOf(workers, base + number))
        .join("");
    };
    const other = LOG.replace("00", "ff") as LogTag;
    const all = [
      choices("workers", LOG, 0),
      choices("x", LOG, 0),
      choices("workers", other, 0),
      choices("workers", LOG, 2 ** 32),
    ];
    expect(new Set(all).size).toBe(4);
  });

  it("stays the same when others come late, die or leave; only a dead one's messages change hands, each to the next best", () => {
    const changes = fc.record({ since: fc.constantFrom(0, NOW), first: fc.constantFrom(1, 50) });
    fc.assert(
      fc.property(
        fc.array(changes, { minLength: 2, maxLength: 12 }),
        fc.nat(1000),
        fc.nat(11),
        (list, number, dead) => {
          const workers = list.map((each, index) => worker(index, each));
          const chosen = workerOf(workers, number, NOW);
          const gone = workers[dead % workers.length]!;
          const left = workers.filter((each) => each !== gone);
          if (chosen && chosen !== gone) expect(workerOf(left, number, NOW)).toBe(chosen);
          const late = worker(99, { since: NOW + 1 });
          if (chosen) expect(workerOf([late, ...workers], number, NOW)).toBe(chosen);
          // In any order of the members, so on all machines.
          expect(workerOf([...workers].reverse(), number, NOW)).toBe(chosen);
        },
      ),
    );
  });

  it("is the one with the highest score, of those that may", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1 }), (count, number) => {
        const workers = group(count);
        const best = Math.max(...workers.map(({ seed }) => scoreOf(seed, number)));
        expect(scoreOf(workerOf(workers, number, NOW)!.seed, number)).toBe(best);
      }),
    );
  });
});

describe("membership", () => {
  test.each<[string, Parameters<typeof membershipOf>[0], ReturnType<typeof membershipOf>]>([
    ["nothing", [], undefined],
    ["no group", [{ pattern: "a.b" }], undefined],
    ["another group", [{ pattern: "a.b", queue: "x" }], undefined],
    ["another topic", [{ pattern: "a.c", queue: "w" }], undefined],
    ["a pattern", [{ pattern: "a.*", queue: "w", since: 7 }], { since: 7, until: Number.POSITIVE_INFINITY }],
    [
      "two patterns: as early and as long as either",
      [
        { pattern: "a.*", queue: "w", since: 7, until: 9 },
        { pattern: ">", queue: "w", since: 5, until: 8 },
      ],
      { since: 5, until: 9 },
    ],
  ])("%s", (_, interests, membership) => {
    expect(membershipOf(interests, "w", "a.b")).toEqual(membership);
  });
});
