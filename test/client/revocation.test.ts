/** A member that the authority throws out, or whose key is revoked: out of the views, off the links, and not back by a restart. */
import { describe, expect, it } from "vitest";
import { pauseOf, RevocationWatch, type RevocationWatchOptions } from "../../client/revocation-watch.js";
import { type FirefliesError, generateKeyPair } from "../../identity/index.js";
import { AuthorityFixture, DAY_MS, NOW } from "../ca/authority-fixture.js";
import { codeOf, deferred, nextChange, OnlineNetwork, text, until, whole } from "../support/network.js";

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
    await nextChange(again, "isolated");
    expect(again.id).toBe(id);
    expect(await codeOf(again.sendToId(bob!.id, text("let me in"), { timeout: 2_000 }))).not.toBe("none");
    for (const client of [alice!, bob!, carol]) expect(client.ids).not.toContain(id);
  });
});

describe("the watch over the list", () => {
  it.each([
    [1, 0, 2_500],
    [2, 0.5, 5_000],
    [30, 0.5, 30_000],
    [600, 0, 300_000],
    [10_000, 0.5, 900_000],
  ])("of %s members, at chance %s, asks again after %s ms", (members, chance, pause) => {
    expect(pauseOf(members, chance)).toBe(pause);
  });

  function watch(
    fixture: AuthorityFixture,
    joined: Awaited<ReturnType<AuthorityFixture["join"]>>,
    learnt = deferred<Uint8Array>(),
  ) {
    const alarm = deferred<FirefliesError>();
    const options: RevocationWatchOptions = {
      identity: joined.identity,
      urls: [fixture.url],
      members: () => 1,
      clocks: () => ({ wall: fixture.clock.now, believed: fixture.clock.now }),
      onTime: () => {},
      learn: learnt.resolve,
      onAlarm: alarm.resolve,
    };
    return { watch: new RevocationWatch(options), learnt: learnt.promise, alarm: alarm.promise };
  }

  it("asks the authority for the time at once when the clock has stepped, and is given it by the clock that fits", async () => {
    await using fixture = await AuthorityFixture.start();
    const { identity } = await fixture.join("alice", generateKeyPair());
    const asked = { first: deferred<number>(), next: deferred<number>() };
    const times: number[] = [];
    const watch = new RevocationWatch({
      identity,
      urls: [fixture.url],
      members: () => 10_000, // By itself it asks again after seven minutes at least.
      clocks: () => ({ wall: fixture.clock.now + 400 * DAY_MS, believed: fixture.clock.now }),
      onTime: (time) => {
        times.push(time);
        (times.length === 1 ? asked.first : asked.next).resolve(time);
      },
      learn: () => {},
      onAlarm: () => {},
    });
    watch.start();
    await asked.first.promise;
    watch.doubt();
    watch.doubt();
    await asked.next.promise;
    watch.stop();
    expect(times).toEqual([fixture.clock.now, fixture.clock.now]);
  });

  it("learns the list at once, and complains of one that is past its time while the authority is away", async () => {
    await using fixture = await AuthorityFixture.start();
    const alice = await fixture.join("alice", generateKeyPair());
    const first = watch(fixture, alice);
    first.watch.start();
    expect((await first.learnt).length).toBeGreaterThan(64);
    first.watch.stop();
    await fixture.stop();
    fixture.clock.now = NOW + 2 * DAY_MS;
    const second = watch(fixture, alice);
    second.watch.seen({ number: 1n, nextUpdate: NOW + DAY_MS });
    second.watch.start();
    const alarm = await second.alarm;
    expect(alarm.code).toBe("revocations-stale");
    expect(alarm.message).toContain("authority-unreachable");
    second.watch.stop();
    await fixture.begin();
  });
});
