/** How messages of a subscription go through a handler or a loop: order, acknowledgement, failures, and handlers that never end. */
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HandingOut, type HandingOutOptions } from "../../../client/topics/handing-out.js";
import type { Handed } from "../../../client/topics/message.js";
import type { TopicMessage } from "../../../client/topics/types.js";
import { sha256 } from "../../../identity/index.js";
import { memberIdFromBytes } from "../../../rings/index.js";
import {
  encodeBatch,
  encodeBody,
  encodePayload,
  LogReader,
  NO_DIGEST,
  nameLog,
  parseBatch,
} from "../../../topics/index.js";
import { deferred } from "../../support/network.js";

const publisher = memberIdFromBytes(new Uint8Array(32).fill(1));
const FROM = { id: publisher, name: "ann", address: "" };
const LOG = nameLog({ publisher, life: 1n, topic: "orders.eu" }, sha256);

/** The messages `first` to `last` of a log, each its own number as text. */
function batchOf(first: number, last: number, log = LOG): Handed {
  const messages = Array.from({ length: last - first + 1 }, (_, index) =>
    new TextEncoder().encode(String(first + index)),
  );
  const payload = encodePayload(messages);
  const facts = { log, first, count: messages.length, at: 5, previous: NO_DIGEST, digest: sha256(payload), flags: 0 };
  const body = encodeBody({ ...facts, payloadBytes: payload.length });
  const batch = parseBatch(encodeBatch(body, new Uint8Array(64), payload), new LogReader(sha256, 9), sha256)!;
  return { batch, payload: batch.payload.slice(), from: () => FROM, prove: () => new Uint8Array(1) };
}

/** What the machine is told, and what failed. */
class Scene {
  readonly told: string[] = [];
  readonly failed: string[] = [];
  readonly handing: HandingOut;

  constructor(options: Partial<Pick<HandingOutOptions, "handler" | "maxInFlight" | "timeoutMs">>) {
    this.handing = new HandingOut({
      ...{ handler: undefined, maxInFlight: 1, timeoutMs: 1_000, now: () => performance.now(), ...options },
      settling: {
        acknowledge: (_, first, last) => void this.told.push(`ack ${first}-${last}`),
        fail: (_, number, last) => void this.told.push(`fail ${number}, back ${last}`),
      },
      onFailed: (message, error, isLate) =>
        void this.failed.push(`${message.sequence} ${isLate ? "late" : (error as Error).message}`),
    });
  }
}

const textOf = ({ data }: TopicMessage) => new TextDecoder().decode(data);

describe("a handler", () => {
  it("gets messages in their order, and is acknowledged once for all of a batch", () => {
    const seen: string[] = [];
    const { handing, told } = new Scene({ handler: (message) => void seen.push(textOf(message)) });
    handing.deliver(batchOf(1, 3), 1, 3, 1);
    handing.deliver(batchOf(4, 6), 4, 5, 1);
    expect(seen).toEqual(["1", "2", "3", "4", "5"]);
    expect(told).toEqual(["ack 1-3", "ack 4-5"]);
    expect(handing.figures).toEqual({ delivered: 5, acknowledged: 5, redelivered: 0, inFlight: 0, waiting: 0 });
  });

  it("is told what a message is: topic, publisher, number, time, and whether it comes again", () => {
    let got: TopicMessage | undefined;
    const { handing } = new Scene({
      handler: (message) => {
        got = message;
      },
    });
    handing.deliver(batchOf(7, 7), 7, 7, 3);
    expect(got).toMatchObject({ topic: "orders.eu", from: FROM, sequence: 7, at: 5, redelivered: 2 });
    expect(got?.proof()).toHaveLength(1);
  });

  it("may write to its data: what others are passed stays as it came", () => {
    const handed = batchOf(1, 1);
    const { handing } = new Scene({ handler: ({ data }) => void data.fill(0) });
    handing.deliver(handed, 1, 1, 1);
    expect([...handed.batch.payload]).toEqual([1, "1".charCodeAt(0)]);
  });

  it("of one at a time begins when the one before has ended", async () => {
    const gates = new Map<number, ReturnType<typeof deferred<void>>>();
    const { handing, told } = new Scene({
      handler: ({ sequence }) => {
        const gate = deferred();
        gates.set(sequence, gate);
        return gate.promise;
      },
    });
    handing.deliver(batchOf(1, 2), 1, 2, 1);
    expect([...gates.keys()]).toEqual([1]);
    gates.get(1)?.resolve();
    await turn();
    expect([...gates.keys()]).toEqual([1, 2]);
    gates.get(2)?.resolve();
    await handing.settled();
    expect(told).toEqual(["ack 1-1", "ack 2-2"]);
  });

  it("that fails gives back what waits behind it of the same log, and no other", async () => {
    const other = nameLog({ publisher, life: 1n, topic: "orders.us" }, sha256);
    const seen: string[] = [];
    const { handing, told, failed } = new Scene({
      handler: (message) => {
        seen.push(`${message.topic} ${textOf(message)}`);
        return message.topic === "orders.eu" ? Promise.reject(new Error("no")) : undefined;
      },
    });
    handing.deliver(batchOf(1, 3), 1, 3, 1);
    handing.deliver(batchOf(1, 2, other), 1, 2, 1);
    handing.deliver(batchOf(4, 4), 4, 4, 1);
    await turn();
    expect(seen).toEqual(["orders.eu 1", "orders.us 1", "orders.us 2"]);
    expect([told, failed]).toEqual([["fail 1, back 4", "ack 1-2"], ["1 no"]]);
  });

  it("of several at once goes on beside one that fails", async () => {
    const { handing, told } = new Scene({
      maxInFlight: 2,
      handler: ({ sequence }) => (sequence === 1 ? Promise.reject(new Error("no")) : undefined),
    });
    handing.deliver(batchOf(1, 3), 1, 3, 1);
    await turn();
    expect(told.sort()).toEqual(["ack 2-3", "fail 1, back 1"]);
  });

  it("that takes long leaves others their turn", async () => {
    let now = 0;
    const seen: number[] = [];
    const handing = new HandingOut({
      ...{ maxInFlight: 1, timeoutMs: 1_000, now: () => now, onFailed: () => {} },
      handler: ({ sequence }) => {
        now += 5;
        seen.push(sequence);
      },
      settling: { acknowledge: () => {}, fail: () => {} },
    });
    handing.deliver(batchOf(1, 40), 1, 40, 1);
    expect(seen).toHaveLength(16);
    handing.deliver(batchOf(41, 41), 41, 41, 1);
    expect(seen).toHaveLength(16);
    while (seen.length < 41) await turn();
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });
});

