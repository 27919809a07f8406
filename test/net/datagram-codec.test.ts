/** Datagrams as bytes: what is sealed comes back, what is changed does not; which counters are new; which path is believed. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EXPORT_BYTES,
  flowKeys,
  OVERHEAD_BYTES,
  openDatagram,
  readHeader,
  sealDatagram,
} from "../../net/datagrams/codec.js";
import { DATAGRAM_PAYLOAD_MAX, SILENT_MS, STALE_MS } from "../../net/datagrams/limits.js";
import { ReplayWindow } from "../../net/datagrams/replay-window.js";
import { UdpPath } from "../../net/datagrams/udp-path.js";
import { DATAGRAM_BYTES_MAX } from "../../net/index.js";

const keys = flowKeys(new Uint8Array(randomBytes(EXPORT_BYTES)));
const TYPES = ["data", "probe", "answer"] as const;
const counters = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe("a sealed datagram", () => {
  it("comes back as it was, from its header and its keys, in 33 bytes more", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TYPES),
        counters,
        fc.uint8Array({ maxLength: 1_100 }),
        (type, counter, payload) => {
          const bytes = sealDatagram(keys, type, counter, payload);
          expect(bytes.length).toBe(payload.length + 33);
          const header = readHeader(bytes)!;
          expect(header).toEqual({ type, tag: keys.tag, counter });
          expect(openDatagram(keys, header, bytes)).toEqual(payload);
        },
      ),
    );
    expect(OVERHEAD_BYTES + DATAGRAM_PAYLOAD_MAX).toBeLessThanOrEqual(DATAGRAM_BYTES_MAX);
    expect(() => sealDatagram(keys, "data", 0, new Uint8Array(1_101))).toThrow(RangeError);
  });

  it("opens for nobody once a bit of it has changed, wherever", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), (payload, where) => {
        const bytes = sealDatagram(keys, "data", 7, payload);
        const bit = where % (bytes.length * 8);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        const header = readHeader(bytes);
        if (header !== undefined) expect(openDatagram(keys, header, bytes)).toBeUndefined();
      }),
    );
  });

  it("opens with its own direction's key alone", () => {
    const other = flowKeys(new Uint8Array(randomBytes(EXPORT_BYTES)));
    const bytes = sealDatagram(keys, "data", 1, Uint8Array.of(1));
    const header = readHeader(bytes)!;
    expect(openDatagram(other, header, bytes)).toBeUndefined();
    expect(openDatagram({ ...keys, forth: keys.back }, header, bytes)).toBeUndefined();
    expect(openDatagram(keys, { ...header, counter: 2 }, bytes)).toBeUndefined();
  });

  it("is nothing when it is anything else: no bytes of anybody are an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_300 }), (bytes) => {
        const header = readHeader(bytes);
        if (header === undefined) return;
        expect(bytes.length).toBeGreaterThanOrEqual(OVERHEAD_BYTES);
        expect(openDatagram(keys, header, bytes)).toBeUndefined();
      }),
    );
    const tooHigh = sealDatagram(keys, "data", 0, new Uint8Array(0));
    tooHigh.fill(0xff, 9, 17);
    expect(readHeader(tooHigh)).toBeUndefined();
  });
});

describe("the replay window", () => {
  it("takes each counter once, and none that is too old: as a set would, that remembers all", () => {
    const near = fc.oneof(fc.integer({ min: -200, max: 200 }), fc.integer({ min: -3_000, max: 9_000 }));
    fc.assert(
      fc.property(fc.array(near, { maxLength: 300 }), fc.nat({ max: 2 ** 40 }), (steps, start) => {
        const window = new ReplayWindow(64);
        const seen = new Set<number>();
        let highest = -1;
        let at = start;
        for (const step of steps) {
          at = Math.max(0, at + step);
          const isNew = !seen.has(at) && at > highest - 64;
          expect(window.mayTake(at)).toBe(isNew);
          if (!isNew) continue;
          window.take(at);
          seen.add(at);
          highest = Math.max(highest, at);
        }
      }),
    );
  });
});

describe("a path by UDP", () => {
  const [a, b] = [
    { host: "10.0.0.1", port: 1 },
    { host: "10.0.0.2", port: 2 },
  ] as const;

  function probing() {
    const path = new UdpPath();
    let counter = 0;
    const step = (now: number) =>
      path
        .due(now, () => [a, a, b])
        .map((place) => {
          path.probed(counter, place, now);
          return { counter: counter++, place };
        });
    return { path, step };
  }

  it("is used once an answer has come, at the place that answered; until then all places are asked, once each", () => {
    const { path, step } = probing();
    expect(step(0).map(({ place }) => place)).toEqual([a, b]);
    expect(path.place(0)).toBeUndefined();
    path.answered(99, 1);
    expect(path.place(1)).toBeUndefined();
    path.answered(1, 2);
    expect(path.place(2)).toEqual(b);
    expect(step(2)).toEqual([]);
    expect(step(1_000).map(({ place }) => place)).toEqual([b]);
  });

  it("is given up when probes go unanswered, asked for everywhere again, and used when it answers again", () => {
    const { path, step } = probing();
    step(0);
    path.answered(0, 0);
    const [probe] = step(1_000);
    expect(path.place(1_000 + SILENT_MS)).toEqual(a);
    expect(path.place(1_001 + SILENT_MS)).toBeUndefined();
    expect(step(1_001 + SILENT_MS).map(({ place }) => place)).toEqual([a, b]);
    expect(path.place(1_002 + SILENT_MS)).toBeUndefined();
    path.answered(probe!.counter, 1_003 + SILENT_MS); // Late: it is not known any more.
    expect(path.place(1_003 + SILENT_MS)).toBeUndefined();
    const [again] = step(3_000 + SILENT_MS);
    path.answered(again!.counter, 3_001 + SILENT_MS);
    expect(path.place(3_001 + SILENT_MS)).toEqual(a);
  });

  it("is believed no longer than a NAT remembers it", () => {
    const { path, step } = probing();
    step(0);
    path.answered(0, 0);
    expect(path.place(STALE_MS)).toEqual(a);
    expect(path.place(STALE_MS + 1)).toBeUndefined();
  });
});
