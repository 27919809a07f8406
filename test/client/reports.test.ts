/** What a member tells the authority, and what it hears: over real HTTPS, with a clock of the test where that matters. */
import { describe, expect, it, vi } from "vitest";
import { renew } from "../../client/authority/authority.js";
import { pauseOf, Reports, type ReportsOptions } from "../../client/entry/reports.js";
import { RevocationWatch } from "../../client/entry/revocation-watch.js";
import { type FirefliesError, generateKeyPair } from "../../identity/index.js";
import { AuthorityFixture, identityOf, type Joined, NOW } from "../ca/authority-fixture.js";
import { DEADLINE_MS } from "../support/network.js";

describe("the pause between two reports", () => {
  it.each([
    [1, 0, 2_500],
    [2, 0.5, 5_000],
    [30, 0.5, 30_000],
    [600, 0, 300_000],
    [10_000, 0.5, 900_000],
  ])("of one of %s members, at chance %s, is %s ms", (members, chance, pause) => {
    expect(pauseOf(members, chance)).toBe(pause);
  });
});

/** A member's reports, told by the test when to come. */
class Reporter implements AsyncDisposable {
  readonly learnt: Uint8Array[] = [];
  readonly alarms: FirefliesError[] = [];
  readonly reports: Reports;
  identity;

  constructor(fixture: AuthorityFixture, joined: Joined, options: Partial<ReportsOptions> = {}) {
    this.identity = joined.identity;
    const onAlarm = (alarm: FirefliesError) => this.alarms.push(alarm);
    const now = () => fixture.clock.now;
    this.reports = new Reports({
      identity: () => this.identity,
      urls: [fixture.url],
      addresses: () => ["127.0.0.1:1"],
      members: () => 1,
      clocks: () => ({ wall: now(), believed: now() }),
      onTime: () => {},
      onContacts: () => {},
      random: () => 0.5,
      watch: new RevocationWatch({ now, onAlarm }),
      learn: (statement) => this.learnt.push(statement),
      onAlarm,
      ...options,
    });
  }

  contacts() {
    return this.reports.contacts(new AbortController().signal);
  }

  [Symbol.asyncDispose]() {
    return this.reports.goodbye();
  }
}

const seen = async (fixture: AuthorityFixture, name: string) => {
  const { addresses, reportedAt, leftAt } = await fixture.authority.operator.show(name);
  return { addresses, reportedAt, leftAt };
};

