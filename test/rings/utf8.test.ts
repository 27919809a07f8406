import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { fromHex, toHex, utf8Decode, utf8Encode, utf8Length } from "../../rings/index.js";
import { anyText } from "../support/topics/names.js";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const decoded = (bytes: Uint8Array): string | undefined => {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
};

describe("UTF-8", () => {
  it("is what the platform makes of a text, and of bytes", () => {
    fc.assert(
      fc.property(
        anyText.map((text) => text.toWellFormed()),
        (text) => {
          const bytes = new TextEncoder().encode(text);
          expect(utf8Encode(text)).toEqual(bytes);
          expect(utf8Length(text)).toBe(bytes.length);
          expect(utf8Decode(bytes)).toBe(text);
        },
      ),
    );
    const asThePlatform = (bytes: Uint8Array) => utf8Decode(bytes) === decoded(bytes);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 8 }), asThePlatform));
  });

  test.each([
    ["overlong slash", "c0af"],
    ["overlong NUL", "c080"],
    ["overlong in three", "e0809f"],
    ["overlong in four", "f08080af"],
    ["half of a pair", "eda080"],
    ["above the last", "f4908080"],
    ["five bytes", "f888808080"],
    ["cut off", "e282"],
    ["a rest without a beginning", "80"],
    ["a beginning without its rest", "c341"],
  ])("%s is none", (_, hex) => {
    expect(utf8Decode(fromHex(hex)!)).toBeUndefined();
    expect(decoded(fromHex(hex)!)).toBeUndefined();
  });

  it("has the edges of each length", () => {
    expect(toHex(utf8Encode("\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}"))).toBe(
      "7fc280dfbfe0a080efbfbff0908080f48fbfbf",
    );
    expect(toHex(utf8Encode("a\ud800"))).toBe("61efbfbd");
  });
});
