/** Memory that is given back by hand. */
import { execFileSync } from "node:child_process";
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

// What the C library keeps is a matter of the whole process, and of what else it has freed: so a process of its own.
it("finds the memory of released buffers again without a fault for each page", () => {
  const program = `
    import { release } from ${JSON.stringify(new URL("../../dist/net/session/release.js", import.meta.url).href)};
    const { minorPageFault: faults } = process.resourceUsage();
    for (let round = 0; round < 100; round++) {
      const all = Array.from({ length: 8 }, () => Buffer.allocUnsafeSlow(256 * 1024).fill(1));
      for (const one of all) release(one);
    }
    console.log(process.resourceUsage().minorPageFault - faults);
  `;
  const faults = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect(Number(faults)).toBeLessThan(10_000); // 48,000, if they were all given back to the system.
});
