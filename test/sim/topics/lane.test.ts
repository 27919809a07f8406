/** The session between two simulated members: everything in order and once, whatever gets lost; or its end, told to the sender. */
import { describe, expect, it } from "vitest";
import { partition, Simulation } from "../../../sim/index.js";
import type { Member } from "../../../sim/members/member.js";
import { Lane, SESSION_MS } from "../../../sim/topics/hosts/lane.js";

function pair(loss = 0) {
  const simulation = new Simulation({ members: 4, rings: 3, seed: 5, network: { loss } });
  const [from, to] = simulation.members as unknown as [Member, Member];
  const heard: number[] = [];
  const endedAt: number[] = [];
  const lane = new Lane({ from, to, ended: (now) => endedAt.push(now) });
  const send = (number: number, bytes = 100) => lane.send(new Uint8Array(bytes), () => heard.push(number));
  return { simulation, from, to, lane, send, heard, endedAt };
}

const NUMBERS = Array.from({ length: 200 }, (_, number) => number);

describe("a session", () => {
  it.each([0, 0.05, 0.4])("brings all packets once and in order, with %d of the segments lost", (loss) => {
    const { simulation, send, heard, endedAt, lane } = pair(loss);
    for (const number of NUMBERS) send(number, number % 7 === 0 ? 20_000 : 100);
    simulation.run(60_000);
    expect(heard).toEqual(NUMBERS);
    expect([endedAt, lane.bytes]).toEqual([[], 0]);
  });

  it("ends when nothing has passed for long, and what it held is gone", () => {
    const { simulation, from, to, send, heard, endedAt, lane } = pair();
    simulation.network.add(partition("cut", [[from], [to]]));
    send(1);
    simulation.run(SESSION_MS - 1_000);
    expect(endedAt).toEqual([]);
    simulation.run(10_000);
    expect([endedAt.length, lane.isOver, heard]).toEqual([1, true, []]);
    expect(endedAt[0]).toBeGreaterThanOrEqual(SESSION_MS);
  });

  it("outlives a disturbance that is shorter", () => {
    const { simulation, from, to, send, heard, endedAt } = pair();
    const cut = simulation.network.add(partition("cut", [[from], [to]]));
    send(1);
    simulation.run(SESSION_MS / 2);
    simulation.network.remove(cut);
    simulation.run(SESSION_MS);
    expect([heard, endedAt]).toEqual([[1], []]);
  });

  it.each([
    ["its host is gone", {}, SESSION_MS],
    ["its host says so", { refusing: true }, 100],
  ] as const)("ends when the other one has crashed: %s", (_, how, withinMs) => {
    const { simulation, to, send, heard, endedAt } = pair();
    simulation.crash(to, how);
    send(1);
    simulation.run(withinMs + 10);
    expect([heard, endedAt.length]).toEqual([[], 1]);
  });

  it("is none with the next life of the other one", () => {
    const { simulation, from, to, send, heard, endedAt, lane } = pair();
    expect(lane.isOf(from, to)).toBe(true);
    simulation.crash(to);
    simulation.restart(to, { keepState: true });
    expect(lane.isOf(from, to)).toBe(false);
    send(1);
    simulation.run(100);
    expect([heard, endedAt.length]).toEqual([[], 1]);
  });

  it("brings a member that stands still what waited, when it goes on", () => {
    const { simulation, to, send, heard } = pair();
    simulation.stall(to);
    for (const number of NUMBERS) send(number);
    simulation.run(2_000);
    expect(heard).toEqual([]);
    simulation.resume(to);
    expect(heard).toEqual(NUMBERS);
  });
});
