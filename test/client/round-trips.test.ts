/** Round trips on demand, and members that are found by an address: over real sockets, and what does not come back. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RoundTrips, type RoundTripsOptions } from "../../client/talk/round-trips.js";
import { FirefliesError } from "../../identity/index.js";
import type { Session } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { codeOf, OfflineNetwork, type TestClient } from "../support/network.js";

const B = "b".repeat(64) as MemberId;
const TO = { id: B, addresses: ["203.0.113.7:1"] };

/** Round trips of which the test decides what comes back. */
function scene(options: Partial<RoundTripsOptions> = {}) {
  const clock = { now: 0 };
  const sent: bigint[] = [];
  const session = {
    path: { direction: "dialled", address: { scheme: "tcp", host: "203.0.113.7", port: 1 } },
  } as Session;
  const trips = new RoundTrips({
    ping: (_, [address], nonce) => {
      sent.push(nonce);
      return address;
    },
    pingable: () => ["203.0.113.7:2"],
    reach: async () => {
      clock.now += 30;
      return session;
    },
    isLinked: () => false,
    call: async () => {
      clock.now += 7;
    },
    now: () => clock.now,
    ...options,
  });
  return { trips, clock, sent };
}

describe("a round trip", () => {
  it("is measured by a datagram and by a call, apart from the time that the connection took", async () => {
    const { trips, clock, sent } = scene();
    const measured = trips.measure(TO, { timeoutMs: 10_000 });
    clock.now += 4; // Beside the 30 of the dial, which goes on meanwhile.
    expect(trips.pong(B, sent[0]!)).toBe(true);
    const { path, ...figures } = await measured;
    expect(figures).toMatchObject({
      udpMs: 34,
      udpAddress: "203.0.113.7:2",
      linkMs: 7,
      connectMs: 34,
      error: undefined,
    });
    expect(path).toEqual({ direction: "dialled", address: "203.0.113.7:1" });
  });

  it("tells each sign of the member as it comes, whatever else is waited for", async () => {
    let bytesRead = 10;
    const session = {
      path: { direction: "dialled", address: { scheme: "tcp", host: "203.0.113.7", port: 1 } },
      get bytesRead() {
        return bytesRead;
      },
    } as Session;
    let reply = () => {};
    const call = () => new Promise<void>((done) => (reply = done));
    const { trips, clock, sent } = scene({ reach: async () => session, call });
    const signs: number[] = [];
    const ask = () => trips.measure(TO, { timeoutMs: 10_000, onSign: (at) => signs.push(at) });
    const turn = () => new Promise((done) => setImmediate(done));
    const first = ask();
    await turn();
    clock.now = 4;
    trips.pong(B, sent[0]!);
    expect(signs).toEqual([4]);
    clock.now = 9;
    reply();
    await first;
    expect(signs).toEqual([4, 9]);
    clock.now = 100;
    bytesRead += 1;
    const second = ask();
    await turn();
    expect(signs).toEqual([4, 9, 0]);
    clock.now = 101;
    reply();
    trips.pong(B, sent[1]!);
    await second;
    expect(signs.slice(3).toSorted()).toEqual([101, 101]);
  });

  it("takes no pong of another member, of another nonce, or for the second time", async () => {
    const { trips, sent } = scene();
    const measured = trips.measure(TO, { timeoutMs: 10_000 });
    expect(trips.pong("c".repeat(64) as MemberId, sent[0]!)).toBe(false);
    expect(trips.pong(B, sent[0]! ^ 1n)).toBe(false);
    expect(trips.pong(B, sent[0]!)).toBe(true);
    await measured;
    expect(trips.pong(B, sent[0]!)).toBe(false);
  });

  it("whose datagram or call does not come back says so, and the other one is measured", async () => {
    const refused = new FirefliesError("peer-unreachable", "nobody listens");
    const deaf = scene({ reach: () => Promise.reject(refused), ping: () => undefined });
    expect(await deaf.trips.measure(TO, { timeoutMs: 10_000 })).toEqual({
      udpMs: undefined,
      udpAddress: undefined,
      linkMs: undefined,
      path: undefined,
      connectMs: undefined,
      error: refused,
    });
    const { trips } = scene({ isLinked: () => true });
    expect(await trips.measure(TO, { timeoutMs: 5 })).toMatchObject({
      udpMs: undefined,
      linkMs: 7,
      connectMs: undefined,
    });
  });

  it("is cancelled by its signal, and 65 at once are too many", async () => {
    const reach: RoundTripsOptions["reach"] = (_, { signal }) =>
      new Promise((__, reject) => signal?.addEventListener("abort", () => reject(new FirefliesError("cancelled"))));
    const { trips } = scene({ reach });
    const abort = new AbortController();
    const measure = () => trips.measure(TO, { timeoutMs: 10_000, signal: AbortSignal.any([abort.signal]) });
    const running = Array.from({ length: 64 }, () => codeOf(measure()));
    expect(await codeOf(measure())).toBe("overloaded");
    abort.abort();
    expect(new Set(await Promise.all(running))).toEqual(new Set(["cancelled"]));
  });
});

describe("between members", () => {
  let network: OfflineNetwork;
  let ada: TestClient;
  let ben: TestClient;

  beforeAll(async () => {
    network = await OfflineNetwork.create();
    ada = await network.start({}, await network.authority.member({ name: "ada" }));
    ben = await network.start({}, await network.authority.member({ name: "ben" }));
  });
  afterAll(() => network[Symbol.asyncDispose]());

  it("that have never heard of each other, one joins the other by its address", async () => {
    expect(ada.member("ben")).toBeUndefined();
    expect(await ada.join(ben.address)).toMatchObject({ id: ben.id, name: "ben", address: ben.address });
    expect(await ada.join(ben.address)).toMatchObject({ id: ben.id }); // Again costs nothing.
  });

  it("that each see others, both parts become one", async () => {
    const cleo = await network.start({}, await network.authority.member({ name: "cleo" }));
    const dan = await network.start({ entryAddrs: [cleo.address] }, await network.authority.member({ name: "dan" }));
    await dan.join(cleo.address);
    await dan.join(ada.address);
    await ada.waitForMembers(3);
    await ben.waitForMembers(3);
    expect(
      ben
        .members()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["ada", "cleo", "dan"]);
  });

  it("it is measured by UDP and over the connection", async () => {
    const trip = await ada.ping(ben.id);
    expect(trip).toMatchObject({ udpAddress: ben.address, error: undefined });
    expect(trip.udpMs).toBeGreaterThan(0);
    expect(trip.linkMs).toBeGreaterThan(0);
    expect(trip.path?.direction).toMatch(/dialled|accepted/);
    expect((await ada.ping(ben.id)).connectMs).toBeUndefined();
  });

  it("nobody is at an address, or nobody has an id: said with a code", async () => {
    expect(await codeOf(ada.join("127.0.0.1:1"))).toBe("peer-unreachable");
    expect(await codeOf(ada.join(ada.address))).toBe("peer-unreachable"); // It is this member.
    expect(await codeOf(ada.join("nonsense"))).toBe("address-invalid");
    expect(await codeOf(ada.join(ben.address, { signal: AbortSignal.abort() }))).toBe("cancelled");
    expect(await codeOf(ada.ping("0".repeat(64)))).toBe("peer-unknown");
    expect(await ada.ping(ben.id, { timeout: 0 }).catch((error: unknown) => error)).toBeInstanceOf(RangeError);
  });
});
