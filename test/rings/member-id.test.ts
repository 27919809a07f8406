import { describe, expect, test } from "vitest";
import {
  MEMBER_ID_BYTES,
  type MemberId,
  memberIdFromBytes,
  memberIdToBytes,
  parseMemberId,
} from "../../rings/index.js";

const text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const bytes = Uint8Array.from({ length: MEMBER_ID_BYTES }, (_, index) => index);

describe("a member id", () => {
  test("is 64 lower-case hexadecimal digits", () => {
    expect(parseMemberId(text)).toBe(text);
  });

  test.each([
    ["empty", ""],
    ["a digit short", text.slice(1)],
    ["a digit long", `${text}0`],
    ["upper-case, which would be a second text of one id", text.toUpperCase()],
    ["no digit", text.replace("f", "g")],
    ["a line end", `${text}\n`],
    ["a space before", ` ${text}`],
  ])("is not a text that is %s", (_, wrong) => {
    expect(parseMemberId(wrong)).toBeUndefined();
  });

  test("is the same in bytes and back", () => {
    expect(memberIdFromBytes(bytes)).toBe(text);
    expect(memberIdToBytes(memberIdFromBytes(bytes))).toEqual(bytes);
  });

  test.each([0, 31, 33])("is not made of %i bytes", (length) => {
    expect(() => memberIdFromBytes(new Uint8Array(length))).toThrow(RangeError);
  });

  test.each(["", "00", "zz".repeat(32)])("is not forged from %j by a cast", (forged) => {
    expect(() => memberIdToBytes(forged as MemberId)).toThrow(RangeError);
  });
});
