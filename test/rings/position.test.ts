import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type MemberId, memberIdToBytes, POSITION_BYTES, position, toHex } from "../../rings/index.js";
import { comparePlaces, placeOf } from "../../rings/position.js";
import { idOf, sameForAll, sha256, tyingPrefix } from "./model.js";

const zeros = "00".repeat(32) as MemberId;
const counting = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" as MemberId;
const ones = "ff".repeat(32) as MemberId;

/** Made with Python: sha256(struct.pack(">I", ring) + id). The test vectors of the protocol document. */
const VECTORS: readonly [MemberId, number, string][] = [
  [zeros, 1, "c2de8abf5c6306f427fc4de808c7177456c1c0a9f0254d4bae120a88d45b4003"],
  [zeros, 2, "ad643449a505d8dac6d1b82c5ce60681f354bf0ff7c4b1c2a96e92c1d8d8f0ce"],
  [zeros, 256, "62fd69549566826b24456729691dc85245a644af703bbd9476cb565b57a614e9"],
  [zeros, 1000, "e117f03ca9f269f49a5e315eb1bfc15d85423db95321ed3d91fd4820ff6df05d"],
  [counting, 1, "22b288a146b89e364069f6f367618a0ebeb5b83e5462685ab127b8edf8d2690a"],
  [counting, 2, "94d779b1e04efb3427ef0667e6154e8e666cedc34cd4aa0369cfcb87718cd172"],
  [counting, 256, "9abec1381bb92dc789efa73e439f8fc53af331250c86f2e52b78bc38aa64abff"],
  [counting, 1000, "c47df47b43f0fa856e57620f1b12a1b4b3268a0f158a6bdfe3adedb318b8fe8b"],
  [ones, 1, "255b7eb4c394e68bbaf8a697e23ab111ac50adb66d11096b407efab1bfb8afcd"],
  [ones, 2, "8013a096d26c3a5fb7e80c5ec8054d9d94fb1f2516d6627d3fafe2c43b01da71"],
  [ones, 256, "90df90b0b273d1f94d75d790b94b3fa827e1d811c966f815a1eb869c32b8f2d6"],
  [ones, 1000, "eb6714f2fe16f6d94c14685a1d81623ec04c507e8cf1ec1f40f1c3d95b514ade"],
];

describe("a position is SHA-256(uint32be(ring) || id)", () => {
  test.each(VECTORS)("%s on ring %i", (id, ring, expected) => {
    expect(toHex(position(sha256, ring, id))).toBe(expected);
  });

  test("as Node hashes the concatenation", () => {
    const ring = Buffer.alloc(4);
    ring.writeUInt32BE(70_000);
    const expected = createHash("sha256")
      .update(ring)
      .update(memberIdToBytes(idOf(1)))
      .digest("hex");
    expect(toHex(position(sha256, 70_000, idOf(1)))).toBe(expected);
  });
});

test("a place holds the positions of all rings, and the first 48 bits of each as a number", () => {
  const { id, prefixes, hashes } = placeOf(sha256, 300, counting);
  expect(id).toBe(counting);
  expect(hashes).toHaveLength(300 * POSITION_BYTES);
  for (const ring of [1, 2, 256, 300]) {
    const hash = toHex(hashes.subarray((ring - 1) * POSITION_BYTES, ring * POSITION_BYTES));
    expect(hash).toBe(toHex(position(sha256, ring, counting)));
    expect(prefixes[ring - 1]).toBe(Number.parseInt(hash.slice(0, 12), 16));
  }
});

describe("the order of places", () => {
  const ids = Array.from({ length: 40 }, (_, number) => idOf(number));
  const hashes = { "all different": sha256, "tied in 48 bits": tyingPrefix(0), "the same for all": sameForAll };

  test.each(Object.entries(hashes))("is that of the whole positions, then of the ids, when they are %s", (_, hash) => {
    const inOrder = (a: MemberId, b: MemberId) => toHex(position(hash, 1, a)) + a < toHex(position(hash, 1, b)) + b;
    for (const a of ids) {
      for (const b of ids) {
        const order = Math.sign(comparePlaces(1, placeOf(hash, 1, a), placeOf(hash, 1, b)));
        expect(order).toBe(a === b ? 0 : inOrder(a, b) ? -1 : 1);
      }
    }
  });
});
