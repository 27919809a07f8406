/** Members behind NATs (rule R21): reached over their own sessions and through relays, whatever relays do; and found when they die. */
import { describe, expect, it } from "vitest";
import {
  adversary,
  invariants,
  RELAY_ADVERSARIES,
  type Seat,
  Simulation,
  type SimulationOptions,
} from "../../sim/index.js";
import { FalseAccusations } from "../../sim/run/accusations.js";

function overlay(options: Partial<SimulationOptions> = {}) {
  const checks = invariants();
  const mistakes = new FalseAccusations();
  const simulation = new Simulation({ members: 24, nat: 0.5, seed: 1, watchers: [checks, mistakes], ...options });
  checks.attach(simulation);
  mistakes.attach(simulation);
  const { members } = simulation;
  const hidden = members.filter((seat) => simulation.isBehindNat(seat));
  const relays = members.filter((seat) => seat.isCorrect && !simulation.isBehindNat(seat));
  return { simulation, checks, mistakes, hidden, relays };
}

describe("members behind NATs", () => {
  it("are correct ones, have their relays from the beginning, and name no address for pings", () => {
    const { simulation, hidden } = overlay({ byzantine: 4 });
    expect(hidden).toHaveLength(12);
    const [seat] = hidden as [Seat];
    const relays = simulation.relaysOf(seat);
    expect(relays.length).toBeGreaterThanOrEqual(3);
    const { addresses } = simulation.members[0]!.machine.member(seat.id) ?? hidden[1]!.machine.member(seat.id)!;
    expect(addresses.map(({ text }) => text)).toEqual([`${seat.name}:1`, ...relays.map(({ id }) => `relay://${id}`)]);
    expect(addresses.every(({ transport }) => transport === 1)).toBe(true);
  });

  it("take messages of each other, which relays pass on", () => {
    const { simulation, hidden } = overlay();
    const [from, to] = hidden as [Seat, Seat];
    const heard: string[] = [];
    simulation.onMessage(to, ({ data }) => data);
    simulation.message(from, to, Uint8Array.of(7), (reply) => heard.push(reply.ok ? String(reply.data) : reply.reason));
    simulation.run(1000);
    expect(heard).toEqual(["7"]);
    const relayed = simulation.relaysOf(to).reduce((sum, relay) => sum + simulation.traffic(relay).relayed, 0);
    expect(relayed).toBeGreaterThan(400);
  });

  it("are out of all views within eight seconds of their crash, also after five quiet minutes", () => {
    const { simulation, hidden } = overlay();
    simulation.run(300_000);
    simulation.crash(hidden[0]!);
    expect(simulation.runUntil(() => simulation.isWhole(), 60_000)).toBeLessThan(8_000);
  });

  it("come in through members that can be dialled, and come back after a crash", () => {
    const { simulation, hidden, mistakes } = overlay({ start: "joining", seed: 3 });
    expect(simulation.runUntil(() => simulation.isWhole(), 20_000)).toBeDefined();
    simulation.crash(hidden[0]!);
    simulation.run(10_000);
    simulation.restart(hidden[0]!, { keepState: false });
    expect(simulation.runUntil(() => simulation.isWhole(), 20_000)).toBeDefined();
    simulation.run(10_000);
    expect(mistakes.count).toBe(0);
  });

  it("are accused by nobody while their relays die one after another and their NATs forget their sessions", () => {
    const { simulation, hidden, relays, mistakes, checks } = overlay();
    simulation.run(1000);
    relays.slice(0, 8).forEach((relay, index) => {
      simulation.at(10_000 * index, () => simulation.crash(relay));
      simulation.at(10_000 * index + 5_000, () => simulation.remap(hidden[index]!));
    });
    simulation.run(90_000);
    expect({ mistakes: mistakes.count, lost: checks.count("S1") }).toEqual({ mistakes: 0, lost: 0 });
    expect(simulation.isWhole()).toBe(true);
    for (const seat of hidden) expect(simulation.relaysOf(seat).every(({ state }) => state === "up")).toBe(true);
  });

  it("keep their place while as much gets lost on each leg as the detector is made for", () => {
    const { simulation, checks } = overlay();
    simulation.network.add({ name: "loss", loss: 0.3 });
    simulation.run(30_000);
    expect(checks.violations()).toEqual([]);
  });

  it.each(RELAY_ADVERSARIES)("are accused by nobody when a fifth lies as %s does", (name) => {
    const behaviours = () => [adversary(name)!.create()];
    const { simulation, mistakes, checks } = overlay({ members: 30, byzantine: 6, behaviours });
    simulation.run(20_000);
    expect({ mistakes: mistakes.count, lost: checks.count("S1") }).toEqual({ mistakes: 0, lost: 0 });
  });

  it.each(["relay-dropper", "relay-turncoat"])("keep their place when %s accuses them as well", (name) => {
    const behaviours = () => [adversary(name)!.create(), adversary("false-accuser")!.create()];
    const { simulation, checks } = overlay({ members: 30, byzantine: 6, behaviours, seed: 2 });
    simulation.run(20_000);
    expect(checks.violations()).toEqual([]);
  });

  it("are as each seed has them, and nobody is when there is no share", () => {
    const digest = (options: Partial<SimulationOptions>) => {
      const { simulation } = overlay({ members: 12, ...options });
      simulation.run(5000);
      return simulation.digest();
    };
    expect(digest({})).toBe(digest({}));
    expect(digest({ nat: 0 })).not.toBe(digest({}));
    expect(overlay({ nat: 0 }).hidden).toEqual([]);
    expect(() => overlay({ nat: 1 })).toThrow(RangeError);
  });
});
