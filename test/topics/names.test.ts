import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  groupProblem,
  matches,
  NAME_ADVICE,
  type NameProblem,
  patternProblem,
  TOPIC_BYTES_MAX,
  topicProblem,
} from "../../topics/index.js";
import { anyPattern, anyText, anyTopic } from "../support/topics/names.js";

const ofBytes = (bytes: number) => "x".repeat(bytes);

describe("a name", () => {
  test.each<[string, string, NameProblem | undefined, NameProblem | undefined]>([
    // what, name, as a topic, as a pattern
    ["one token", "orders", undefined, undefined],
    ["more", "orders.eu.4711", undefined, undefined],
    ["other scripts", "bestellungen.zürich.注文", undefined, undefined],
    ["signs", "a/b:c@d#e-f_g", undefined, undefined],
    ["255 bytes", ofBytes(TOPIC_BYTES_MAX), undefined, undefined],
    ["128 tokens", `${"a.".repeat(127)}a`, undefined, undefined],
    ["nothing", "", "empty", "empty"],
    ["256 bytes", ofBytes(TOPIC_BYTES_MAX + 1), "too-long", "too-long"],
    ["256 bytes in 128 characters", "é".repeat(128), "too-long", "too-long"],
    ["10 kB", ofBytes(10_240), "too-long", "too-long"],
    ["10 kB of dots", ".".repeat(10_240), "too-long", "too-long"],
    ["a dot", ".", "token-empty", "token-empty"],
    ["a dot first", ".a", "token-empty", "token-empty"],
    ["a dot last", "a.", "token-empty", "token-empty"],
    ["two dots", "a..b", "token-empty", "token-empty"],
    ["a blank", "a b", "blank", "blank"],
    ["a blank first", " a", "blank", "blank"],
    ["a blank that does not break", "a\u00a0b", "blank", "blank"],
    ["a wide blank", "a\u3000b", "blank", "blank"],
    ["a line separator", "a\u2028b", "blank", "blank"],
    ["NUL", "a\0b", "control", "control"],
    ["a line break", "a\nb", "control", "control"],
    ["a tab", "a\tb", "control", "control"],
    ["what nobody sees", "a\u200bb", "control", "control"],
    ["a byte order mark", "\ufeffa", "control", "control"],
    ["text that turns", "a\u202eb", "control", "control"],
    ["half of a pair", "a\ud800b", "malformed", "malformed"],
    ["letter and accent apart", "cafe\u0301", "not-normal", "not-normal"],
    ["any token", "orders.*", "wildcard", undefined],
    ["any token first", "*.eu", "wildcard", undefined],
    ["the rest", "orders.>", "wildcard", undefined],
    ["everything", ">", "wildcard", undefined],
    ["all of one token", "*", "wildcard", undefined],
    ["the rest in the middle", "a.>.b", "wildcard", "wildcard"],
    ["a star in a token", "a*b", "wildcard", "wildcard"],
    ["two stars", "a.**", "wildcard", "wildcard"],
    ["an arrow in a token", "a>", "wildcard", "wildcard"],
    ["NATS's system", "$SYS.REQ", "reserved", "reserved"],
    ["JetStream's", "$JS.API", "reserved", "reserved"],
    ["a dollar", "$", "reserved", "reserved"],
    ["replies", "_INBOX.x", "reserved", "reserved"],
    ["a dollar later", "a.$b", undefined, undefined],
    ["like replies", "_INBOXES", undefined, undefined],
  ])("%s", (_, name, asTopic, asPattern) => {
    expect([topicProblem(name), patternProblem(name)]).toEqual([asTopic, asPattern]);
  });

  test.each<[string, string, NameProblem | undefined]>([
    ["a word", "workers", undefined],
    ["64 bytes", ofBytes(64), undefined],
    ["65 bytes", ofBytes(65), "too-long"],
    ["nothing", "", "empty"],
    ["a dot", "a.b", "token-empty"],
    ["a blank", "a b", "blank"],
    ["NUL", "\0", "control"],
    ["a star", "*", "wildcard"],
  ])("of a group: %s", (_, name, problem) => {
    expect(groupProblem(name)).toBe(problem);
  });

  it("has advice for each problem", () => {
    for (const advice of Object.values(NAME_ADVICE)) expect(advice).toMatch(/^(is|has) .*: /);
  });

  it("is a topic exactly when it is a pattern without a wildcard", () => {
    fc.assert(
      fc.property(fc.oneof(anyPattern, anyTopic, anyText), (name) => {
        const problem = patternProblem(name);
        const isWild = problem === undefined && name.split(".").some((token) => token === "*" || token === ">");
        expect(topicProblem(name)).toBe(isWild ? "wildcard" : problem);
      }),
    );
  });
});

describe("a pattern", () => {
  test.each<[string, string, boolean]>([
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a.b", "a", false],
    ["a.b", "a.b.c", false],
    ["a.b", "A.b", false],
    ["a.*", "a.b", true],
    ["a.*", "a", false],
    ["a.*", "a.b.c", false],
    ["*.b", "a.b", true],
    ["*.*", "a.b", true],
    ["*", "a", true],
    ["*", "a.b", false],
    ["a.*.c", "a.b.c", true],
    ["a.*.c", "a.b.d", false],
    [">", "a", true],
    [">", "a.b.c", true],
    ["a.>", "a", false],
    ["a.>", "a.b", true],
    ["a.>", "a.b.c", true],
    ["a.>", "b.c", false],
    ["*.>", "a", false],
    ["*.>", "a.b", true],
    ["a.*.>", "a.b", false],
    ["a.*.>", "a.b.c.d", true],
  ])("%s and %s: %s", (pattern, topic, isMatch) => {
    expect(matches(pattern, topic)).toBe(isMatch);
  });

  it("stands for what a regular expression says", () => {
    fc.assert(
      fc.property(anyPattern, anyTopic, (pattern, topic) => {
        const source = pattern
          .split(".")
          .map((token) => (token === "*" ? "[^.]+" : token === ">" ? ".+" : token))
          .join("\\.");
        expect(matches(pattern, topic)).toBe(new RegExp(`^${source}$`).test(topic));
      }),
    );
  });
});
