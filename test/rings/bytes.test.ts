import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes, concatBytes, equalBytes, fromHex, toHex } from "../../rings/index.js";

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("hexadecimal text", () => {
  test("two lower-case digits a byte", () => {
    expect(toHex(bytes(0, 9, 0x10, 0xab, 0xff))).toBe("000910abff");
    expect(toHex(bytes())).toBe("");
  });

  test.each([
    ["", []],
    ["00ff", [0, 255]],
    ["aBCd", [0xab, 0xcd]],
  ])("%j is read", (text, expected) => {
    expect(fromHex(text)).toEqual(Uint8Array.from(expected));
  });

  test.each(["0", "0g", "0x00", " 00", "00 ", "0\n", "00\n", "-1", "+1", "1.", "é0", "00:11"])(
    "%j is refused",
    (text) => {
      expect(fromHex(text)).toBeUndefined();
    },
  );

  test("comes back as the same bytes", () => {
    fc.assert(fc.property(fc.uint8Array(), (data) => equalBytes(fromHex(toHex(data))!, data)));
    fc.assert(fc.property(fc.uint8Array(), (data) => toHex(data) === Buffer.from(data).toString("hex")));
  });
});

describe("order and equality", () => {
  test.each([
    [[], [], 0],
    [[], [0], -1],
    [[1], [1, 0], -1],
    [[1, 255], [2], -1],
    [[128], [127], 1],
    [[1, 2, 3], [1, 2, 3], 0],
  ])("%j against %j", (a, b, sign) => {
    expect(Math.sign(compareBytes(bytes(...a), bytes(...b)))).toBe(sign);
    expect(equalBytes(bytes(...a), bytes(...b))).toBe(sign === 0);
  });

  test("agrees with the platform's own comparison", () => {
    const short = fc.uint8Array({ maxLength: 4, max: 3 });
    fc.assert(fc.property(short, short, (a, b) => Math.sign(compareBytes(a, b)) === Buffer.compare(a, b)));
    fc.assert(fc.property(short, short, (a, b) => equalBytes(a, b) === Buffer.from(a).equals(b)));
  });
});

test("parts are joined into a copy of their own", () => {
  const part = bytes(1, 2);
  const whole = concatBytes(part, bytes(), bytes(3));
  part[0] = 9;
  expect(whole).toEqual(bytes(1, 2, 3));
  expect(concatBytes()).toEqual(bytes());
});
