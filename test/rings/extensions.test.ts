import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  ByteReader,
  decodeExtensions,
  EXTENSIONS_BYTES_MAX,
  EXTENSIONS_MAX,
  type Extension,
  encodeExtensions,
  extensionOf,
  extensionsBytes,
  fromHex,
  NO_EXTENSIONS,
  readExtensions,
  toHex,
} from "../../rings/index.js";
import { anyExtensions } from "../support/extensions.js";

const of = (...list: readonly (readonly [number, number])[]): Extension[] =>
  list.map(([type, length]) => ({ type, data: new Uint8Array(length) }));
const upTo = (count: number, length = 0) => of(...Array.from({ length: count }, (_, type) => [type, length] as const));

describe("an extension list", () => {
  test.each<[string, Extension[]]>([
    ["00", []],
    ["01 0001 0002 6869", [{ type: 1, data: fromHex("6869")! }]],
    ["02 0000 0000 ffff 0001 07", [...of([0, 0]), { type: 65_535, data: Uint8Array.of(7) }]],
  ])("%s", (text, list) => {
    expect(toHex(encodeExtensions(list))).toBe(text.replaceAll(" ", ""));
    expect(decodeExtensions(fromHex(text.replaceAll(" ", ""))!)).toEqual(list);
  });

  test.each<[string, Extension[], boolean]>([
    ["as many as there may be", upTo(EXTENSIONS_MAX), true],
    ["one more", upTo(EXTENSIONS_MAX + 1), false],
    ["1 KiB in one value", of([9, EXTENSIONS_BYTES_MAX - 5]), true],
    ["a byte more", of([9, EXTENSIONS_BYTES_MAX - 4]), false],
    ["1 KiB in all", of([1, 500], [2, EXTENSIONS_BYTES_MAX - 509]), true],
    ["a byte more in all", of([1, 500], [2, EXTENSIONS_BYTES_MAX - 508]), false],
    ["no room for a header", of([1, EXTENSIONS_BYTES_MAX - 6], [2, 0]), false],
    ["a type twice", of([3, 1], [3, 1]), false],
    ["types that descend", of([4, 1], [3, 1]), false],
  ])("%s", (_, list, isFine) => {
    const bytes = encodeExtensions(list);
    expect(bytes.length).toBe(extensionsBytes(list));
    if (isFine) expect(bytes.length).toBeLessThanOrEqual(EXTENSIONS_BYTES_MAX);
    expect(decodeExtensions(bytes) !== undefined).toBe(isFine);
  });

  it("comes back as it was, whatever its types are, also in the middle of other bytes", () => {
    fc.assert(
      fc.property(anyExtensions, fc.uint8Array({ maxLength: 9 }), (list, rest) => {
        const bytes = encodeExtensions(list);
        expect(decodeExtensions(bytes)).toEqual(list);
        const reader = new ByteReader(Uint8Array.of(...bytes, ...rest));
        expect(readExtensions(reader)).toEqual(list);
        expect([reader.bad, reader.remaining]).toEqual([false, rest.length]);
        for (const { type, data } of list) expect(extensionOf(list, type)).toEqual(data);
      }),
    );
    expect(extensionOf(NO_EXTENSIONS, 1)).toBeUndefined();
  });

  it("has one encoding, and throws nothing, whatever is changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyExtensions, changes, fc.nat(), (list, edits, cut) => {
        const bytes = encodeExtensions(list);
        expect(decodeExtensions(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
        expect(decodeExtensions(Uint8Array.of(...bytes, 0))).toBeUndefined();
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        const again = decodeExtensions(bytes);
        if (again !== undefined) expect(encodeExtensions(again)).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});
