/** How long correct views may differ on a liar (invariant L2), and which differences count. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Standing } from "../../../gossip/index.js";
import { Machine } from "../../../gossip/machine.js";
import { type Behaviour, invariants, type Seat, Simulation } from "../../../sim/index.js";
import { Splits } from "../../../sim/invariants/splits.js";
import { Ledger } from "../../../sim/invariants/violation.js";

const DELTA_MS = 1_000;
const BOUND_MS = 8 * DELTA_MS;
const STEP_MS = DELTA_MS / 2;
const liar = { id: "ff", name: "m9" } as unknown as Seat;

afterEach(() => vi.restoreAllMocks());

type Moment = { readonly standings: readonly Standing[]; readonly isDisturbed?: boolean; readonly backAt?: number };

/** Violations after so many looks, half a Delta apart. */
function violations(count: number, momentAt: (now: number) => Moment) {
  const ledger = new Ledger();
  const splits = new Splits(ledger, DELTA_MS);
  const start = 100 * DELTA_MS;
  for (let now = start; now <= start + count * STEP_MS; now += STEP_MS) {
    const { standings, isDisturbed = false, backAt = 0 } = momentAt(now - start);
    const viewers = standings.map((standing) => {
      return {
        startedAt: 0,
        backAt: backAt && start + backAt,
        machine: { standing: () => standing },
      } as unknown as Seat;
    });
    splits.sample({ now, liars: [liar], viewers, isDisturbed });
  }
  return ledger.violations;
}

const always =
  (...standings: Standing[]) =>
  () => ({ standings });
const LONG = (2 * BOUND_MS) / STEP_MS;
const BOUND = BOUND_MS / STEP_MS;

describe("a difference on a liar", () => {
  it.each([
    ["that lasts", LONG, always("live", "suspected", "removed"), 1],
    ["as long as it may", BOUND, always("live", "removed"), 0],
    ["a moment longer", BOUND + 1, always("live", "removed"), 1],
    ["between those who hold its proof and those who do not", LONG, always("live", "equivocated"), 1],
    ["between those who never heard of it and others", LONG, always("live", "silent"), 1],
    ["not between those who have it in, accused or not", LONG, always("live", "suspected"), 0],
    ["not between those who have it out, for whatever reason", LONG, always("removed", "equivocated", "silent"), 0],
    ["not with those who make it wait", LONG, always("live", "waiting"), 0],
    ["also beside one who makes it wait", LONG, always("live", "waiting", "removed"), 1],
  ] as const)("%s", (_, count, momentAt, expected) => {
    expect(violations(count, momentAt)).toHaveLength(expected);
  });

  it("not with a break in between, nor while links are cut, nor in views that have just gone on", () => {
    const split: readonly Standing[] = ["live", "removed"];
    expect(violations(LONG, (ms) => ({ standings: ms === BOUND_MS ? ["live"] : split }))).toEqual([]);
    expect(violations(LONG, (ms) => ({ standings: split, isDisturbed: ms === BOUND_MS }))).toEqual([]);
    expect(violations(LONG, () => ({ standings: split, backAt: BOUND_MS }))).toEqual([]);
  });

  it("says who, since when, and how many views each way; once", () => {
    expect(violations(4 * LONG, always("live", "live", "removed"))).toEqual([
      {
        invariant: "L2",
        at: 100 * DELTA_MS + BOUND_MS + STEP_MS,
        member: "m9",
        text: "a liar, is in 2 correct views and not in 1 others, without a break since 100.0 s",
      },
    ]);
  });
});

it("is seen in a run, when some views keep a liar out that others take back", () => {
  const checks = invariants();
  const simulation = new Simulation({ members: 8, rings: 5, seed: 3, watchers: [checks] });
  checks.attach(simulation);
  const [lying, ...others] = simulation.members as [Seat, ...Seat[]];
  simulation.corrupt(lying, [] as Behaviour[]);
  const deaf = new Set(others.slice(0, 3).map(({ machine }) => machine));
  const { standing } = Machine.prototype;
  vi.spyOn(Machine.prototype, "standing").mockImplementation(function (this: Machine, id) {
    return deaf.has(this) && id === lying.id ? "removed" : standing.call(this, id);
  });
  simulation.run(30_000);
  const split = { invariant: "L2", member: lying.name };
  expect(checks.violations()).toMatchObject([split]);
  expect(checks.problems()).toMatchObject([split]);
  expect(checks.judge()).toHaveLength(1);
});
