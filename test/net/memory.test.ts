/** The transport in memory: the contract, and what its network can do to connections. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, test } from "vitest";
import { type Address, type Bound, formatAddress, MemoryNetwork } from "../../net/index.js";
import { transportContract } from "../../testing/index.js";
import { closed, later } from "./waiting.js";

const wires = new MemoryNetwork();
transportContract(
  "Memory",
  {
    create: () => wires.transport("everywhere"),
    host: "127.0.0.1",
    silent: async () => {
      const network = wires.transport("silent");
      const bound = await network.listen({ host: "127.0.0.1", port: 0 }, () => {});
      wires.silence("everywhere", "silent");
      return bound;
    },
    failures: {
      "no-route": async () => {
        const bound = await wires.transport("cut").listen({ host: "127.0.0.1", port: 0 }, () => {});
        wires.cut("everywhere", "cut");
        return bound;
      },
    },
  },
  { describe, test },
);

const never = new AbortController().signal;

describe("a network in memory", () => {
  async function scene() {
    const network = new MemoryNetwork();
    const far: Duplex[] = [];
    const listen = (place: string) =>
      network.transport(place).listen({ host: place, port: 0 }, (connection) => far.push(connection));
    const [a, b] = [await listen("a"), await listen("b")];
    const dial = (from: string, to: Bound) => network.transport(from).dial(to.address, { signal: never });
    return { network, a, b, far, dial };
  }

  it("names its addresses, and stands in for TCP when asked to", async () => {
    const { network, a } = await scene();
    expect(formatAddress(a.address)).toBe("memory://a:40000");
    const from = later<Address>();
    const listening = network
      .transport("c", "tcp")
      .listen({ host: "127.0.0.1", port: 0 }, (_, far) => from.resolve(far));
    const { address } = await listening;
    expect(formatAddress(address)).toBe(`127.0.0.1:${address.port}`);
    await network.transport("d", "tcp").dial(address, { signal: never });
    expect((await from.promise).scheme).toBe("tcp");
  });

  it("cut: connections break, dials find no way; healed: they do", async () => {
    const { network, a, b, far, dial } = await scene();
    const near = await dial("a", b);
    const other = await dial("c", b);
    await turn();
    network.cut("b", "a");
    far[0]!.resume();
    await Promise.all([closed(near), closed(far[0]!)]);
    for (const [from, to] of [["a", b] as const, ["b", a] as const])
      await expect(dial(from, to)).rejects.toMatchObject({ reason: "no-route" });
    expect(other.destroyed).toBe(false);
    network.heal("a", "b");
    expect((await dial("a", b)).destroyed).toBe(false);
  });

  it("partitioned: nobody of one half reaches the other, until all is healed", async () => {
    const { network, a, b, dial } = await scene();
    for (const name of ["c", "d"]) network.transport(name);
    network.partition(["a", "c"], ["b", "d"]);
    await expect(dial("c", b)).rejects.toMatchObject({ reason: "no-route" });
    await expect(dial("d", a)).rejects.toMatchObject({ reason: "no-route" });
    await dial("c", a);
    network.healAll();
    await dial("c", b);
  });

  it("silent: nothing arrives and nothing closes; healed: what was written arrives", async () => {
    const { network, b, far, dial } = await scene();
    const near = await dial("a", b);
    await turn();
    network.silence("a", "b");
    let heard = "";
    far[0]!.on("data", (chunk: Buffer) => {
      heard += chunk;
    });
    near.write("late");
    const controller = new AbortController();
    const dialling = network.transport("a").dial(b.address, { signal: controller.signal });
    for (let count = 0; count < 10; count++) await turn();
    expect([heard, near.destroyed, far[0]!.destroyed, far.length]).toEqual(["", false, false, 1]);
    controller.abort();
    await expect(dialling).rejects.toMatchObject({ reason: "cancelled" });
    network.heal("a", "b");
    await once(far[0]!, "data");
    expect(heard).toBe("late");
  });
});
