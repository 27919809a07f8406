/** Memory of buffers that others let go of, while they come in bulk: in a process of its own, whose heap is small. */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

const MIB = 1024 * 1024;
const GARBAGE = new URL("../../dist/net/session/garbage.js", import.meta.url).href;

/** Bytes of buffers at most, while 125 MiB of them are made and dropped, beside `kept` objects of the program's. */
function mostHeld(kept: number): number {
  const program = `
    import { handedOut } from ${JSON.stringify(GARBAGE)};
    const kept = Array.from({ length: ${kept} }, (_, index) => ({ index, text: "x" + index }));
    const held = () => process.memoryUsage().arrayBuffers;
    const before = held();
    let most = 0;
    for (let round = 0; round < 2_000; round++) {
      Buffer.allocUnsafeSlow(64 * 1024).fill(1, 0, 1);
      handedOut(64 * 1024);
      most = Math.max(most, held() - before);
    }
    console.log(most, kept.length);
  `;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  return Number.parseInt(said, 10);
}

it("collects buffers that were handed out before V8 does, which waits for 32 MiB of them", () => {
  expect(mostHeld(0)).toBeLessThan(16 * MIB);
});

it("leaves a large heap to V8, which has room there, and whose young collections may be long", () => {
  expect(mostHeld(1_000_000)).toBeGreaterThan(24 * MIB);
});

it("leaves no function of V8's behind in contexts that begin later", () => {
  const program = `
    import { runInNewContext } from "node:vm";
    import { handedOut } from ${JSON.stringify(GARBAGE)};
    handedOut(64 * 1024 * 1024);
    console.log(runInNewContext("typeof gc"));
  `;
  const found = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect(found.trim()).toBe("undefined");
});
