/** What two members reach between them: the figures of a measurement, and what its served end lets a member do. */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Client, MessageStream } from "../../client/index.js";
import { Conversation } from "../../services/bench/conversation.js";
import { Latencies } from "../../services/bench/latencies.js";
import { type Measured, type MeasureOptions, measure } from "../../services/bench/measure.js";
import { type ServedBench, serveBench } from "../../services/bench/serve.js";
import { BENCH_NAME, BYTES, decodeSaid, encodeWord, IN_FLIGHT, SECONDS, type Word } from "../../services/bench/wire.js";
import { TestNetwork } from "../../testing/index.js";

const QUICK = { seconds: SECONDS.min } as const;

async function all(client: Client, id: string, options: MeasureOptions = QUICK): Promise<readonly Measured[]> {
  return await rest(measure(client, id, options));
}

async function rest(measuring: AsyncIterable<Measured>): Promise<readonly Measured[]> {
  const found: Measured[] = [];
  for await (const each of measuring) found.push(each);
  return found;
}

describe("latencies", () => {
  const times = fc.array(fc.double({ min: 0.001, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 200 });

  it("are told to one per cent", () => {
    fc.assert(
      fc.property(times, fc.double({ min: 0.01, max: 1, noNaN: true }), (each, share) => {
        const latencies = new Latencies();
        for (const ms of each) latencies.add(ms);
        const exact = each.toSorted((a, b) => a - b)[Math.ceil(share * each.length) - 1] as number;
        const told = latencies.quantile(share) as number;
        expect(Math.abs(told / exact - 1)).toBeLessThan(0.01);
      }),
    );
  });

  it("of none are undefined", () => expect(new Latencies().quantile(0.5)).toBeUndefined());
});

describe("what is said", () => {
  it.each<Word>([
    { say: "begin", seconds: 3 },
    { say: "down", seconds: 0.1 },
    { say: "ready" },
    { say: "up" },
    { say: "end" },
    { say: "counted", bytes: 7, ms: 0.5 },
  ])("$say", (word) => expect(decodeSaid(encodeWord(word))).toEqual({ kind: "word", word }));

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["another kind", Uint8Array.of(2)],
    ["no JSON", Uint8Array.of(0, 1, 2)],
    ["JSON that is no object", Buffer.from("\0null")],
    ["another word", Buffer.from('\0{"say":"dance"}')],
    ["a time without end", Buffer.from('\0{"say":"begin","seconds":1e9}')],
    ["a negative count", Buffer.from('\0{"say":"counted","bytes":-1,"ms":1}')],
    ["a long word", Buffer.from(`\0{"say":"end","x":"${"x".repeat(2_000)}"}`)],
  ])("is not %s", (_, bytes) => expect(() => decodeSaid(bytes)).toThrow(/no word/));
});

it("who does not read is told nothing more", async () => {
  const stream = new PassThrough({ objectMode: true, highWaterMark: 1 });
  const conversation = new Conversation(stream as unknown as MessageStream);
  const { signal } = new AbortController();
  let isSaid = false;
  const second = conversation.say({ say: "ready" }, signal).then(() => conversation.say({ say: "end" }, signal));
  void second.then(() => {
    isSaid = true;
  });
  await turn();
  expect(isSaid).toBe(false);
  expect(stream.writableLength + stream.readableLength).toBeLessThanOrEqual(2);
  stream.resume();
  await second;
});