/** Calls that the authority has answered. */
async function calls({ server }: AuthorityFixture): Promise<number> {
  const counts = (await server.metrics()).matchAll(/^fireflies_ca_requests_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

describe("reports", () => {
  it("bring contacts and the list in one call, which is taken in once the protocol runs", async () => {
    await using fixture = await AuthorityFixture.start();
    await fixture.join("bob", generateKeyPair(), "127.0.0.1:2");
    await using alice = new Reporter(fixture, await fixture.join("alice"));
    const before = await calls(fixture);
    expect((await alice.contacts()).map(({ addresses }) => addresses)).toEqual([["127.0.0.1:2"]]);
    expect(alice.learnt).toEqual([]);
    alice.reports.start();
    expect(alice.learnt.length).toBe(1);
    await vi.waitFor(async () => expect((await calls(fixture)) - before).toBe(1), DEADLINE_MS);
    expect(await seen(fixture, "alice")).toMatchObject({ addresses: ["127.0.0.1:1"], leftAt: undefined });
  });

  it("go on while the member runs, and end with a goodbye", async () => {
    await using fixture = await AuthorityFixture.start();
    const alice = new Reporter(fixture, await fixture.join("alice"));
    await alice.contacts();
    alice.reports.start();
    fixture.clock.now += 60_000;
    alice.reports.soon();
    await vi.waitFor(
      async () => expect((await seen(fixture, "alice")).reportedAt).toBe(fixture.clock.now),
      DEADLINE_MS,
    );
    fixture.clock.now += 1;
    await alice.reports.goodbye();
    expect(await seen(fixture, "alice")).toMatchObject({ leftAt: fixture.clock.now });
    alice.reports.soon();
    expect(await alice.contacts()).toEqual([]);
  });

  it("ask for contacts again in one of four, though nobody is looked for: who started apart hears of the others", async () => {
    await using fixture = await AuthorityFixture.start();
    await fixture.join("bob", generateKeyPair(), "127.0.0.1:2");
    const named: (readonly string[])[] = [];
    await using alice = new Reporter(fixture, await fixture.join("alice"), {
      onContacts: (contacts) => named.push(contacts.flatMap(({ addresses }) => addresses)),
    });
    alice.reports.start();
    for (let count = 1; count <= 4; count++) {
      expect(named).toEqual([]);
      fixture.clock.now += 60_000;
      alice.reports.soon();
      await vi.waitFor(
        async () => expect((await seen(fixture, "alice")).reportedAt).toBe(fixture.clock.now),
        DEADLINE_MS,
      );
    }
    await vi.waitFor(() => expect(named).toEqual([["127.0.0.1:2"]]), DEADLINE_MS);
  });

  it("bring the authority's time at once when the clock has stepped, by the clock that fits", async () => {
    await using fixture = await AuthorityFixture.start();
    const times: number[] = [];
    const DAY_MS = 86_400_000;
    await using alice = new Reporter(fixture, await fixture.join("alice"), {
      members: () => 10_000, // By itself it reports again after seven minutes at least.
      clocks: () => ({ wall: fixture.clock.now + 400 * DAY_MS, believed: fixture.clock.now }),
      onTime: (time) => times.push(time),
      random: () => 0,
    });
    await alice.contacts();
    alice.reports.start();
    alice.reports.doubt();
    alice.reports.doubt();
    await vi.waitFor(() => expect(times).toEqual([fixture.clock.now, fixture.clock.now]), DEADLINE_MS);
  });

  it("prove the certificate of the moment, also over a connection that is kept", async () => {
    await using fixture = await AuthorityFixture.start({ certificateLifetimeMs: 600_000 });
    const joined = await fixture.join("alice");
    await using alice = new Reporter(fixture, joined);
    await alice.contacts();
    await fixture.at(NOW + 500_000);
    const renewed = await renew([fixture.url], joined.identity, joined.pair, fixture.call());
    await fixture.at(NOW + 1_000_000); // The first one has ended, with all tolerance.
    await expect(alice.contacts()).rejects.toMatchObject({ code: "unauthenticated" });
    alice.identity = identityOf(renewed, joined.pair);
    expect(await alice.contacts()).toEqual([]);
  });

  it("that are refused are an alarm, once; and whoever is thrown out still hears of it", async () => {
    await using fixture = await AuthorityFixture.start();
    await using eve = new Reporter(fixture, await fixture.join("eve"));
    eve.reports.start();
    await fixture.authority.operator.revokePrincipal("eve");
    for (let count = 1; count <= 2; count++) {
      eve.reports.soon();
      await vi.waitFor(() => expect(eve.learnt.length).toBe(count), DEADLINE_MS);
    }
    expect(eve.alarms.map(({ code }) => code)).toEqual(["principal-revoked"]);
  });

  it("to an authority that is away are no alarm, and a goodbye to it does not keep anybody", async () => {
    await using fixture = await AuthorityFixture.start();
    const alice = new Reporter(fixture, await fixture.join("alice"));
    await alice.contacts();
    alice.reports.start();
    await fixture.stop();
    await alice.reports.goodbye();
    expect(alice.alarms).toEqual([]);
    await fixture.begin();
  });

  it("of a member without an authority do not exist", async () => {
    await using fixture = await AuthorityFixture.start();
    await using alone = new Reporter(fixture, await fixture.join("alice"), { urls: [] });
    expect(await alone.contacts()).toEqual([]);
    alone.reports.start();
    expect((await seen(fixture, "alice")).reportedAt).toBeUndefined();
  });
});
