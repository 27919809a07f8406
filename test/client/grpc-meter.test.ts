/** What the meter of unfinished messages counts, from bytes of HTTP/2 in chunks of any size. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Meter } from "../../client/grpc/meter.js";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const [DATA, HEADERS, RST_STREAM] = [0, 1, 3];
const [END_STREAM, PADDED] = [1, 8];

function frame(type: number, flags: number, stream: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, body]);
}

/** A gRPC message of `length` bytes with its prefix. */
function message(length: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, Buffer.alloc(length, 0xff)]);
}

function read(...parts: Uint8Array[]): Meter {
  const meter = new Meter();
  meter.read(PREFACE);
  for (const part of parts) meter.read(part);
  return meter;
}

describe("the meter", () => {
  it.each<[string, number, Buffer[]]>([
    ["nothing of a message that is whole", 0, [frame(DATA, 0, 1, message(1000))]],
    ["nothing of a prefix alone", 0, [frame(DATA, 0, 1, message(1000).subarray(0, 5))]],
    ["what has come of a message", 700, [frame(DATA, 0, 1, message(1000).subarray(0, 705))]],
    ["each stream", 300, [1, 3, 5].map((stream) => frame(DATA, 0, stream, message(1000).subarray(0, 105)))],
    [
      "no padding",
      100,
      [frame(DATA, PADDED, 1, Buffer.concat([Buffer.of(9), message(1000).subarray(0, 105), Buffer.alloc(9)]))],
    ],
    ["no headers", 0, [frame(HEADERS, 0, 1, message(1000).subarray(0, 500))]],
    [
      "nothing of a stream that was reset",
      0,
      [frame(DATA, 0, 1, message(9).subarray(0, 7)), frame(RST_STREAM, 0, 1, Buffer.alloc(4))],
    ],
    ["nothing of a stream that has ended", 0, [frame(DATA, END_STREAM, 1, message(9).subarray(0, 7))]],
    [
      "nothing of one that ends in an empty frame",
      0,
      [frame(DATA, 0, 1, message(9).subarray(0, 7)), frame(DATA, END_STREAM, 1, Buffer.alloc(0))],
    ],
  ])("counts %s", (_, held, frames) => {
    expect(read(...frames).held).toBe(held);
  });

  it("counts the same wherever the bytes are cut, and messages in one frame or many", () => {
    const streams = fc.array(fc.record({ lengths: fc.array(fc.nat(200), { maxLength: 4 }), rest: fc.nat(150) }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(
        streams,
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 64 }),
        (all, frameBytes, chunkBytes) => {
          const frames = all.flatMap(({ lengths, rest }, index) => {
            const body = Buffer.concat([...lengths.map(message), message(200).subarray(0, 5 + rest)]);
            return chunks(body, frameBytes).map((part) => frame(DATA, 0, 2 * index + 1, part));
          });
          const held = all.reduce((sum, { rest }) => sum + rest, 0);
          expect(read(...chunks(Buffer.concat(frames), chunkBytes)).held).toBe(held);
        },
      ),
    );
  });
});

function chunks(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}
