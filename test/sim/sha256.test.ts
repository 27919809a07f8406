/** Own SHA-256 against FIPS 180-4's examples and node:crypto. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex } from "../../rings/index.js";
import { sha256 } from "../../sim/crypto/sha256.js";

const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const expected = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

describe("SHA-256", () => {
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
  ])("of %j is the one of the standard", (text, digest) => {
    expect(toHex(sha256(ascii(text)))).toBe(digest);
  });

  it("agrees with node:crypto on every length around the blocks' borders", () => {
    for (let length = 0; length <= 260; length++) {
      const data = Uint8Array.from({ length }, (_, index) => (index * 37 + length) & 0xff);
      expect(toHex(sha256(data)), `${length} bytes`).toBe(expected(data));
    }
  });

  it("agrees with node:crypto on any bytes, and on a part of a larger buffer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(100), (data, skipped) => {
        const part = data.subarray(Math.min(skipped, data.length));
        expect(toHex(sha256(data))).toBe(expected(data));
        expect(toHex(sha256(part))).toBe(expected(part));
      }),
    );
  });

  it("leaves an earlier digest as it was", () => {
    const first = sha256(ascii("abc"));
    const before = toHex(first);
    sha256(ascii("something else"));
    expect(toHex(first)).toBe(before);
  });
});
