/** What the search has found on the rules as they were then, smaller: each stays mended. docs/adversaries.md tells what it was. */
import { expect, it } from "vitest";
import type { Attack } from "../../../sim/search/attack.js";
import { play } from "../../../sim/search/play.js";

const SETTINGS = { gossipMs: 1000, monitorMs: 1000, deltaMs: 1500, removalMs: 3000, pingLimit: 3, ringsPerVisit: 1 };
const PLAN = {
  byzantine: 2,
  rings: 27,
  countExposed: false,
  adversaries: [],
  start: "whole",
  crypto: "fake",
  settings: SETTINGS,
  network: { latency: "steady", loss: 0, duplicates: 0, reordering: 0, bytesPerSecond: null },
  faults: [],
} as const;

/** By the seed that it came from. */
const FOUND: readonly (readonly [seed: number, what: string, attack: Attack])[] = [
  [
    6659,
    "notes under a silenced certificate and a newer one by turns part the views of a liar (R12)",
    {
      plan: { ...PLAN, seed: 1808840230, members: 12, seconds: 26 },
      program: {
        casting: "ahead",
        few: 1,
        scenes: 1,
        lasts: 24,
        moves: [
          { by: "screen", say: "renewal", when: { at: 0 } },
          { by: "screen", say: "certificate", under: "last", to: "all", when: { at: 0.1 } },
          { by: "screen", say: "live", under: "last", to: "half", when: { from: 1.8, every: 1 } },
          { by: "screen", say: "live", under: "last", to: "other-half", when: { from: 1.8, every: 1 } },
          { by: "screen", say: "proof", to: "few", when: { at: 1.8 } },
          { by: "screen", say: "masked", to: "rest", when: { from: 2.2, every: 1 } },
        ],
        withheld: [],
      },
    },
  ],
  [
    5341,
    "summonses are answered beyond the budget of packets, within a budget of their own (R20)",
    {
      plan: { ...PLAN, seed: 4138227297, members: 10, seconds: 6 },
      program: {
        casting: "screened",
        few: 3,
        scenes: 1,
        lasts: 6,
        moves: [
          {
            by: "crowd",
            say: "summons",
            rings: "held",
            count: "budget",
            way: "call",
            to: "other-half",
            when: { from: 3.5, every: 0.25, times: 6, apart: 0.1 },
          },
        ],
        withheld: [],
      },
    },
  ],
  [
    7508,
    "a member answers though by its own clock, which is ahead, its certificate has ended (R9)",
    {
      plan: {
        ...PLAN,
        ...{ seed: 2534530434, members: 7, byzantine: 1, rings: 33, seconds: 25 },
        faults: [
          { kind: "expire", at: 24_000, member: 4 },
          { kind: "skew", at: 2_000, member: 4, ms: 114_115 },
        ],
      },
      program: {
        casting: "ahead",
        few: 1,
        scenes: 1,
        lasts: 12,
        moves: [{ by: "accuser", say: "accusation", rings: "scene", to: "other-half", when: { at: 2.6 } }],
        withheld: [],
      },
    },
  ],
];

it.each(FOUND)("seed %i: %s", (_, __, attack) => {
  expect(play(attack).violation).toBeUndefined();
});