describe("a measurement", () => {
  let network: TestNetwork;
  let ann: Client;
  let bob: Client;
  let cid: Client;
  let served: ServedBench;
  const refused: string[] = [];

  beforeAll(async () => {
    network = await TestNetwork.start({ members: 3 });
    [ann, bob, cid] = network.members as [Client, Client, Client];
    const allow = [String(ann.self.name), String(cid.self.name)];
    served = serveBench(bob, { allow, onRefused: ({ name }) => refused.push(String(name)) });
    serveBench(cid, { allow: ["nobody"], onRefused: ({ name }) => refused.push(String(name)) });
  });
  afterAll(async () => await network.stop());

  it("tells of messages, of a stream each way, and of the path", async () => {
    const found = await all(ann, bob.id, { ...QUICK, bytes: 1_000, inFlight: 8 });
    const rate = { messages: expect.any(Number), perSecond: expect.any(Number) };
    const latency = { p50Ms: expect.any(Number), p99Ms: expect.any(Number) };
    const streamed = { event: "stream", bytes: expect.any(Number), bytesPerSecond: expect.any(Number) };
    expect(found).toEqual([
      { event: "messages", inFlight: 1, bytes: 1_000, ...rate, ...latency },
      { event: "messages", inFlight: 8, bytes: 1_000, ...rate, ...latency },
      { ...streamed, direction: "up" },
      { ...streamed, direction: "down" },
      expect.objectContaining({ event: "path", path: expect.stringMatching(/^(direct|reversed)$/), via: [] }),
    ]);
    for (const each of found) {
      if (each.event === "messages") expect(each.messages).toBeGreaterThan(0);
      if (each.event === "stream") expect(each.bytesPerSecond).toBeGreaterThan(0);
    }
    const [up, down] = found.filter((each) => each.event === "stream");
    // What was counted is what went: the served end counts the same bytes.
    await expect.poll(() => served.figures()).toEqual({ streams: 0, bytesIn: up?.bytes, bytesOut: down?.bytes });
  });

  it("is had by one member at a time, and by the next when it is over", async () => {
    const first = measure(ann, bob.id, QUICK);
    await first.next();
    expect(served.figures().streams).toBe(1);
    await expect(all(cid, bob.id)).rejects.toMatchObject({ code: "overloaded" });
    // Messages of others are not answered meanwhile.
    const message = cid.sendToId(bob.id, Uint8Array.of(1), { service: BENCH_NAME });
    await expect(message).rejects.toMatchObject({ code: "bench-not-begun" });
    await first.return();
    await expect.poll(() => served.figures().streams).toBe(0);
    expect(await all(cid, bob.id)).toHaveLength(5);
  });

  it("is for those who are allowed, and others are told of", async () => {
    await expect(all(ann, cid.id)).rejects.toMatchObject({ code: "peer-refused" });
    expect(refused).toEqual([ann.self.name]);
  });

  it("with a member that serves none says so", async () => {
    await expect(all(bob, ann.id)).rejects.toMatchObject({ code: "handler-missing" });
  });

  it("ends when its caller has had enough", async () => {
    const enough = new AbortController();
    const measuring = measure(ann, bob.id, { seconds: SECONDS.max, signal: enough.signal });
    const first = measuring.next();
    await expect.poll(() => served.figures().streams).toBe(1);
    enough.abort();
    await expect(first).rejects.toMatchObject({ code: "cancelled" });
    await expect.poll(() => served.figures().streams).toBe(0);
  });

  it.each([
    ["what is no word", Uint8Array.of(9)],
    ["filling before it has begun", encodeWord({ say: "up" })],
  ])("is over for %s", async (_, bytes) => {
    const stream = await ann.openStream(bob.id, { protocol: BENCH_NAME, accepted: true });
    const closed = once(stream, "close");
    stream.resume();
    stream.write(bytes);
    await expect(closed).rejects.toMatchObject({ code: "bench-malformed" });
    await expect.poll(() => served.figures().streams).toBe(0);
  });

  it.each<[string, MeasureOptions]>([
    ["no time", { seconds: 0 }],
    ["too long a time", { seconds: SECONDS.max + 1 }],
    ["too many bytes", { bytes: BYTES.max + 1 }],
    ["half a byte", { bytes: 1.5 }],
    ["too many at once", { inFlight: IN_FLIGHT.max + 1 }],
    ["none at once", { inFlight: 0 }],
  ])("is not made with %s", async (_, options) => {
    await expect(all(ann, bob.id, options)).rejects.toThrow(RangeError);
  });

  it("ends with its served end", async () => {
    const measuring = measure(ann, bob.id, QUICK);
    await measuring.next();
    await served.close();
    await expect(rest(measuring)).rejects.toMatchObject({ name: "FirefliesError" });
    await expect(all(ann, bob.id)).rejects.toMatchObject({ code: "handler-missing" });
  });
});
