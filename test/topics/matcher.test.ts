import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { INTERESTS_MAX, Matcher, matches } from "../../topics/index.js";
import { anyPattern, anyTopic } from "../support/topics/names.js";

const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b);

describe("a matcher", () => {
  it("finds what each pattern by itself says, after any additions and deletions, and keeps no node that nobody needs", () => {
    const change = fc.record({ isAdded: fc.boolean(), pattern: anyPattern, value: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.array(anyTopic, { maxLength: 8 }), (changes, topics) => {
        const matcher = new Matcher<number>();
        const model = new Map<string, { pattern: string; value: number }>();
        for (const { isAdded, pattern, value } of changes) {
          const key = `${pattern} ${value}`;
          if (isAdded) expect(matcher.add(pattern, value)).toBe(!model.has(key));
          else expect(matcher.delete(pattern, value)).toBe(model.has(key));
          if (isAdded) model.set(key, { pattern, value });
          else model.delete(key);
        }
        expect(matcher.size).toBe(model.size);
        const patterns = new Set([...model.values()].map(({ pattern }) => pattern)).size;
        expect(matcher.nodes).toBeLessThanOrEqual(Math.max(1, 2 * patterns));
        for (const topic of topics) {
          const found = [...model.values()].filter(({ pattern }) => matches(pattern, topic)).map(({ value }) => value);
          expect(sorted(matcher.match(topic))).toEqual(sorted(new Set(found)));
        }
      }),
    );
  });

  it("holds two nodes a pattern at most, also of patterns made to be as many as possible", () => {
    const matcher = new Matcher<number>();
    for (let index = 0; index < INTERESTS_MAX; index++) {
      const wild = Array.from({ length: 8 }, (_, bit) => ((index >> bit) & 1 ? "*" : "a"));
      matcher.add(`${wild.join(".")}${".a".repeat(110)}.x${index}`, index);
    }
    expect(matcher.nodes).toBeLessThanOrEqual(2 * INTERESTS_MAX);
    expect(matcher.match(`a${".a".repeat(117)}.x7`)).toEqual(new Set([7]));
    expect(matcher.match(`a${".a".repeat(117)}.y`)).toEqual(new Set());
  });
});
