/** What a log holds, against a model that keeps numbers and nothing else: batches in any order, and the oldest dropped between them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { HeldLog } from "../../topics/holding/held-log.js";
import type { Batch } from "../../topics/records/batch.js";
import type { LogName } from "../../topics/records/log.js";

const NAME = { publisher: "p", life: 1, topic: "t", tag: "tag", bytes: new Uint8Array(0) } as unknown as LogName;
const BATCHES = 40;
const digestOf = (first: number) => new Uint8Array(32).fill(first);

/** A chain of batches of one to three messages. */
function chain(counts: readonly number[]): Batch[] {
  let first = 1;
  let before = 0;
  return counts.map((count) => {
    const facts = { first, last: first + count - 1, count, previous: digestOf(before), body: new Uint8Array([first]) };
    [before, first] = [first, first + count];
    return { ...facts, log: NAME, bytes: new Uint8Array(count) } as unknown as Batch;
  });
}

const steps = fc.array(
  fc.oneof({ weight: 4, arbitrary: fc.nat(BATCHES - 1) }, { weight: 1, arbitrary: fc.constant("drop" as const) }),
  { maxLength: 3 * BATCHES },
);
const counts = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: BATCHES, maxLength: BATCHES });

/** The runs of these numbers, the newest first. */
function runsOf(numbers: ReadonlySet<number>) {
  const runs: { first: number; last: number }[] = [];
  for (const number of [...numbers].sort((a, b) => b - a)) {
    const run = runs.at(-1);
    if (run?.first === number + 1) run.first = number;
    else runs.push({ first: number, last: number });
  }
  return runs;
}

test("tells what it holds as a set of numbers would", () => {
  const holds = fc.property(counts, steps, fc.integer({ min: 1, max: 5 }), (sizes, given, max) => {
    const batches = chain(sizes);
    const log = new HeldLog(NAME, false, 0);
    const numbers = new Set<number>();
    for (const step of given) {
      if (step === "drop") {
        const oldest = log.dropOldest()?.batch;
        for (let number = oldest?.first ?? 1; number <= (oldest?.last ?? 0); number++) numbers.delete(number);
      } else {
        const batch = batches[step]!;
        const isNew = log.insert(batch, digestOf(batch.first), 0).kind === "inserted";
        expect(isNew).toBe(!numbers.has(batch.first));
        for (let number = batch.first; number <= batch.last; number++) numbers.add(number);
      }
      expect(log.runs(max)).toEqual(runsOf(numbers).slice(0, max));
      expect(log.bytes).toBe(numbers.size);
      const middle = batches[BATCHES / 2]!.first;
      expect(log.bytesAfter(middle - 1)).toBe([...numbers].filter((number) => number >= middle).length);
    }
  });
  fc.assert(holds);
});
