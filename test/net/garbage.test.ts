/** Memory of buffers that others let go of, while they come in bulk. */
import { expect, it } from "vitest";
import { handedOut } from "../../net/session/garbage.js";

const BYTES = 64 * 1024;
const MIB = 1024 * 1024;

it("collects buffers that were handed out before V8 does, which waits for 32 MiB of them", () => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let round = 0; round < 2_000; round++) {
    new Uint8Array(Buffer.allocUnsafeSlow(BYTES).buffer).fill(1, 0, 1);
    handedOut(BYTES);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most).toBeLessThan(16 * MIB);
});

it("leaves no function of V8's behind in contexts that begin later", async () => {
  handedOut(64 * MIB);
  const { runInNewContext } = await import("node:vm");
  expect(runInNewContext("typeof gc")).toBe("undefined");
});
