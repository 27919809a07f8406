/** Who may use a service, as a table. */
import { describe, expect, it } from "vitest";
import { ACCESS_RULES_MAX, type Applicant, isAllowed, parseAccess } from "../../services/access.js";

const BOB: Applicant = {
  id: "b0".repeat(32),
  name: "bob",
  metadata: { role: "worker", rack: 7, spare: true, toString: "own" },
  services: ["inventory"],
};
const NOBODY: Applicant = { id: "c0".repeat(32), name: undefined, metadata: {} };

describe("a rule of access", () => {
  it.each<[string, boolean, boolean]>([
    ["*", true, true],
    ["b0".repeat(32), true, false],
    ["B0".repeat(32), true, false],
    ["bob", true, false],
    ["Bob", false, false],
    ["b*", true, false],
    ["bo?", true, false],
    ["b0b0", false, false],
    ["metadata:role", true, false],
    ["metadata:role=worker", true, false],
    ["metadata:role=work", false, false],
    ["metadata:role=", false, false],
    ["metadata:rack=7", true, false],
    ["metadata:spare=true", true, false],
    ["metadata:hasOwnProperty", false, false],
    ["service:inventory", true, false],
    ["service:inv", false, false],
  ])("%s: bob %s, somebody without name and facts %s", (rule, bob, nobody) => {
    const rules = parseAccess([rule]);
    expect([isAllowed(rules, BOB), isAllowed(rules, NOBODY)]).toEqual([bob, nobody]);
  });

  it("is one of several that must hold", () => {
    expect(isAllowed(parseAccess(["alice", "metadata:role=worker"]), BOB)).toBe(true);
    expect(isAllowed(parseAccess(["alice", "metadata:role=boss"]), BOB)).toBe(false);
  });

  it("must be there: without rules nobody may", () => {
    expect(isAllowed([], BOB)).toBe(false);
  });

  it.each([
    [[""]],
    [["metadata:"]],
    [["metadata:=x"]],
    [["service:"]],
    [["bob alice"]],
    [["role=worker"]],
    [["x".repeat(600)]],
    [Array<string>(ACCESS_RULES_MAX + 1).fill("bob")],
  ])("is none: %j", (texts) => {
    expect(() => parseAccess(texts)).toThrow(expect.objectContaining({ code: "access-invalid" }));
  });
});
