/** A member that the others do not have among them: what its program and its operator are told, and the way back. */
import { cp } from "node:fs/promises";
import { describe, expect, it, vi } from "vitest";
import { Isolation } from "../../client/standing/isolation.js";
import { StateDirectory } from "../../client/state/index.js";
import type { Change } from "../../client/types.js";
import type { FirefliesError } from "../../identity/index.js";
import { DEADLINE_MS, nextChange, OnlineNetwork, type TestClient, until, whole } from "../support/network.js";

function told() {
  const said: string[] = [];
  const alarms: FirefliesError[] = [];
  let now = 1000;
  const isolation = new Isolation({
    publish: (change: Change) => {
      if (change.kind === "isolated")
        said.push(change.until ? `${change.reason} until ${change.until}` : change.reason);
      else if (change.kind === "back") said.push(`!${change.reason}`);
    },
    onAlarm: (alarm) => alarms.push(alarm),
    now: () => now,
    dir: () => "/m",
  });
  return { isolation, said, alarms, pass: (ms: number) => (now += ms) };
}

describe("what is told of isolation", () => {
  it("is each reason once, also a later end of a wait, and that it is over", () => {
    const { isolation, said, alarms } = told();
    isolation.found("removed");
    isolation.found("removed");
    isolation.found("waiting", 5000);
    isolation.found("waiting", 9000);
    expect(isolation.current).toEqual({ reason: "waiting", since: 1000, until: 9000 });
    expect(isolation.change).toEqual({ kind: "isolated", reason: "waiting", until: 9000, at: 1000 });
    isolation.over();
    isolation.over();
    expect(isolation.current).toBeUndefined();
    expect(said).toEqual(["removed", "waiting until 5000", "waiting until 9000", "!waiting"]);
    expect(alarms).toEqual([]);
  });

  it("is that all refuse this member, after three refusals over three seconds and no answer between them", () => {
    const { isolation, said, pass } = told();
    const refuse = (times: number) => {
      for (let time = 0; time < times; time++) isolation.refused();
    };
    refuse(20);
    isolation.answered();
    pass(4000);
    refuse(2);
    pass(4000);
    expect(said).toEqual([]);
    refuse(1);
    isolation.found("nobody");
    expect(said).toEqual(["refused"]);
    isolation.answered();
    isolation.over();
    expect(said).toEqual(["refused", "nobody", "!nobody"]);
  });

  it("counts no refusals of a certificate that was replaced", () => {
    const { isolation, said, pass } = told();
    isolation.found("equivocated");
    for (let time = 0; time < 5; time++) isolation.refused();
    pass(4000);
    isolation.renewed();
    isolation.over();
    isolation.refused();
    expect(said).toEqual(["equivocated", "!equivocated"]);
  });

  it.each([
    ["revoked", /enrol again/],
    ["expired", /fireflies renew --dir \/m/],
    ["equivocated", /Stop the other process.*fireflies renew --dir \/m/],
  ] as const)("is an alarm with the way back: %s", (reason, text) => {
    const { isolation, alarms, pass } = told();
    isolation.found(reason);
    for (let time = 0; time < 5; time++) {
      isolation.refused();
      pass(2000);
    }
    expect(alarms.map(({ code }) => code)).toEqual(["isolated"]);
    expect(`${alarms[0]!.message} ${alarms[0]!.advice}`).toMatch(text);
    expect(isolation.current?.reason).toBe(reason);
  });
});

describe("an identity that is used twice", () => {
  /** As after a clock that was wrong: the next life begins with the epoch above this mark, wherever it begins. */
  async function mark(directory: string): Promise<void> {
    const state = await StateDirectory.open(directory);
    await state.saveEpoch(BigInt(Math.ceil(Date.now() / 3_600_000 + 1) * 3_600_000));
    await state.close();
  }

  const isOut = (client: TestClient) => until(client, () => client.info().isolated !== undefined, "isolated");

  it("is cut by all, says so, also after a restart, and is back with the certificate that renew() gets", {
    timeout: 60_000,
  }, async () => {
    await using network = await OnlineNetwork.create();
    const [dir, copied] = [network.directory("eve"), network.directory("copy")];
    const eve = { dir, ...network.named("eve") };
    await (await network.start(eve)).stop();
    await mark(dir);
    await cp(dir, copied, { recursive: true });
    // Two islands, and one life of the member on each: both sign their first note with the same epoch.
    const island = async (name: string) => {
      const home = network.directory(name);
      await (await network.start({ dir: home, ...network.named(name) })).stop();
      return await network.start({ dir: home, useCa: false });
    };
    const [alice, bob] = [await island("alice"), await island("bob")];
    const [own, copy] = await Promise.all([
      network.start({ dir, useCa: false, entryAddrs: [alice.address] }),
      network.start({ dir: copied, useCa: false, entryAddrs: [bob.address] }),
    ]);
    await Promise.all([until(alice, () => alice.ids.includes(own.id)), until(bob, () => bob.ids.includes(own.id))]);
    const lost = [alice, bob].map((client) => until(client, () => !client.ids.includes(own.id)));
    const bridge = await network.start({ ...network.named("bridge"), entryAddrs: [alice.address, bob.address] });
    await Promise.all([...lost, isOut(own), isOut(copy)]);
    await whole([alice, bob, bridge]);
    await Promise.all([own.stop(), copy.stop()]);

    const again = await network.start({ ...eve, entryAddrs: [alice.address] });
    await isOut(again);
    const alarm = await vi.waitFor(() => {
      const found = again.alarms.find(({ code }) => code === "isolated");
      expect(found).toBeDefined();
      return found!;
    }, DEADLINE_MS);
    expect(alarm.advice).toContain(`fireflies renew --dir ${dir}`);
    const before = again.info().certificateEnds;
    const back = nextChange(again, "back");
    await again.renew();
    expect(again.info().certificateEnds).toBeGreaterThan(before);
    await whole([alice, bob, bridge, again]);
    await back;
    expect(again.info().isolated).toBeUndefined();
  });
});
