/** What others wrote, on one line: nothing that acts on a terminal or deceives an eye comes through, and nothing is lost. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FirefliesError } from "../../identity/errors/error.js";
import { shown } from "../../identity/errors/shown.js";

const CHARACTERS = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));
const TEXT = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.oneof(CHARACTERS, fc.constantFrom("\n", "\u001b[2J", "\u202e", "\u0301", "\ud800", "\\", '"')),
  }),
);

describe("what a peer wrote", () => {
  it.each([
    ["a line end", "hi\nalarm: all is lost", "hi\\nalarm: all is lost"],
    ["carriage return and tab", "a\rb\tc", "a\\rb\\tc"],
    ["a colour", "\u001b[31mred", "\\u001b[31mred"],
    ["a title of the window, ended by C1", "\u009d0;x\u009c", "\\u009d0;x\\u009c"],
    ["delete", "a\u007f", "a\\u007f"],
    ["what turns the reading around", "txt.\u202egpj", "txt.\\u202egpj"],
    ["isolates", "\u2066a\u2069", "\\u2066a\\u2069"],
    ["separators of lines and paragraphs", "a\u2028b\u2029c", "a\\u2028b\\u2029c"],
    ["spaces without width", "ad\u200bmin\ufeff", "ad\\u200bmin\\ufeff"],
    ["what is drawn as nothing", "a\u3164\u2800\u00adb", "a\\u3164\\u2800\\u00adb"],
    ["hidden tags", "a\u{e0041}", "a\\udb40\\udc41"],
    ["half a character", "a\ud83d", "a\\ud83d"],
    ["marks that pile up", "e\u0301\u0302\u0303\u0304\u0305", "e\u0301\u0302\u0303\\u0304\\u0305"],
  ])("%s is escaped", (_, text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it.each(["plain text", "grüße, 東京, שלום, ✓ 😀", 'C:\\dir "x"'])("%s stays as it is", (text) => {
    expect(shown(text)).toBe(text);
  });

  it("never holds anything unsafe, and is the same when it is shown again", () => {
    fc.assert(
      fc.property(TEXT, (text) => {
        const once = shown(text);
        expect(once).not.toMatch(
          /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|\p{M}{4}/u,
        );
        expect(shown(once)).toBe(once);
      }),
    );
  });

  it("is the same value in JSON", () => {
    fc.assert(
      fc.property(TEXT, (text) => {
        expect(JSON.parse(shown(JSON.stringify({ [text]: text })))).toEqual({ [text]: text });
      }),
    );
  });

  it("is one safe line in the message of an error, and in what Node prints of it", () => {
    const error = new FirefliesError("handler-failed", "\u001b]0;x\u0007\nalarm: \u202e");
    expect(error.message).toBe("\\u001b]0;x\\u0007\\nalarm: \\u202e");
    expect(error.stack).toContain(error.message);
  });
});
