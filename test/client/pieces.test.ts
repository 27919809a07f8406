/** Pieces of a duplex are read and written by hand: as the generated code would. */
import { describe, expect, it } from "vitest";
import { Chunk } from "../../client/generated/fireflies.js";
import { DUPLEXES, type Piece } from "../../client/grpc/service.js";

const { requestSerialize: encode, requestDeserialize: decode } = DUPLEXES.stream;
const sizes = [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152];

describe("a piece", () => {
  it.each(sizes)("with %i bytes of data is what proto/fireflies.proto says", (size) => {
    const piece = { $case: "data", value: new Uint8Array(size).fill(7) } satisfies Piece;
    const bytes = encode(piece);
    expect(bytes.equals(Chunk.encode({ content: piece }).finish())).toBe(true);
    const read = decode(bytes);
    if (read?.$case !== "data") throw new Error("not data");
    expect(Buffer.compare(read.value, piece.value)).toBe(0);
    // Applications are promised a Uint8Array: a Buffer's slice would share memory.
    expect(Buffer.isBuffer(read.value)).toBe(false);
  });

  it("that is none is left to the generated code: ends, unknown fields, lengths that do not fit", () => {
    const end: Piece = { $case: "end", value: { code: "stream-reset" } };
    expect(decode(encode(end))).toEqual(end);
    expect(decode(Buffer.alloc(0))).toBeUndefined();
    const data = Chunk.encode({ content: { $case: "data", value: Uint8Array.of(1, 2) } }).finish();
    const later = Buffer.concat([data, Buffer.of(0x78, 1)]);
    expect(decode(later)).toEqual({ $case: "data", value: Uint8Array.of(1, 2) });
    for (const bad of [[0x0a], [0x0a, 3, 1, 2], [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]]) {
      expect(() => decode(Buffer.from(bad))).toThrow();
    }
  });
});