describe("a handler that does not end", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
  afterEach(() => void vi.useRealTimers());

  it("has failed when its time is over, and the next message is handed out", async () => {
    const seen: number[] = [];
    const { handing, told, failed } = new Scene({
      maxInFlight: 1,
      handler: ({ sequence }) => {
        seen.push(sequence);
        return sequence === 1 ? new Promise(() => {}) : undefined;
      },
    });
    handing.deliver(batchOf(1, 1), 1, 1, 1);
    vi.advanceTimersByTime(999);
    expect(failed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect([failed, told]).toEqual([["1 late"], ["fail 1, back 1"]]);
    handing.deliver(batchOf(2, 2), 2, 2, 1);
    expect(seen).toEqual([1, 2]);
  });

  it("is acknowledged all the same when it ends after its time", async () => {
    const gate = deferred();
    const { handing, told } = new Scene({ handler: () => gate.promise });
    handing.deliver(batchOf(1, 1), 1, 1, 1);
    vi.advanceTimersByTime(1_000);
    gate.resolve();
    await turn();
    expect(told).toEqual(["fail 1, back 1", "ack 1-1"]);
  });
});

describe("a loop", () => {
  it("gets no more than it may have unacknowledged, and is told apart what it acknowledges", async () => {
    const { handing, told } = new Scene({ maxInFlight: 2 });
    handing.deliver(batchOf(1, 3), 1, 3, 1);
    const [one, two] = [await handing.read(), await handing.read()];
    const third = handing.read();
    expect([textOf(one!), textOf(two!)]).toEqual(["1", "2"]);
    two?.ack();
    expect(textOf((await third)!)).toBe("3");
    one?.ack();
    one?.ack();
    await turn();
    expect(told.sort()).toEqual(["ack 1-1", "ack 1-1", "ack 2-2"]);
  });

  it("ends when nothing more is handed out", async () => {
    const { handing } = new Scene({});
    const waiting = handing.read();
    handing.pause();
    expect([await waiting, await handing.read()]).toEqual([undefined, undefined]);
  });
});

it("whatever fails and whatever comes, each message is acknowledged or given back exactly once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("done", "throws", "resolves", "rejects"), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 7 }),
      async (fates, maxInFlight, size) => {
        const settled: number[] = [];
        const count = (first: number, last: number) => {
          for (let number = first; number <= last; number++) settled.push(number);
        };
        const handing = new HandingOut({
          ...{ maxInFlight, timeoutMs: 1_000, now: () => 0, onFailed: () => {} },
          handler: ({ sequence }) => {
            const fate = fates[sequence - 1];
            if (fate === "throws") throw new Error("no");
            if (fate === "resolves") return Promise.resolve();
            return fate === "rejects" ? Promise.reject(new Error("no")) : undefined;
          },
          settling: {
            acknowledge: (_, first, last) => count(first, last),
            fail: (_, first, last) => count(first, last),
          },
        });
        for (let first = 1; first <= fates.length; first += size) {
          const last = Math.min(fates.length, first + size - 1);
          handing.deliver(batchOf(first, last), first, last, 1);
        }
        await turn();
        await turn();
        handing.close();
        expect(settled.sort((a, b) => a - b)).toEqual(fates.map((_, index) => index + 1));
      },
    ),
  );
});

it("nothing is handed out after it was paused, though it was on its way by then", async () => {
  const seen: string[] = [];
  const { handing, told } = new Scene({ handler: (message) => void seen.push(textOf(message)) });
  handing.deliver(batchOf(1, 2), 1, 2, 1);
  handing.pause();
  handing.deliver(batchOf(3, 4), 3, 4, 1);
  await turn();
  expect([seen, told, handing.figures.waiting]).toEqual([["1", "2"], ["ack 1-2"], 0]);
});
