/** What clients count of what they say and hear, between whole clients over real sockets. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tallies } from "../../client/traffic/tallies.js";
import { DURATION_BOUNDS, Tally } from "../../client/traffic/tally.js";
import { ReplyError } from "../../identity/index.js";
import { codeOf, deferred, OfflineNetwork, type TestClient, text } from "../support/network.js";
import { asked, ECHO, EchoClient, echo } from "../support/rpc.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
});
afterAll(() => network[Symbol.asyncDispose]());

const ended = (tally: { readonly durations: { readonly counts: readonly number[] } } | undefined) =>
  tally?.durations.counts.reduce((sum, count) => sum + count, 0);

describe("messages", () => {
  it("are counted at both ends by service: how many, how they ended, bytes, durations", async () => {
    bob.serve("kv", (data) => {
      if (data.length === 1) throw new ReplyError("no such key", { code: "absent" });
      return text("a value");
    });
    const before = alice.info().traffic;
    await alice.sendToId(bob.id, text("key"), { service: "kv" });
    await alice.sendToId(bob.id, text("x"), { service: "kv" }).catch(() => {});
    const [there, here] = [alice.traffic().messages.asked.kv, bob.traffic().messages.answered.kv];
    expect(there).toMatchObject({ begun: 2, ended: { ok: 1, reply: 1 }, bytesOut: 4, bytesIn: 7 });
    expect(here).toMatchObject({ begun: 2, ended: { ok: 1, reply: 1 }, bytesIn: 4, bytesOut: 7 });
    for (const tally of [there, here]) expect(ended(tally)).toBe(2);
    const after = alice.info().traffic;
    expect(after.messagesOut - before.messagesOut).toBe(2);
    expect(after.bytesOut - before.bytesOut).toBeGreaterThanOrEqual(4);
    expect(alice.traffic().signatures.frame).toMatchObject({ right: expect.any(Number), wrong: 0 });
    expect(alice.traffic().signatures.frame.right).toBeGreaterThan(0);
  });

  it("of a service that nobody serves are counted together, whatever its name", async () => {
    for (const service of ["no-such-1", "no-such-2"])
      expect(await codeOf(alice.sendToId(bob.id, text("x"), { service }))).toBe("handler-missing");
    const { answered } = bob.traffic().messages;
    expect(answered.other).toMatchObject({ begun: 2, ended: { "handler-missing": 2 } });
    expect(Object.keys(answered).filter((name) => name.startsWith("no-such"))).toEqual([]);
    // Who asks knows what it asked for.
    expect(alice.traffic().messages.asked["no-such-1"]).toMatchObject({ ended: { "handler-missing": 1 } });
  });

  it("that never leave are counted with why", async () => {
    const full = new Uint8Array(5 * 1024 * 1024);
    expect(await codeOf(alice.sendToId(bob.id, full, { service: "large" }))).toBe("message-too-large");
    expect(alice.traffic().messages.asked.large).toMatchObject({ begun: 1, ended: { "message-too-large": 1 } });
  });

  it("that are given up are counted once, at both ends", async () => {
    const [started, aborted] = [deferred<void>(), deferred<void>()];
    bob.serve("slow", async (_, { signal }) => {
      signal.addEventListener("abort", () => aborted.resolve());
      started.resolve();
      await aborted.promise;
      return undefined;
    });
    const ending = new AbortController();
    const call = codeOf(alice.sendToId(bob.id, text("x"), { service: "slow", signal: ending.signal }));
    await started.promise;
    ending.abort();
    expect(await call).toBe("cancelled");
    expect(alice.traffic().messages.asked.slow?.ended).toEqual({ cancelled: 1 });
    await aborted.promise;
    expect(bob.traffic().messages.answered.slow?.ended).toEqual({ cancelled: 1 });
  });
});

describe("streams", () => {
  it("are counted by protocol and by who opened them, with their bytes, while they are open and when they end", async () => {
    const closed = deferred<unknown>();
    bob.handle("/echo/1", async (stream) => {
      closed.resolve(once(stream, "close"));
      for await (const message of stream) stream.write(message);
      stream.end();
    });
    const stream = await alice.openStream(bob.id, { protocol: "/echo/1" });
    stream.write(text("hello"));
    await once(stream, "data");
    expect(alice.traffic().streams.asked["/echo/1"]).toMatchObject({ begun: 1, ended: {}, bytesOut: 5, bytesIn: 5 });
    expect(bob.info().traffic.streams).toBe(1);
    stream.end();
    stream.resume();
    await once(stream, "close");
    expect(alice.traffic().streams.asked["/echo/1"]?.ended).toEqual({ ok: 1 });
    await closed.promise;
    expect(bob.info().traffic.streams).toBe(0);
    expect(bob.traffic().streams.answered["/echo/1"]).toMatchObject({ ended: { ok: 1 }, bytesIn: 5, bytesOut: 5 });
  });

  it("that outlive connections count the bytes of programs, each once", async () => {
    const stream = await alice.openStream(bob.id, { protocol: "/echo/1", reconnect: true });
    stream.write(text("again"));
    await once(stream, "data");
    stream.end();
    stream.resume();
    await once(stream, "close");
    expect(alice.traffic().streams.asked["/echo/1"]).toMatchObject({ begun: 2, bytesOut: 10, bytesIn: 10 });
  });

  it("that nobody takes have the code of their refusal", async () => {
    const stream = await alice.openStream(bob.id, { protocol: "/absent/1" });
    expect(await codeOf(once(stream, "close"))).toBe("handler-missing");
    expect(alice.traffic().streams.asked["/absent/1"]?.ended).toEqual({ "handler-missing": 1 });
    expect(bob.traffic().streams.answered.other?.ended).toEqual({ "handler-missing": 1 });
  });
});

it("calls of gRPC are counted by service, with gRPC's codes", async () => {
  const { missing: _, ...served } = ECHO;
  bob.addService(served, echo);
  const stub = await alice.stub(bob.id, EchoClient);
  await asked((done) => stub.once(Buffer.from("hello"), done));
  await asked((done) => stub.missing(Buffer.from("x"), done)).catch(() => {});
  expect(alice.traffic().rpc.asked["test.Echo"]).toMatchObject({
    ...{ begun: 2, ended: { ok: 1, unimplemented: 1 }, bytesOut: 6, bytesIn: 5 },
  });
  expect(bob.traffic().rpc.answered["test.Echo"]).toMatchObject({ ended: { ok: 1 }, bytesIn: 5, bytesOut: 5 });
});

it("the overlay's own calls are counted at both ends", () => {
  for (const { traffic } of [alice, bob].map((client) => ({ traffic: client.traffic() }))) {
    const { asked: out, answered } = traffic.calls;
    expect((out.exchange?.ended.ok ?? 0) + (answered.exchange?.ended.ok ?? 0)).toBeGreaterThan(0);
    expect(traffic.signatures.certificate.right).toBeGreaterThan(0);
  }
});

describe("a tally", () => {
  it("puts each duration into its class", () => {
    const tally = new Tally();
    for (const milliseconds of [0, 0.25, 0.26, 30_000, 31_000]) tally.succeeded(milliseconds);
    const { counts, sum } = tally.info.durations;
    expect(counts.length).toBe(DURATION_BOUNDS.length + 1);
    expect([counts[0], counts[1], counts.at(-2), counts.at(-1)]).toEqual([2, 1, 1, 1]);
    expect(sum).toBeCloseTo(61.00051);
  });

  it("keeps no more codes than it has room for, whatever a peer says", () => {
    const tally = new Tally();
    for (let index = 0; index < 1_000; index++) tally.failed(`code-${index}`, 1);
    expect(Object.keys(tally.info.ended)).toHaveLength(129);
    expect(tally.info.ended.other).toBe(872);
  });

  it("is there for each of 64 names, and for all others together", () => {
    const tallies = new Tallies();
    for (let index = 0; index < 100; index++) tallies.own(`s${index}`).began(1);
    tallies.of("never").came(1);
    tallies.own(undefined).began(1);
    expect(Object.keys(tallies.info)).toHaveLength(66);
    expect([tallies.info.other?.begun, tallies.info.none?.begun]).toEqual([37, 1]);
  });
});
