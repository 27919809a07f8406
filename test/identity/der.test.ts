/** DER: one encoding per value, and a peer's bytes never throw anything but a refusal. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  attempt,
  oidHex,
  readChildren,
  readDer,
  readUnsigned,
  TAG,
  writeDer,
  writeUnsigned,
} from "../../identity/der.js";
import { fromHex, toHex } from "../../rings/index.js";

const reasonOf = (hex: string) => {
  const reading = attempt(() => readDer(fromHex(hex)!));
  return reading.ok ? "ok" : reading.reason;
};

describe("DER", () => {
  it.each([
    ["", "malformed"],
    ["30", "malformed"],
    ["3000", "ok"],
    ["300000", "trailing-data"],
    ["3001", "malformed"],
    ["3080", "malformed"],
    ["30810100", "malformed"],
    [`308180${"00".repeat(128)}`, "ok"],
    [`30820080${"00".repeat(128)}`, "malformed"],
    ["3084000000010000", "malformed"],
    ["1f8100", "malformed"],
  ])("%s is %s", (hex, expected) => {
    expect(reasonOf(hex)).toBe(expected);
  });

  it("numbers come back, in the shortest form alone", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (value) => {
        expect(readUnsigned(readDer(writeUnsigned(value)))).toBe(value);
      }),
    );
    for (const hex of ["0200", "020180", "02020001", "0202007f"]) {
      expect(attempt(() => readUnsigned(readDer(fromHex(hex)!))).ok).toBe(false);
    }
  });

  it("elements of any size come back", () => {
    for (const size of [0, 127, 128, 255, 256, 65_535, 65_536]) {
      const der = writeDer(TAG.sequence, writeDer(TAG.octetString, new Uint8Array(size)));
      expect(readChildren(readDer(der))[0]?.content.length).toBe(size);
    }
  });

  it("any bytes are read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => typeof attempt(() => readDer(bytes)).ok === "boolean"),
    );
  });

  it("object identifiers have the bytes of X.690, also with an arc as long as a UUID", () => {
    expect(oidHex("1.2.840.113549")).toBe("2a864886f70d");
    expect(oidHex("2.5.29.14")).toBe("551d0e");
    const arcs = oidHex("2.25.169813996339832505107865656713496543404");
    const value = Array.from(fromHex(arcs)!.subarray(1)).reduce((sum, byte) => sum * 128n + BigInt(byte & 0x7f), 0n);
    expect(value.toString(16)).toBe("7fc0fc6df30c4048aee32f4261d0c0ac");
    expect(toHex(fromHex(arcs)!.subarray(0, 1))).toBe("69");
  });
});
