/** What can be done to a member of a simulation, and what it is to the others afterwards. */
import { describe, expect, it } from "vitest";
import type { Output } from "../../gossip/index.js";
import {
  egressLoss,
  partition,
  type Seat,
  type SimEvent,
  Simulation,
  type SimulationOptions,
} from "../../sim/index.js";

/** A simulation that keeps what was told and what happened. */
function recorded(options: Partial<SimulationOptions> = {}) {
  const told: { readonly seat: Seat; readonly output: Output; readonly now: number }[] = [];
  const happened: string[] = [];
  const thrown: unknown[] = [];
  const nameOf = (event: SimEvent) => ("seat" in event ? `${event.kind} ${event.seat.name}` : event.kind);
  const simulation = new Simulation({
    members: 15,
    rings: 7,
    seed: 5,
    ...options,
    watchers: [
      {
        told: (seat, output, now) => told.push({ seat, output, now }),
        happened: (event) => happened.push(nameOf(event)),
        threw: (_seat, error) => thrown.push(error),
      },
    ],
  });
  const failed = (victim: Seat) =>
    told
      .filter(({ output }) => output.kind === "failed" && output.member.id === victim.id)
      .map(({ seat }) => seat.name);
  return { simulation, told, happened, thrown, failed };
}

const whole = (simulation: Simulation, maxMs = 30_000) =>
  simulation.runUntil(() => simulation.isWhole() && simulation.isEqual(), maxMs);

describe("a member", () => {
  it("that joins knows members that stand still, and is whole with them when they go on", () => {
    const { simulation } = recorded({ members: 2, rings: 3 });
    simulation.run(2000);
    const stalled = [...simulation.members];
    for (const seat of stalled) simulation.stall(seat);
    simulation.join();
    simulation.run(1000);
    for (const seat of stalled) simulation.resume(seat);
    expect(whole(simulation)).toBeDefined();
  });

  it("that crashes is out of all views; its life is over, and its timers are", () => {
    const { simulation, happened, failed } = recorded();
    const seat = simulation.members[4]!;
    simulation.run(1000);
    simulation.crash(seat);
    const { epoch } = seat.machine;
    expect(seat.state).toBe("down");
    expect(seat.stoppedAt).toBe(1000);
    expect(whole(simulation)).toBeDefined();
    expect(failed(seat)).toHaveLength(14);
    expect(seat.machine.epoch).toBe(epoch);
    expect(happened).toContain("crashed m4");
  });

  it("that crashes under a host that lives is noticed sooner: the host says that nobody listens", () => {
    const timeOf = (refusing: boolean) => {
      const { simulation } = recorded({ seed: 9, members: 30 });
      simulation.crash(simulation.members[0]!, { refusing });
      return simulation.runUntil(() => simulation.isWhole(), 30_000, 10)!;
    };
    expect(timeOf(true)).toBeLessThan(timeOf(false));
  });

  it("restarts with its state above its mark, and without it above its clock", () => {
    for (const keepState of [true, false]) {
      const { simulation, happened } = recorded();
      const seat = simulation.members[2]!;
      const { id, machine } = seat;
      simulation.run(500);
      simulation.crash(seat);
      simulation.run(500);
      simulation.restart(seat, { keepState });
      expect(seat.machine).not.toBe(machine);
      expect(seat.id).toBe(id);
      expect(seat.machine.epoch > machine.epoch).toBe(true);
      expect(seat.startedAt).toBe(1000);
      expect(whole(simulation)).toBeDefined();
      expect(happened).toContain("restarted m2");
      expect(() => simulation.restart(seat, { keepState })).toThrow("m2 is not down");
    }
  });

  it("that stands still reads nothing, and reads all in a row when it goes on", () => {
    const { simulation, failed } = recorded({ members: 10 });
    const seat = simulation.members[1]!;
    simulation.run(3000);
    const before = simulation.traffic(seat);
    simulation.stall(seat);
    simulation.run(2000);
    expect(simulation.traffic(seat)).toEqual(before);
    expect(seat.state).toBe("stalled");
    simulation.resume(seat);
    expect(seat.state).toBe("up");
    expect(seat.backAt).toBe(5000);
    expect(simulation.traffic(seat).pong).toBeGreaterThan(before.pong);
    expect(whole(simulation, 10_000)).toBeDefined();
    for (const other of simulation.members) if (other !== seat) expect(failed(other)).toEqual([]);
  });

  it("that leaves is told as left, and is down when the others have heard it", () => {
    const { simulation, told, happened, failed } = recorded();
    const seat = simulation.members[3]!;
    simulation.leave(seat);
    expect(simulation.runUntil(() => seat.state === "down", 10_000, 10)).toBeLessThan(3000);
    expect(whole(simulation)).toBeDefined();
    expect(failed(seat)).toEqual([]);
    expect(told.filter(({ output }) => output.kind === "left")).toHaveLength(14);
    expect(happened.filter((what) => what.endsWith("m3"))).toEqual(["joined m3", "leaving m3", "left m3"]);
  });

  it("that joins later is a member to all, with its metadata", () => {
    const { simulation, told } = recorded();
    simulation.run(2000);
    const seat = simulation.join({ metadata: Uint8Array.of(7) });
    expect(seat.name).toBe("m15");
    expect(simulation.members).toHaveLength(16);
    expect(whole(simulation)).toBeDefined();
    expect(simulation.members[0]!.machine.member(seat.id)?.metadata).toEqual(Uint8Array.of(7));
    expect(told.filter(({ output }) => output.kind === "joined" && output.member.id === seat.id)).toHaveLength(15);
  });

  it("that describes itself anew is updated everywhere", () => {
    const { simulation } = recorded();
    const seat = simulation.members[6]!;
    simulation.describe(seat, Uint8Array.of(1, 2, 3));
    const knows = (other: Seat) => other === seat || other.machine.member(seat.id)?.metadata.length === 3;
    expect(simulation.runUntil(() => simulation.members.every(knows), 10_000)).toBeDefined();
  });

  it("that is revoked is gone everywhere, and others are not", () => {
    const { simulation, told, happened } = recorded();
    const [first, second] = simulation.members as [Seat, Seat];
    for (const seat of [first, second]) simulation.revoke(seat);
    const others = simulation.members.slice(2);
    const isGone = (other: Seat) => !other.machine.member(first.id) && !other.machine.member(second.id);
    expect(simulation.runUntil(() => others.every(isGone), 20_000)).toBeDefined();
    expect(simulation.isWhole(others)).toBe(true);
    expect(happened).toContain("revoked m0");
    // Nobody takes its calls any more.
    const told0 = told.length;
    simulation.run(20_000);
    expect(told.slice(told0).filter(({ output }) => output.kind === "joined")).toEqual([]);
  });

  it("whose clock steps by an hour raises an alarm and stays", () => {
    const { simulation, told, failed } = recorded();
    const seat = simulation.members[8]!;
    simulation.skewClock(seat, -3_600_000);
    simulation.run(30_000);
    expect(told.some(({ seat: by, output }) => by === seat && output.kind === "alarm")).toBe(true);
    expect(failed(seat)).toEqual([]);
    expect(simulation.isWhole()).toBe(true);
  });

  it("whose machine throws is as crashed, and the watchers hear of it", () => {
    const { simulation, thrown } = recorded();
    const seat = simulation.members[0]!;
    simulation.corrupt(seat, [
      {
        name: "planted",
        output: () => {
          throw new Error("planted");
        },
      },
    ]);
    simulation.run(2000);
    expect(thrown).toHaveLength(1);
    expect(seat.state).toBe("down");
  });
});

