/** Runs of plans: what is measured, that it repeats, and that a failing plan is made smaller. */
import { describe, expect, it } from "vitest";
import {
  type Choice,
  choosePlan,
  drawPlan,
  FAULT_KINDS,
  type Plan,
  parsePlan,
  Run,
  shrink,
  simulate,
  type Violation,
} from "../../sim/index.js";
import { quantile } from "../../sim/run/quantiles.js";

const CHOICE: Choice = {
  seed: 7,
  members: 12,
  byzantine: 0,
  rings: 5,
  adversaries: [],
  seconds: 20,
  start: "whole",
  crypto: "fake",
  preset: "lan",
  network: { latency: "lan", loss: 0, duplicates: 0, reordering: 0, bytesPerSecond: null },
  faults: ["crash", "describe"],
};

describe("a plan", () => {
  it("of one seed is always the same, and of another one another", () => {
    expect(drawPlan(3)).toEqual(drawPlan(3));
    expect(drawPlan(3)).not.toEqual(drawPlan(4));
  });

  it("of every seed comes back from its JSON as it was", () => {
    for (let seed = 0; seed < 200; seed++) {
      const plan = drawPlan(seed, "large");
      expect(parsePlan(JSON.stringify(plan))).toEqual(plan);
    }
  });

  it("draws every kind of fault, liars, both starts and both kinds of signatures", () => {
    const plans = Array.from({ length: 200 }, (_, seed) => drawPlan(seed));
    expect(new Set(plans.flatMap(({ faults }) => faults.map(({ kind }) => kind)))).toEqual(new Set(FAULT_KINDS));
    const large = Array.from({ length: 100 }, (_, seed) => drawPlan(seed, "large"));
    expect(new Set(large.flatMap(({ faults }) => faults.map(({ kind }) => kind)))).toEqual(new Set(FAULT_KINDS));
    expect(new Set(plans.map(({ start, crypto }) => `${start} ${crypto}`)).size).toBe(4);
    expect(plans.filter(({ byzantine }) => byzantine > 0).length).toBeGreaterThan(40);
    expect(plans.filter(({ network }) => network.bytesPerSecond !== null).length).toBeGreaterThan(10);
    expect(plans.filter(({ nat = 0 }) => nat > 0).length).toBeGreaterThan(10);
  });

  it.each([
    ["not JSON", "it is no JSON"],
    ['{"members": 3}', "seed must be a number from 0 to 4294967295"],
    [JSON.stringify({ ...drawPlan(1), nat: 1 }), "nat must be a number from 0 to 0.99"],
    [JSON.stringify({ ...drawPlan(1), byzantine: 99 }), /^byzantine must be a number from 0 to \d+$/],
    [JSON.stringify({ ...drawPlan(1), faults: [{ kind: "stall", at: 3, member: 0 }] }), 'has no valid "lasts"'],
    [JSON.stringify({ ...drawPlan(1), faults: [{ kind: "flood", at: 3 }] }), "kind must be one of"],
    [JSON.stringify({ ...drawPlan(1), settings: { ...drawPlan(1).settings, removalMs: 1 } }), "removalMs"],
  ])("that is none is refused by name: %s", (text, message) => {
    expect(() => parsePlan(text)).toThrow(message);
  });

  it("takes a share of liars or their number, and always leaves a correct member", () => {
    expect(choosePlan({ ...CHOICE, byzantine: 0.3 }).byzantine).toBe(4);
    expect(choosePlan({ ...CHOICE, members: 10, byzantine: 0.3 }).byzantine).toBe(3);
    expect(choosePlan({ ...CHOICE, byzantine: 3 }).byzantine).toBe(3);
    expect(() => choosePlan({ ...CHOICE, byzantine: 12 })).toThrow("leave no correct one");
  });
});

