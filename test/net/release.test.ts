/** Memory that is given back by hand. */
import { expect, it } from "vitest";
import { release, releaseMessage } from "../../net/session/release.js";

const BYTES = 64 * 1024;

it("empties a buffer of its own, and its memory is counted no more", () => {
  const before = process.memoryUsage().arrayBuffers;
  for (let round = 0; round < 1000; round++) {
    const chunk = Buffer.allocUnsafeSlow(BYTES) as Buffer<ArrayBuffer>;
    release(chunk);
    expect(chunk.length).toBe(0);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * BYTES);
});

it.each([
  ["a part of a larger one", () => new Uint8Array(new ArrayBuffer(2 * BYTES), 0, BYTES)],
  ["one of Node's pool", () => Buffer.from("x".repeat(100)) as Buffer<ArrayBuffer>],
  ["a small one", () => new Uint8Array(100)],
])("leaves %s as it is", (_, make) => {
  const chunk = make();
  const { length } = chunk;
  release(chunk);
  expect(chunk.length).toBe(length);
});

it("empties the buffer of a message behind its head, and no other that may hold a second message", () => {
  const of = (bytes: number, at: number, length: number) => new Uint8Array(new ArrayBuffer(bytes), at, length);
  const own = of(BYTES + 4, 4, BYTES);
  releaseMessage(own);
  expect(own.length).toBe(0);
  for (const shared of [of(2 * BYTES, 4, BYTES), of(BYTES + 100, 100, BYTES), of(BYTES + 5, 4, BYTES)]) {
    releaseMessage(shared);
    expect(shared.length).toBe(BYTES);
  }
});
