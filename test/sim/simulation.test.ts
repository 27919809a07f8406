/** The simulation itself: that it runs, that it repeats, and what can be done to a member in it. */
import { describe, expect, it } from "vitest";
import { Simulation } from "../../sim/index.js";

describe("a simulation", () => {
  it("starts whole: all know all at time 0, and stay so", () => {
    const simulation = new Simulation({ members: 30, seed: 1 });
    expect(simulation.isWhole()).toBe(true);
    expect(simulation.isEqual()).toBe(true);
    simulation.run(30_000);
    expect(simulation.isWhole()).toBe(true);
    expect(simulation.isEqual()).toBe(true);
    expect(simulation.now).toBe(30_000);
  });

  it("starts by joining: one after the other comes in through contacts", () => {
    const simulation = new Simulation({ members: 30, seed: 1, start: "joining" });
    expect(simulation.runUntil(() => simulation.isWhole() && simulation.isEqual(), 20_000)).toBeDefined();
    expect(simulation.members.filter(({ state }) => state === "up")).toHaveLength(30);
  });

  it("gives the same digest for the same seed and options, and another one for another seed", () => {
    const digestOf = (seed: number) => {
      const simulation = new Simulation({ members: 20, seed, start: "joining", network: { loss: 0.05 } });
      simulation.run(15_000);
      return simulation.digest();
    };
    expect(digestOf(7)).toBe(digestOf(7));
    expect(digestOf(7)).not.toBe(digestOf(8));
  });

  it("throws out a crashed member everywhere, and takes it back when it starts again", () => {
    const simulation = new Simulation({ members: 20, seed: 3 });
    const [seat] = simulation.members;
    simulation.crash(seat!);
    expect(simulation.isWhole()).toBe(false);
    expect(simulation.runUntil(() => simulation.isWhole(), 20_000)).toBeDefined();
    simulation.restart(seat!, { keepState: true });
    expect(simulation.runUntil(() => simulation.isWhole(), 20_000)).toBeDefined();
  });
});
