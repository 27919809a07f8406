/** Connections through relays end with a time: when the next one is made. On a clock that the test moves. */
import { expect, it } from "vitest";
import { Replacing } from "../../client/relays/replacing.js";
import type { MemberId } from "../../rings/index.js";
import { idOf } from "../rings/model.js";

const HOUR_MS = 3_600_000;

function scene() {
  const state = { now: 0, replacedAt: new Map<MemberId, number[]>(), better: new Set<MemberId>() };
  const replacing = new Replacing({
    isNeeded: (id) => !state.better.has(id),
    now: () => state.now,
  });
  const opened = (id: MemberId, lastsMs: number) =>
    replacing.opened(id, lastsMs, () => {
      state.replacedAt.set(id, [...(state.replacedAt.get(id) ?? []), state.now]);
    });
  const run = (ms: number) => {
    for (const end = state.now + ms; state.now < end; state.now += 1_000) replacing.look();
  };
  return { state, opened, run };
}

it.each([
  ["a short one after three quarters of its time", 40_000, 30_000],
  ["a long one ten minutes before its end", 24 * HOUR_MS, 24 * HOUR_MS - 600_000],
])("%s, once", (_, lastsMs, at) => {
  const { state, opened, run } = scene();
  opened(idOf(1), lastsMs);
  run(2 * lastsMs);
  expect(state.replacedAt.get(idOf(1))).toEqual([at]);
});

it("no sooner than after seven and a half seconds, however little a relay says", () => {
  const { state, opened, run } = scene();
  opened(idOf(1), 0);
  run(7_000);
  expect(state.replacedAt.size).toBe(0);
  run(2_000);
  expect(state.replacedAt.get(idOf(1))).toEqual([8_000]);
});

it("not where a better way was found, and by the newest connection of a member alone", () => {
  const { state, opened, run } = scene();
  opened(idOf(1), 40_000);
  opened(idOf(2), 40_000);
  run(20_000);
  opened(idOf(2), 40_000);
  state.better.add(idOf(1));
  run(100_000);
  expect([...state.replacedAt]).toEqual([[idOf(2), [50_000]]]);
});

it("remembers a bounded number", () => {
  const { state, opened, run } = scene();
  for (let number = 0; number < 2_000; number++) opened(idOf(number), 40_000);
  run(50_000);
  expect(state.replacedAt.size).toBe(1_024);
  expect(state.replacedAt.has(idOf(1_999))).toBe(true);
});
