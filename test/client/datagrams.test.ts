/** `sendDatagram` and `onDatagram` of whole members, over UDP of the system and from behind a NAT in memory. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Client } from "../../client/index.js";
import { startTestNetwork } from "../../testing/index.js";
import { OfflineNetwork, read, type TestClient, text } from "../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
});
afterAll(() => network[Symbol.asyncDispose]());

const PATIENCE = { timeout: 20_000, interval: 20 };

/** Sends until some have gone by UDP. */
async function untilUdp(from: Client, to: string): Promise<void> {
  await expect
    .poll(() => {
      from.sendDatagram(to, text("."));
      return from.info().datagrams.sentByUdp;
    }, PATIENCE)
    .toBeGreaterThan(0);
}

describe("datagrams of a client", () => {
  it("reach the handler with their sender, by the one UDP port beside the pings", async () => {
    const heard: string[] = [];
    bob.onDatagram((data, { from }) => void heard.push(`${read(data)} from ${from.id === alice.id}`));
    expect(alice.sendDatagram(bob.id.toUpperCase(), text("hello"))).toBe(true);
    await expect.poll(() => heard, PATIENCE).toContain("hello from true");
    await untilUdp(alice, bob.id);
    const before = heard.length;
    alice.sendDatagram(bob.id, text("by udp"));
    await expect.poll(() => heard.slice(before), PATIENCE).toContain("by udp from true");
    expect((await alice.ping(bob.id)).udpMs).toBeGreaterThan(0);
    expect(bob.info().datagrams.received).toBe(heard.length);
  });

  it("say at once what is wrong with them", () => {
    const code = (send: () => unknown) => {
      try {
        return send();
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    expect(code(() => alice.sendDatagram("0".repeat(64), text("x")))).toBe("peer-unknown");
    expect(code(() => alice.sendDatagram(bob.id, new Uint8Array(1_101)))).toBe("message-too-large");
    expect(code(() => alice.sendDatagram(bob.id, "text" as never))).toBe("ERR_INVALID_ARG_TYPE");
    expect(code(() => alice.onDatagram("x" as never))).toBe("ERR_INVALID_ARG_TYPE");
    expect(code(() => network.client().sendDatagram(bob.id, text("x")))).toBe("not-started");
  });

  it("that nobody handles are counted; a handler that fails is an alarm, and the next one is called", async () => {
    bob.sendDatagram(alice.id, text("to nobody"));
    await expect.poll(() => alice.info().datagrams.refused.unhandled, PATIENCE).toBeGreaterThan(0);
    let calls = 0;
    alice.onDatagram(async () => {
      calls += 1;
      throw new Error("broken");
    });
    alice.alarms.length = 0;
    bob.sendDatagram(alice.id, text("one"));
    bob.sendDatagram(alice.id, text("two"));
    await expect.poll(() => calls, PATIENCE).toBe(2);
    await expect
      .poll(() => alice.alarms.map((alarm) => alarm.code), PATIENCE)
      .toEqual(["handler-failed", "handler-failed"]);
    expect(alice.alarms[0]!.message).toContain("datagram handler");
  });

  it("cross a NAT in both directions, over lossy paths, and none comes twice", async () => {
    await using lans = await startTestNetwork({ members: 1 });
    const home = lans.network.lan({ nat: "port-restricted", loss: 0.05 });
    lans.network.link(lans.lan, home, { latencyMs: 3, jitterMs: 4 });
    const inner = await lans.add({ lan: home });
    await lans.whole();
    const [outer] = lans.members as [Client];
    const heard: number[] = [];
    inner.onDatagram((data) => void heard.push(data[0]!));
    outer.onDatagram(() => {});
    await untilUdp(inner, outer.id); // Which opens the way back.
    await untilUdp(outer, inner.id);
    heard.length = 0;
    for (let count = 100; count < 200; count++) outer.sendDatagram(inner.id, Uint8Array.of(count));
    await expect.poll(() => heard.filter((value) => value >= 100).length, PATIENCE).toBeGreaterThan(60);
    const numbered = heard.filter((value) => value >= 100);
    expect(new Set(numbered).size).toBe(numbered.length);
  });
});
