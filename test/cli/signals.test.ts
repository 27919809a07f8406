/** When a long-running command ends: the first signal asks, one that is surely another demands. */
import { EventEmitter } from "node:events";
import { afterEach, expect, it, vi } from "vitest";
import { EXIT_INTERRUPTED } from "../../cli/failure.js";
import { SAME_WISH_MS, untilTold } from "../../cli/signals.js";

afterEach(() => vi.restoreAllMocks());

it("a second signal within a second is the same wish, a later one ends at once", () => {
  let now = 10;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const exit = vi.spyOn(process, "exit").mockImplementation((() => {}) as never);
  const source = new EventEmitter();
  const told = untilTold(undefined, source);
  expect(told.aborted).toBe(false);
  source.emit("SIGINT");
  expect(told.aborted).toBe(true);
  now += SAME_WISH_MS - 1;
  source.emit("SIGINT");
  source.emit("SIGTERM");
  expect(exit).not.toHaveBeenCalled();
  now += 1;
  source.emit("SIGINT");
  expect(exit).toHaveBeenCalledWith(EXIT_INTERRUPTED);
});
