/** A member that the authority throws out, or whose key is revoked: out of the views, off the links, and not back by a restart. */
import { describe, expect, it } from "vitest";
import { RevocationWatch } from "../../client/entry/revocation-watch.js";
import { FirefliesError } from "../../identity/index.js";
import { codeOf, nextChange, OnlineNetwork, text, until, whole } from "../support/network.js";

const PATIENT = { timeout: 60_000 };

describe("a revoked member", () => {
  it("is out of every view and off every link, is told so, and a restart does not help it", PATIENT, async () => {
    await using network = await OnlineNetwork.create();
    const dir = network.directory();
    const eve = await network.start({ dir, ...network.named("eve") });
    const [alice, bob] = ["alice", "bob"].map((name) => network.client(network.named(name)));
    for (const client of [alice!, bob!]) client.registerStreamHandler((stream) => void stream.pipe(stream));
    await Promise.all([alice!.start(), bob!.start()]);
    await whole([alice!, bob!, eve]);
    const { id } = eve;
    const stream = await eve.openStream(alice!.id);
    const ended = new Promise((resolve) => stream.once("close", resolve));
    const told = nextChange(eve, "isolated");
    await network.authority.operator.revokePrincipal("eve");
    // Whoever starts asks for the list at once; the others would within seconds.
    const carol = await network.start(network.named("carol"));
    await Promise.all([alice!, bob!].map((client) => until(client, () => !client.ids.includes(id))));
    await Promise.all([ended, told]);
    expect(carol.ids).not.toContain(id);
    expect(await codeOf(alice!.sendToId(id, text("still there?")))).toBe("peer-unknown");
    expect(await codeOf(eve.sendToId(bob!.id, text("let me in"), { timeout: 2_000 }))).not.toBe("none");
    await eve.stop();

    const again = network.client({ dir, listen: "127.0.0.1:0" });
    await again.start();
    // A change that came before the start had ended would be missed.
    await until(again, () => again.info().isolated?.reason === "revoked");
    expect(again.id).toBe(id);
    expect(await codeOf(again.sendToId(bob!.id, text("let me in"), { timeout: 2_000 }))).not.toBe("none");
    for (const client of [alice!, bob!, carol]) expect(client.ids).not.toContain(id);
    expect(alice!.departed()).toMatchObject([{ member: { id, name: "eve" }, reason: "revoked" }]);

    // The name may be admitted anew, and then means another member.
    await network.authority.operator.readmit("eve");
    const successor = await network.start({ token: await network.authority.createToken("eve") });
    expect(successor.id).not.toBe(id);
    await Promise.all([alice!, bob!].map((client) => until(client, () => client.member("eve")?.id === successor.id)));
    expect(alice!.members({ name: "eve" })).toHaveLength(1);
  });
});

describe("the watch over the list", () => {
  const DAY_MS = 86_400_000;
  const away = new FirefliesError("authority-unreachable");

  function watched() {
    const clock = { now: 1_000 * DAY_MS };
    const alarms: FirefliesError[] = [];
    const watch = new RevocationWatch({ now: () => clock.now, onAlarm: (alarm) => alarms.push(alarm) });
    return { clock, alarms, watch };
  }

  it("complains once of a list that is past its time, and says why there is no newer one", () => {
    const { clock, alarms, watch } = watched();
    watch.seen({ number: 7n, nextUpdate: clock.now + DAY_MS });
    expect(watch.number).toBe(7n);
    watch.asked(away);
    expect(alarms).toEqual([]);
    clock.now += 2 * DAY_MS;
    for (let asked = 0; asked < 3; asked++) watch.asked(away);
    expect(alarms.map(({ code }) => code)).toEqual(["revocations-stale"]);
    expect(alarms[0]?.message).toContain("authority-unreachable");
    watch.seen({ number: 8n, nextUpdate: clock.now - 1 });
    watch.asked();
    expect(alarms.length).toBe(2);
  });

  it("without any list complains from the second failure on: others may just be about to tell theirs", () => {
    const { alarms, watch } = watched();
    watch.asked(away);
    watch.asked();
    expect(alarms).toEqual([]);
    watch.asked(away);
    expect(alarms.map(({ code }) => code)).toEqual(["revocations-stale"]);
  });
});
