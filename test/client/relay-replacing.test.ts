/** Connections through relays end with a time: when the next one is made. On a clock that the test moves. */
import { expect, it } from "vitest";
import { Replacing } from "../../client/relays/replacing.js";
import type { MemberId } from "../../rings/index.js";
import { idOf } from "../rings/model.js";

const HOUR_MS = 3_600_000;
const address = { scheme: "relay", host: idOf(9), port: 0 };

function scene() {
  const state = { now: 0, replacedAt: new Map<MemberId, number[]>(), better: new Set<MemberId>() };
  const replacing = new Replacing({
    isNeeded: (id) => !state.better.has(id),
    replace: async (id) => {
      state.replacedAt.set(id, [...(state.replacedAt.get(id) ?? []), state.now]);
    },
    now: () => state.now,
  });
  const run = (ms: number) => {
    for (const end = state.now + ms; state.now < end; state.now += 1_000) replacing.look();
  };
  return { state, replacing, run };
}

it.each([
  ["a short one after three quarters of its time", 40_000, 30_000],
  ["a long one ten minutes before its end", 24 * HOUR_MS, 24 * HOUR_MS - 600_000],
])("%s, once", (_, lastsMs, at) => {
  const { state, replacing, run } = scene();
  replacing.opened(idOf(1), address, lastsMs);
  run(2 * lastsMs);
  expect(state.replacedAt.get(idOf(1))).toEqual([at]);
});

it("no sooner than after seven and a half seconds, however little a relay says", () => {
  const { state, replacing, run } = scene();
  replacing.opened(idOf(1), address, 0);
  run(7_000);
  expect(state.replacedAt.size).toBe(0);
  run(2_000);
  expect(state.replacedAt.get(idOf(1))).toEqual([8_000]);
});

it("not where a better way was found, and by the newest connection of a member alone", () => {
  const { state, replacing, run } = scene();
  replacing.opened(idOf(1), address, 40_000);
  replacing.opened(idOf(2), address, 40_000);
  run(20_000);
  replacing.opened(idOf(2), address, 40_000);
  state.better.add(idOf(1));
  run(100_000);
  expect([...state.replacedAt]).toEqual([[idOf(2), [50_000]]]);
});

it("remembers a bounded number", () => {
  const { state, replacing, run } = scene();
  for (let number = 0; number < 2_000; number++) replacing.opened(idOf(number), address, 40_000);
  run(50_000);
  expect(state.replacedAt.size).toBe(1_024);
  expect(state.replacedAt.has(idOf(1_999))).toBe(true);
});
