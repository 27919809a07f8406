import { describe, expect, test } from "vitest";
import { disabledRings, fullMask, isEnabled, maskBytes, maskProblem, tolerance, withRing } from "../../rings/index.js";

/** Bit r - 1 of a number as ring r, lowest byte first: an independent reading of the layout. */
function maskOf(bits: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => Math.floor(bits / 256 ** index) % 256);
}

function ringsOf(bits: number, ringCount: number, wanted: "0" | "1"): number[] {
  const digits = bits.toString(2).padStart(ringCount, "0");
  return Array.from({ length: ringCount }, (_, index) => index + 1).filter((ring) => digits.at(-ring) === wanted);
}

test.each([
  [1, 1, [0b1]],
  [5, 1, [0b11111]],
  [7, 1, [0x7f]],
  [8, 1, [0xff]],
  [9, 2, [0xff, 0x01]],
  [16, 2, [0xff, 0xff]],
  [31, 4, [0xff, 0xff, 0xff, 0x7f]],
  [32, 4, [0xff, 0xff, 0xff, 0xff]],
  [33, 5, [0xff, 0xff, 0xff, 0xff, 0x01]],
  [61, 8, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]],
])("all of %i rings fit %i bytes", (ringCount, length, full) => {
  expect(maskBytes(ringCount)).toBe(length);
  expect(fullMask(ringCount)).toEqual(Uint8Array.from(full));
  expect(maskProblem(fullMask(ringCount), ringCount)).toBeUndefined();
  expect(disabledRings(fullMask(ringCount), ringCount)).toEqual([]);
});

describe.each(Array.from({ length: 15 }, (_, index) => index + 1))("every mask of k = %i", (ringCount) => {
  const length = Math.ceil(ringCount / 8);
  const masks = Array.from({ length: 256 ** length }, (_, bits) => bits);

  test("is judged as its bits say", () => {
    for (const bits of masks) {
      const tooMany = ringsOf(bits, ringCount, "0").length > Math.floor((ringCount - 1) / 2);
      const expected = bits >= 2 ** ringCount ? "mask-beyond-rings" : tooMany ? "mask-too-many-disabled" : undefined;
      if (maskProblem(maskOf(bits, length), ringCount) !== expected) expect.fail(`mask ${bits.toString(2)}`);
    }
  });

  test("is read and changed ring by ring", () => {
    for (let bits = 0; bits < 2 ** ringCount; bits++) {
      const mask = maskOf(bits, length);
      const disabled = disabledRings(mask, ringCount);
      if (disabled.join() !== ringsOf(bits, ringCount, "0").join()) expect.fail(`mask ${bits.toString(2)}`);
      const ring = (bits % ringCount) + 1;
      const isOn = !disabled.includes(ring);
      if (isEnabled(mask, ring) !== isOn) expect.fail(`ring ${ring} of ${bits.toString(2)}`);
      const flipped = withRing(mask, ring, !isOn);
      const bit = 2 ** (ring - 1);
      if (flipped.join() !== maskOf(isOn ? bits - bit : bits + bit, length).join())
        expect.fail(`flip ${ring} of ${bits}`);
      if (withRing(mask, ring, isOn).join() !== mask.join()) expect.fail(`keep ${ring} of ${bits}`);
    }
  });
});

test.each([
  [9, 1],
  [9, 3],
  [8, 0],
  [8, 2],
  [32, 5],
])("for %i rings %i bytes are the wrong length", (ringCount, length) => {
  expect(maskProblem(new Uint8Array(length).fill(0xff), ringCount)).toBe("mask-length");
});

test("Ifrit counted mask bits beyond the ring count: all rings could be disabled", () => {
  // Ten rings, all disabled, six bits beyond them set: "enough rings are enabled" by count alone.
  expect(maskProblem(Uint8Array.of(0, 0b11111100), 10)).toBe("mask-beyond-rings");
});

test("more than 32 rings, one by one", () => {
  let mask = fullMask(61);
  const disabled = [1, 8, 9, 32, 33, 34, 61];
  for (const ring of disabled) mask = withRing(mask, ring, false);
  expect(disabledRings(mask, 61)).toEqual(disabled);
  for (const ring of disabled) mask = withRing(mask, ring, true);
  expect(mask).toEqual(fullMask(61));
});

test("at most t of k are disabled", () => {
  const disable = (count: number) => {
    let mask = fullMask(21);
    for (let ring = 1; ring <= count; ring++) mask = withRing(mask, ring, false);
    return mask;
  };
  expect(maskProblem(disable(tolerance(21)), 21)).toBeUndefined();
  expect(maskProblem(disable(tolerance(21) + 1), 21)).toBe("mask-too-many-disabled");
});

test("a change leaves the mask it came from alone", () => {
  const mask = fullMask(9);
  withRing(mask, 9, false);
  expect(mask).toEqual(fullMask(9));
});

test.each([0, -1, 17, 1.5, Number.NaN, 2 ** 32, 2 ** 32 + 1, Number.POSITIVE_INFINITY])(
  "ring number %d, which a peer may send, is not enabled and cannot be set",
  (ring) => {
    expect(isEnabled(Uint8Array.of(0xff, 0xff), ring)).toBe(false);
    expect(() => withRing(Uint8Array.of(0xff, 0xff), ring, true)).toThrow(RangeError);
  },
);

test("t is half the rings, one less and rounded down", () => {
  const table: [number, number][] = [
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 1],
    [5, 2],
    [9, 4],
    [10, 4],
    [21, 10],
    [61, 30],
  ];
  for (const [rings, t] of table) expect([rings, tolerance(rings)]).toEqual([rings, t]);
});
