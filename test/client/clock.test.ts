/** A machine that sleeps, or whose clock is set: its wall clock goes on and its timers do not (rule R18). */
import { afterEach, describe, expect, it, vi } from "vitest";
import { Renewal } from "../../client/standing/renewal.js";
import type { FirefliesError } from "../../identity/index.js";
import { DEADLINE_MS, deferred, OnlineNetwork, type TestClient, until, whole } from "../support/network.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

const PATIENT = { timeout: 60_000 };
const HOUR_MS = DAY_MS / 24;
/** Within this a running member has looked at its clock, milliseconds, many times over. */
const LOOKED_MS = 5_000;

afterEach(() => {
  vi.useRealTimers();
});

/** The wall clocks of all members and of the authority, which lives in this process as well. */
function step(ms: number): void {
  const now = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now);
}

/**
 * The member has seen the step and said so; or the authority's word came in the very moment of it, and there was nothing to say.
 */
async function noticed(client: TestClient): Promise<void> {
  const isTold = () => expect(client.alarms.map(({ code }) => code)).toContain("clock-stepped");
  await vi.waitFor(isTold, { timeout: LOOKED_MS }).catch(() => {});
}

describe("a wall clock that steps", () => {
  it.each([
    ["three hours ahead, as after a sleep", 3 * HOUR_MS],
    ["a week ahead", 7 * DAY_MS],
  ])("%s is believed as soon as the authority confirms it, and newcomers get in", PATIENT, async (_, ms) => {
    await using network = await OnlineNetwork.create();
    const [alice, bob] = [await network.start(network.named("alice")), await network.start(network.named("bob"))];
    await whole([alice, bob]);
    step(ms);
    await noticed(alice);
    const isSteady = () => [alice, bob].every((client) => client.info().clock === "steady");
    await vi.waitFor(() => expect(isSteady()).toBe(true), { timeout: DEADLINE_MS });
    const carol = await network.start(network.named("carol"));
    await whole([alice, bob, carol]);
  });

  it("two hours back, to the authority's time, is believed as well", PATIENT, async () => {
    await using network = await OnlineNetwork.create({ behindMs: 2 * HOUR_MS });
    const [alice, bob] = [await network.start(network.named("alice")), await network.start(network.named("bob"))];
    await whole([alice, bob]);
    network.behindMs = 0;
    step(-2 * HOUR_MS);
    await noticed(alice);
    const isSteady = () => [alice, bob].every((client) => client.info().clock === "steady");
    await vi.waitFor(() => expect(isSteady()).toBe(true), { timeout: DEADLINE_MS });
    await whole([alice, bob]);
  });

  it(
    "while the authority is away is believed by what it has signed since: a newcomer's certificate",
    PATIENT,
    async () => {
      await using network = await OnlineNetwork.create();
      const [alice, bob] = [await network.start(network.named("alice")), await network.start(network.named("bob"))];
      await whole([alice, bob]);
      const entryAddrs = [alice.address];
      // Enrolled by a clock that is right already; the others wake up later.
      await network.pause();
      step(3 * HOUR_MS);
      await network.resume();
      const dir = network.directory("carol");
      const early = await network.start({ ...network.named("carol"), dir });
      await early.stop();
      await network.pause();
      const carol = network.client({ dir, entryAddrs });
      await carol.start();
      await until(alice, () => alice.ids.includes(carol.id));
      await whole([alice, bob, carol]);
      expect([alice, bob].map((client) => client.info().clock)).toEqual(["steady", "steady"]);
    },
  );
});

describe("a renewal that fell due while the machine slept", () => {
  it("comes within a minute of waking, by the wall clock, not after what is left of its timer", async () => {
    const authority = await TestNetwork.create({});
    const identity = await authority.member();
    vi.useFakeTimers();
    const tried = deferred<FirefliesError>();
    const renewal = new Renewal({
      identity: () => identity,
      urls: ["https://127.0.0.1:1"],
      addresses: () => [],
      directory: undefined,
      clocks: () => ({ wall: Date.now(), believed: Date.now() }),
      onRenewed: () => {},
      onFailed: tried.resolve,
    });
    const isTried = vi.fn();
    void tried.promise.then(isTried);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(isTried).not.toHaveBeenCalled();
    vi.setSystemTime(identity.certificate.notAfter - 60_000); // Timers stand still.
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    expect((await tried.promise).code).toBe("authority-unreachable");
    await renewal.stop();
  });
});
