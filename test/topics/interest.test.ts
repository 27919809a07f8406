import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { fromHex, toHex, utf8Length } from "../../rings/index.js";
import {
  encodeInterests,
  INTEREST_BODY_BYTES_MAX,
  INTERESTS_MAX,
  type Interest,
  parseInterests,
} from "../../topics/index.js";
import { anyPattern } from "../support/topics/names.js";

const bytesOf = (interests: readonly Interest[]): Uint8Array => {
  const body = encodeInterests(interests);
  if (typeof body === "string") throw new Error(body);
  return body;
};
const many = (count: number, bytes: number, queue?: string): Interest[] =>
  Array.from({ length: count }, (_, index) => ({
    pattern: String(index).padStart(bytes, "x"),
    ...(queue && { queue }),
  }));

describe("the body of an interest", () => {
  test.each<[string, Interest[], string]>([
    ["nothing", [], "01 0000 00"],
    ["one", [{ pattern: "a.>" }], "01 0001 03 612e3e 00 00"],
    [
      "a group, and both sorted",
      [{ pattern: "b" }, { pattern: "a", queue: "w" }, { pattern: "a" }],
      "01 0003 01 61 00 01 61 01 77 000000000000 000000000000 01 62 00 00",
    ],
    [
      "when it takes part in a group",
      [{ pattern: "a", queue: "w", since: 258, until: 772 }],
      "01 0001 01 61 01 77 000000000102 000000000304 00",
    ],
    ["one twice", [{ pattern: "a" }, { pattern: "a" }], "01 0001 01 61 00 00"],
  ])("%s", (_, interests, hex) => {
    expect(toHex(bytesOf(interests))).toBe(hex.replaceAll(" ", ""));
  });

  test.each<[string, string]>([
    ["no bytes", ""],
    ["a later version", "02 0000 00"],
    ["cut off", "01 0001 03 612e"],
    ["more behind it", "01 0000 00 00"],
    ["not sorted", "01 0002 01 62 00 01 61 00 00"],
    ["one twice", "01 0002 01 61 00 01 61 00 00"],
    ["257 of them", `01 0101 ${"01 61 00".repeat(257)} 00`],
    ["a group without times", "01 0001 01 61 01 77 00"],
    ["a group of 65 bytes", `01 0001 01 61 41 ${"77".repeat(65)} 00`],
    ["extensions that are none", "01 0000 02 0001 0000 0001 0000"],
  ])("%s is none", (_, hex) => {
    expect(parseInterests(fromHex(hex.replaceAll(" ", ""))!)).toBeUndefined();
  });

  test.each<[string, string]>([
    ["an empty token", "02 2e61 00"],
    ["no pattern", "00 00"],
    ["no UTF-8", "01 61 02 c080 000000000000 000000000000"],
    ["a reserved one", "02 2461 00"],
    ["a group with a dot", "01 61 03 612e62 000000000000 000000000000"],
  ])("leaves out what is no name, and keeps the others: %s", (_, entry) => {
    const lone = fromHex(`01 0002 ${entry} 01 7a 00 00`.replaceAll(" ", ""))!;
    expect(parseInterests(lone)).toEqual([{ pattern: "z" }]);
  });

  it("keeps what a later version adds out of sight", () => {
    expect(parseInterests(fromHex("01 0001 01 61 00 01 0007 0001 ff".replaceAll(" ", ""))!)).toEqual([
      { pattern: "a" },
    ]);
  });

  it("is bounded: 256 of 255 bytes fit, one more or 64 KiB and groups do not", () => {
    expect(bytesOf(many(INTERESTS_MAX, 255)).length).toBe(INTEREST_BODY_BYTES_MAX);
    expect(parseInterests(bytesOf(many(INTERESTS_MAX, 255)))).toHaveLength(INTERESTS_MAX);
    expect(encodeInterests(many(INTERESTS_MAX + 1, 9))).toBe("too-many");
    expect(encodeInterests(many(INTERESTS_MAX, 255, "workers"))).toBe("too-large");
    expect(parseInterests(new Uint8Array(INTEREST_BODY_BYTES_MAX + 1))).toBeUndefined();
  });

  it("comes back as a set, in one encoding", () => {
    const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    const interest = fc.record(
      { pattern: anyPattern, queue: fc.constantFrom("w", "x", ""), since: time, until: time },
      { requiredKeys: ["pattern", "since", "until"] },
    );
    const asInterest = ({
      pattern,
      queue,
      since,
      until,
    }: {
      pattern: string;
      queue?: string;
      since: number;
      until: number;
    }) => (queue ? { pattern, queue, since, ...(until > 0 && { until }) } : { pattern });
    fc.assert(
      fc.property(fc.array(interest.map(asInterest), { maxLength: 20 }), (interests) => {
        const body = bytesOf(interests);
        const back = parseInterests(body)!;
        const key = ({ pattern, queue = "" }: Interest) => `${pattern} ${queue}`;
        expect(new Set(back.map(key))).toEqual(new Set(interests.map(key)));
        expect(bytesOf([...back].reverse())).toEqual(body);
        for (const { pattern } of back) expect(utf8Length(pattern)).toBeLessThanOrEqual(255);
      }),
    );
  });

  it("is never an exception, whatever the bytes are", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void parseInterests(bytes)));
  });
});
