/** `view diff`: which members two views do not share, from agents and from what was saved of them. */
import { describe, expect, it } from "vitest";
import { differencesOf, type Seen, sideIn } from "../../cli/commands/members/view-diff.js";

const side = (...seen: readonly Seen[]) => new Map(seen.map((each) => [each.id, each]));
const member = (id: string, state = "live"): Seen => ({ id, name: `name-${id}`, state });

describe("two views", () => {
  it.each<[string, Seen[], Seen[], string[]]>([
    ["the same", [member("a"), member("b")], [member("b"), member("a")], []],
    ["one that only one has heard of", [member("a"), member("b")], [member("a")], ["b"]],
    ["one that failed in the other", [member("a")], [member("a", "removed")], ["a"]],
    ["one that is gone in both, whatever the reason", [member("a", "left")], [member("a", "removed")], []],
    ["one that is gone here and unknown there", [member("a", "left")], [], []],
    ["one that is suspected in one alone", [member("a", "suspected")], [member("a")], ["a"]],
  ])("with %s", (_, a, b, ids) => {
    expect(differencesOf(side(...a), side(...b)).map(({ id }) => id)).toEqual(ids);
    expect(differencesOf(side(...b), side(...a)).map(({ id }) => id)).toEqual(ids);
  });
});

describe("a saved view", () => {
  const saved = [
    { id: "a", name: "ann", state: "live", suspected: false },
    { id: "b", state: "failed", suspected: false, reason: "removed" },
    { id: "c", state: "live", suspected: true },
  ];

  it.each([
    ["what members --all --json printed", `${JSON.stringify(saved)}\n`],
    ["a snapshot", JSON.stringify({ sequence: 1, self: "a", members: saved })],
    ["a recording", `${JSON.stringify({ recording: 1, snapshot: { members: saved } })}\n{"event":"history"}\n`],
  ])("is %s", (_, text) => {
    expect([...(sideIn(text)?.values() ?? [])].map(({ id, state }) => [id, state])).toEqual([
      ["a", "live"],
      ["b", "removed"],
      ["c", "suspected"],
    ]);
  });

  it.each([
    ["nothing", ""],
    ["text", "hello"],
    ["other JSON", '{"a":1}'],
    ["a list of numbers", "[1,2]"],
  ])("is not %s", (_, text) => {
    expect(sideIn(text)).toBeUndefined();
  });
});
