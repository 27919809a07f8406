/** The transport within one process, and what its network can do to links. */
import { describe, expect, it } from "vitest";
import { formatAddress } from "../../client/address.js";
import { MemoryNetwork } from "../../client/memory.js";
import { TestNetwork } from "../support/test-network.js";
import { transportContract } from "./transport-contract.js";

transportContract("memory", {
  create: () => {
    const network = new MemoryNetwork();
    return (options) => network.transport(options);
  },
  host: "member",
});

describe("a memory network", () => {
  it("cuts members from each other, and heals", async () => {
    const network = await TestNetwork.create();
    const [alice, bob] = [await network.member(), await network.member()];
    const wires = new MemoryNetwork();
    const own = (identity: typeof alice) => ({ identity: () => identity, now: () => Date.now() });
    const handlers = {
      admit: () => undefined,
      onCall: async (_: unknown, __: unknown, body: Uint8Array) => body,
      onDuplex: () => {},
    };
    const listener = await wires.transport(own(bob)).listen({ host: "bob", port: 0, handlers });
    const address = formatAddress(listener.host, listener.port);
    const dial = () => wires.transport(own(alice)).dial(address, { timeoutMs: 1000 });
    const link = await dial();
    wires.partition([alice.certificate.id], [bob.certificate.id]);
    expect(link.closed).toBe(true);
    await expect(dial()).rejects.toMatchObject({ code: "peer-unreachable" });
    wires.healAll();
    expect((await dial()).closed).toBe(false);
  });
});
