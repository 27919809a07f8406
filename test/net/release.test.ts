/** Memory that is given back by hand. */
import { expect, it } from "vitest";
import { release } from "../../net/session/release.js";

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
