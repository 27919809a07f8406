/** When a long-running command ends: the first signal asks, one that is surely another hurries or demands. */
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EXIT_INTERRUPTED } from "../../cli/failure.js";
import { SAME_WISH_MS, untilTold } from "../../cli/signals.js";

let now = 10;
let exits: unknown[];
let source: EventEmitter;
beforeEach(() => {
  source = new EventEmitter();
  exits = [];
  vi.spyOn(performance, "now").mockImplementation(() => now);
  vi.spyOn(process, "exit").mockImplementation(((code: unknown) => void exits.push(code)) as never);
});
afterEach(() => vi.restoreAllMocks());

it("a second signal within a second is the same wish, a later one ends at once", () => {
  const told = untilTold({ source });
  expect(told.aborted).toBe(false);
  source.emit("SIGINT");
  expect(told.aborted).toBe(true);
  now += SAME_WISH_MS - 1;
  source.emit("SIGINT");
  source.emit("SIGTERM");
  expect(exits).toEqual([]);
  now += 1;
  source.emit("SIGINT");
  expect(exits).toEqual([EXIT_INTERRUPTED]);
});

it("what takes its time to end is hurried by the second wish, and ended by the third", () => {
  let hurried = 0;
  const told = untilTold({ source, onSecond: () => hurried++ });
  source.emit("SIGTERM");
  source.emit("SIGTERM");
  expect([told.aborted, hurried, exits.length]).toEqual([true, 0, 0]);
  now += SAME_WISH_MS;
  source.emit("SIGTERM");
  source.emit("SIGINT");
  expect([hurried, exits.length]).toEqual([1, 0]);
  now += SAME_WISH_MS;
  source.emit("SIGINT");
  expect([hurried, exits]).toEqual([1, [EXIT_INTERRUPTED]]);
});

it("an input that ends and never closes, as /dev/null, is a wish as well", async () => {
  const input = new PassThrough({ autoDestroy: false });
  const told = untilTold({ source, input });
  input.end();
  await new Promise((resolve) => told.addEventListener("abort", resolve));
  expect(told.reason).toBe("input");
  expect(input.closed).toBe(false);
});

it("the end of the input is a first wish and no second one", async () => {
  let hurried = 0;
  const input = new PassThrough();
  const told = untilTold({ source, input, onSecond: () => hurried++ });
  source.emit("SIGTERM");
  now += SAME_WISH_MS;
  input.destroy();
  await new Promise((resolve) => input.once("close", resolve));
  expect([told.aborted, hurried]).toEqual([true, 0]);
});