describe("the network's faults, on members", () => {
  it("a partition parts the views, and both halves are whole again after it", () => {
    const { simulation } = recorded({ members: 20, rings: 9 });
    const halves = [simulation.members.slice(0, 10), simulation.members.slice(10)];
    const fault = simulation.network.add(partition("half", halves));
    const parted = () => halves.every((half) => half.every(({ machine }) => machine.members().length === 9));
    expect(simulation.runUntil(parted, 60_000)).toBeDefined();
    simulation.network.remove(fault);
    expect(whole(simulation, 30_000)).toBeDefined();
  });

  it("loss of one in five datagrams removes nobody; calls are sent again", () => {
    const { simulation, told } = recorded({ members: 20, rings: 9, network: { loss: 0.2 } });
    simulation.run(60_000);
    expect(told.filter(({ output }) => output.kind === "failed")).toEqual([]);
    expect(simulation.isWhole()).toBe(true);
  });

  it("who loses most of what it sends is out or stays in, and all agree", () => {
    const { simulation, failed } = recorded({ members: 20, rings: 9 });
    const seat = simulation.members[0]!;
    simulation.network.add(egressLoss("m0 is hardly heard", [seat], 0.95));
    simulation.run(60_000);
    const others = simulation.members.filter((other) => other !== seat);
    for (const other of others) expect(failed(other).filter((by) => by !== seat.name)).toEqual([]);
  });
});

describe("options", () => {
  const of = (options: Partial<SimulationOptions>) => () => new Simulation({ members: 4, seed: 1, ...options });

  it("out of range are refused", () => {
    for (const members of [0, 1.5, 100_001]) expect(of({ members })).toThrow(RangeError);
    for (const seed of [-1, 2 ** 32, 0.5]) expect(of({ seed })).toThrow(RangeError);
    for (const byzantine of [-0.1, 1.5, 5]) expect(of({ byzantine })).toThrow(RangeError);
    for (const rings of [0, 2.5, 1001]) expect(of({ rings })).toThrow(RangeError);
    expect(of({ settings: { removalMs: 1 } })).toThrow(RangeError);
  });

  it("byzantine: a share or a number, drawn from the seed", () => {
    const liars = (options: Partial<SimulationOptions>) =>
      of({ members: 40, rings: 3, ...options })()
        .members.filter(({ isCorrect }) => !isCorrect)
        .map(({ number }) => number);
    expect(liars({ byzantine: 0.25 })).toHaveLength(10);
    expect(liars({ byzantine: 3 })).toHaveLength(3);
    expect(liars({ byzantine: 10 })).toEqual(liars({ byzantine: 10 }));
    expect(liars({ byzantine: 10 })).not.toEqual(liars({ byzantine: 10, seed: 2 }));
  });

  it("rings: as many as the Byzantine ones ask for", () => {
    expect(of({ members: 100, byzantine: 0.2 })().ringCount).toBe(31);
    expect(of({ members: 100 })().ringCount).toBe(3);
    expect(of({ rings: 10 })().ringCount).toBe(10);
  });
});
