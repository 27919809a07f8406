/** When an agent's process is given V8's compilers and room. */
import { describe, expect, it, vi } from "vitest";
import { BUSY_SHARE, compileWhenBusy, LOOK_MS } from "../../cli/idle.js";

/** A process that takes so many milliseconds of CPU in each second, and the switches that V8 is given. */
function run(...seconds: readonly number[]): string[] {
  vi.useFakeTimers();
  const given: string[] = [];
  let cpu = 400_000; // Microseconds: what a start takes is not counted.
  compileWhenBusy({ cpu: () => cpu, setFlags: (flags) => given.push(flags) });
  for (const milliseconds of seconds) {
    cpu += milliseconds * 1_000;
    vi.advanceTimersByTime(LOOK_MS);
  }
  return given;
}

describe("an agent's process", () => {
  const AT_EASE = ["--sparkplug", "--maglev", "--opt", "--no-optimize-for-size"];

  it("is interpreted while it has little to do", () => {
    expect(run(10, 0, 100, LOOK_MS * BUSY_SHARE, 200)).toEqual([]);
  });

  it("is compiled, and has room, from its first busy second on, for good", () => {
    expect(run(10, LOOK_MS * BUSY_SHARE + 1, 0, 900)).toEqual(AT_EASE);
  });
});