describe("a run", () => {
  const plan = choosePlan(CHOICE);
  const measured = simulate(plan, { withHistory: true });
  const { result } = measured;

  it("repeats: one plan, one digest; another seed, another one", () => {
    expect(simulate(plan).result.digest).toBe(result.digest);
    expect(simulate({ ...plan, seed: 8 }).result.digest).not.toBe(result.digest);
  });

  it("measures crashes: accused within seconds, out of all views after the removal timeout", () => {
    expect(plan.faults.filter(({ kind }) => kind === "crash").length).toBeGreaterThan(0);
    expect(result.detectionFirst.p50).toBeLessThan(3);
    expect(result.detectionAll.p50).toBeGreaterThan(plan.settings.removalMs / 1_000);
    expect(result.detectionAll.p99).toBeLessThan(15);
  });

  it("measures how changes spread: in a quiet LAN within a second", () => {
    expect(measured.changes.filter(({ kind }) => kind === "described").length).toBeGreaterThan(0);
    expect(result.dissemination.p50).toBeLessThan(1);
  });

  it("counts time, members and bytes", () => {
    expect(result.correctMemberHours).toBeCloseTo((12 * result.simulatedSeconds) / 3_600, 1);
    expect(result.bytesPerMemberSecond).toBeGreaterThan(50);
    expect(measured.members).toHaveLength(12);
    expect(measured.samples.at(-1)).toMatchObject({ byzantineUp: 0 });
  });

  it("has nothing to complain about", () => {
    expect(result).toMatchObject({ violations: [], falseRemovals: 0 });
    expect(result.settledAfter).not.toBeNull();
  });

  it("is the same when it is watched for a report", () => {
    expect(simulate(plan, { withHistory: true, trace: ["m3"] }).result.digest).toBe(result.digest);
  });

  it("traces what concerns one member", () => {
    const crashed = measured.changes.find(({ kind }) => kind === "crashed");
    const { trace } = simulate(plan, { trace: [crashed?.member ?? ""] });
    const text = trace.map((line) => line.text).join("\n");
    expect(text).toContain(`${crashed?.member} crashed`);
    expect(text).toContain(`signed an accusation of ${crashed?.member}`);
    expect(text).toMatch(/told: failed m\d+ .*removed/);
  });

  it("tells what the adversaries did, and what was refused from them", () => {
    const adversaries = ["false-accuser", "mask-abuser"];
    const attack = choosePlan({ ...CHOICE, byzantine: 2, rings: "auto", seconds: 8, adversaries });
    const attacked = simulate(attack, { withHistory: true });
    expect(attacked.adversaries.map(({ name, liars }) => [name, liars])).toEqual([
      ["false-accuser", 2],
      ["mask-abuser", 2],
    ]);
    const [accuser, abuser] = attacked.adversaries.map(({ counts }) => counts);
    expect(accuser).toMatchObject({ "accusations signed": expect.toSatisfy((count) => count > 0), "notes signed": 0 });
    expect(abuser).toMatchObject({ "accusations signed": 0, "notes signed": expect.toSatisfy((count) => count > 0) });
    expect(attacked.rejections.length).toBeGreaterThan(0);
  });

  it("counts also what a liar put off until later", () => {
    const attack = choosePlan({ ...CHOICE, byzantine: 2, rings: "auto", seconds: 8, adversaries: ["equivocator"] });
    const [equivocator] = simulate(attack, { withHistory: true }).adversaries;
    expect(equivocator?.counts["notes signed"]).toBeGreaterThan(0);
  });

  it("counts what adversaries do without changing it", () => {
    const all = choosePlan({ ...CHOICE, members: 7, byzantine: 1, rings: "auto", seconds: 5, adversaries: ["all"] });
    expect(simulate(all, { withHistory: true }).result.digest).toBe(simulate(all).result.digest);
  });

  it("refuses an adversary and a crypto that there is not", () => {
    expect(() => new Run({ ...plan, byzantine: 1, adversaries: ["nobody"] })).toThrow('no adversary "nobody"');
    expect(() => new Run({ ...plan, crypto: "p256" })).toThrow('"p256"');
  });
});

describe("a failing plan", () => {
  const violation: Violation = { invariant: "S1", at: 4_000, member: "m1", text: "out" };
  const large = { ...drawPlan(5, "large"), faults: drawPlan(1).faults };
  const plan: Plan = { ...large, members: 40, byzantine: 8, adversaries: ["all"], seconds: 90 };
  const failsWith = (isBad: (plan: Plan) => boolean) => (candidate: Plan) => (isBad(candidate) ? violation : "passes");

  it("is made as small as its cause allows", () => {
    const cause = ({ members, adversaries, faults }: Plan) =>
      members >= 5 && (adversaries.includes("all") || adversaries.includes("mob")) && faults.length >= 1;
    const { plan: small } = shrink(plan, violation, { run: failsWith(cause) });
    expect(small).toMatchObject({ members: 5, adversaries: ["mob"], start: "whole", crypto: "fake" });
    expect(small.faults).toHaveLength(1);
    expect(small.seconds).toBeLessThanOrEqual(5);
    expect(small.network).toEqual({ latency: "steady", loss: 0, duplicates: 0, reordering: 0, bytesPerSecond: null });
  });

  it("keeps to its invariant: another failure is another bug", () => {
    const run = () => ({ ...violation, invariant: "L1" }) as const;
    expect(shrink(plan, violation, { run }).plan).toBe(plan);
  });

  it("stops after so many runs, or when it is told to", () => {
    expect(shrink(plan, violation, { run: () => "passes", triesMax: 7 }).tries).toBe(7);
    expect(shrink(plan, violation, { run: () => "stop" }).tries).toBe(1);
  });
});

it("quantiles are values that were measured", () => {
  expect([0, 0.5, 0.99, 1].map((share) => quantile([3, 1, 2], share))).toEqual([1, 2, 3, 3]);
  expect(quantile([], 0.5)).toBeUndefined();
});
