/** Whom a command means: by name, by id, by the beginning of an id, and what it says when that is nobody or several. */
import { describe, expect, it } from "vitest";
import { whichMember } from "../../cli/api/calls/which-member.js";
import type { Member } from "../../client/types.js";
import type { FirefliesError } from "../../identity/index.js";
import { idOf, member } from "../support/fake-agent-client.js";

const members = [
  member("aa1", { name: "alice" }),
  member("aa2", { name: "bob", address: "127.0.0.1:2" }),
  member("ada0001", { name: "carol" }),
  member("b", { name: "ada" }),
  member("c", { name: "abc123" }),
  member("abc1234"),
];

function outcome(word: string, among: readonly Member[] = members, gone: Parameters<typeof whichMember>[2] = []) {
  try {
    return whichMember(word, among, gone).id;
  } catch (error) {
    return error as FirefliesError;
  }
}

describe("an argument means", () => {
  it.each([
    ["a name", "alice", "aa1"],
    ["a whole id", idOf("aa2"), "aa2"],
    ["an id in capitals", idOf("aa2").toUpperCase(), "aa2"],
    ["the beginning of an id", "aa2", "aa2"],
    ["it in capitals, with blanks about it", " AA2 ", "aa2"],
    ["a short name rather than an id that begins like it", "ada", "b"],
    ["an id that begins like a name goes on", "ada0", "ada0001"],
    ["a name that goes on like no id", "abc123", "several"],
  ])("%s", (_, word, digits) => {
    const found = outcome(word);
    if (digits === "several") expect(found).toMatchObject({ code: "id-ambiguous" });
    else expect(found).toBe(idOf(digits));
  });

  it.each(["", "Alice", "*", "zed", `${idOf("b")}0`])("nobody: %j", (word) => {
    expect(outcome(word)).toMatchObject({ code: "id-unknown" });
  });
});

describe("the error", () => {
  it("lists those that are meant, with names and addresses", () => {
    const { message, code } = outcome("aa") as FirefliesError;
    expect(code).toBe("id-ambiguous");
    expect(message).toContain(`alice (${idOf("aa1").slice(0, 12)}) at 127.0.0.1:8400`);
    expect(message).toContain(`bob (${idOf("aa2").slice(0, 12)}) at 127.0.0.1:2`);
  });

  it("lists two that have one name: a member was revoked and admitted anew, and the news is under way", () => {
    const both = [member("1", { name: "dan" }), member("2", { name: "dan" })];
    const { message, code } = outcome("dan", both) as FirefliesError;
    expect(code).toBe("id-ambiguous");
    for (const { id } of both) expect(message).toContain(id.slice(0, 12));
    expect(outcome(idOf("2"), both)).toBe(idOf("2"));
  });

  it("lists no more than a line holds", () => {
    const many = Array.from({ length: 300 }, (_, index) => member(`f${index + 100}`));
    const { message } = outcome("f", many) as FirefliesError;
    expect(message).toMatch(/300 live members.* and 295 more/);
    expect(message.length).toBeLessThan(400);
  });

  it("says what is meant by a misspelt name, and that a member was there", () => {
    expect((outcome("alcie") as FirefliesError).advice).toBe("Did you mean alice?");
    const gone = [{ member: member("d", { name: "dan" }), reason: "removed", at: 0 }] as const;
    expect((outcome("dan", members, gone) as FirefliesError).message).toContain(
      `dan (${idOf("d").slice(0, 12)}) is not live: it failed (removed) at 1970-01-01T00:00:00.000Z`,
    );
  });
});
