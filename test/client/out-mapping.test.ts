import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { outMappingOf } from "../../client/punching/out-mapping.js";

describe("the port that others see", () => {
  it.each([
    ["nobody has said anything", [], { mapping: "unknown", candidates: [] }],
    ["one member has", ["192.0.2.1:5"], { mapping: "unknown", candidates: ["192.0.2.1:5"] }],
    ["two agree", ["192.0.2.1:5", "192.0.2.1:5"], { mapping: "port", candidates: ["192.0.2.1:5"] }],
    [
      "two agree, and one lies",
      ["198.51.100.9:9", "192.0.2.1:5", "192.0.2.1:5"],
      { mapping: "port", candidates: ["192.0.2.1:5"] },
    ],
    ["each sees another", ["192.0.2.1:5", "192.0.2.1:6"], { mapping: "destination", candidates: ["192.0.2.1:6"] }],
    [
      "two uplinks",
      ["192.0.2.1:5", "192.0.2.1:5", "198.51.100.1:5", "198.51.100.1:5"],
      { mapping: "port", candidates: ["192.0.2.1:5", "198.51.100.1:5"] },
    ],
  ] as const)("%s", (_, seen, expected) => expect(outMappingOf(seen)).toEqual(expected));

  it("is never one that a single liar names beside two others that agree, and at most two", () => {
    const address = fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `${host}:${port}`);
    fc.assert(
      fc.property(address, address, fc.integer({ min: 2, max: 9 }), (truth, lie, honest) => {
        fc.pre(truth !== lie);
        const { mapping, candidates } = outMappingOf([lie, ...Array.from({ length: honest }, () => truth)]);
        expect({ mapping, candidates }).toEqual({ mapping: "port", candidates: [truth] });
      }),
    );
  });
});
