/** The same seed and options give the same run: twice, whatever happens in between, and as on every other machine. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { egressLoss, fakeCrypto, partition, Simulation, WAN_LATENCY } from "../../sim/index.js";

/** A run in which about everything happens. */
function eventful(): Simulation {
  const simulation = new Simulation({
    members: 14,
    byzantine: 0.1,
    rings: 7,
    seed: 2026,
    start: "joining",
    network: { loss: 0.05, duplicates: 0.1, reordering: 0.1, latency: WAN_LATENCY, jitter: 0.3 },
  });
  const [a, b, c, d, e] = simulation.members as [never, never, never, never, never];
  simulation.run(6000);
  const split = simulation.network.add(
    partition("split", [simulation.members.slice(0, 5), simulation.members.slice(5)]),
  );
  simulation.at(3000, () => simulation.network.remove(split));
  simulation.crash(a);
  simulation.stall(b);
  simulation.leave(c);
  simulation.run(5000);
  simulation.resume(b);
  simulation.restart(a, { keepState: false });
  simulation.skewClock(d, 90_000);
  simulation.network.add(egressLoss("lossy", [e], 0.8));
  simulation.join();
  simulation.revoke(d);
  simulation.run(8000);
  return simulation;
}

describe("a run's digest", () => {
  // Changes with every change of what the protocol does: see why, then `npx vitest run test/sim/digest -u`.
  it("is the one of every other machine and version of Node", () => {
    expect(eventful().digest()).toMatchInlineSnapshot(`"512a137e85135b56"`);
  });

  it("does not depend on what runs beside it: two runs in turns are as each alone", () => {
    const options = { members: 10, rings: 5, start: "joining", network: { loss: 0.1 } } as const;
    const alone = [1, 2].map((seed) => {
      const simulation = new Simulation({ ...options, seed });
      simulation.run(12_000);
      return simulation.digest();
    });
    const together = [1, 2].map((seed) => new Simulation({ ...options, seed }));
    for (let turn = 0; turn < 120; turn++) for (const simulation of together) simulation.run(100);
    expect(together.map((simulation) => simulation.digest())).toEqual(alone);
  });

  it("does not depend on Math.random, the date, or whose SHA-256 it is", () => {
    const options = { members: 10, rings: 5, seed: 4, start: "joining" } as const;
    const first = new Simulation(options);
    first.run(10_000);
    const { random } = Math;
    const { now } = Date;
    Math.random = () => 0.5;
    Date.now = () => 0;
    try {
      const sha256 = (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest());
      const crypto = fakeCrypto();
      const native = { ...crypto, sha256, issue: crypto.issue.bind(crypto), check: crypto.check.bind(crypto) };
      const second = new Simulation({
        ...options,
        crypto: { ...native, signRevocations: crypto.signRevocations.bind(crypto) },
      });
      second.run(10_000);
      expect(second.digest()).toBe(first.digest());
    } finally {
      Math.random = random;
      Date.now = now;
    }
  });

  it("does not depend on how often it is looked at, and is another one a moment later", () => {
    const [one, other] = [new Simulation({ members: 6, seed: 8 }), new Simulation({ members: 6, seed: 8 })];
    one.run(5000);
    for (let step = 0; step < 5000; step += 10) {
      other.run(10);
      other.digest();
    }
    expect(one.digest()).toBe(other.digest());
    one.run(1000);
    expect(one.digest()).not.toBe(other.digest());
  });
});
