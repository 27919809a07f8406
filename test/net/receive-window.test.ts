/** How far the other end may send ahead: little on a slow path, so that messages pass beside bulk data; much on a fast one. */
import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Identity } from "../../identity/index.js";
import { deadlineIn, tcpTransport } from "../../net/index.js";
import { WINDOW_BYTES } from "../../net/session/limits.js";
import { ReceiveWindow, WINDOW_BYTES_MIN, windowAfter } from "../../net/session/receive-window.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { TestNetwork } from "../support/test-network.js";
import { bytes, Scene } from "./session-scene.js";

const KIB = 1024;

describe("a window", () => {
  it.each([
    ["stays at 50 kB/s", { bytes: 64 * KIB, ms: 1_300 }, 20, WINDOW_BYTES_MIN],
    ["takes half a second of a path of 1 MiB/s", { bytes: 64 * KIB, ms: 62.5 }, 20, 512 * KIB],
    ["takes two round trips of a long path", { bytes: 64 * KIB, ms: 600 }, 600, 128 * KIB],
    ["is all there is where bytes come at once", { bytes: 64 * KIB, ms: 0 }, 0, WINDOW_BYTES],
  ])("%s", (_, sample, shortestMs, expected) => {
    expect(windowAfter(WINDOW_BYTES_MIN, sample, shortestMs)).toBe(expected);
  });

  it("never becomes smaller, nor larger than the limit", () => {
    const anySample = fc.record({ bytes: fc.nat(1e8), ms: fc.double({ min: 0, max: 1e5, noNaN: true }) });
    fc.assert(
      fc.property(
        fc.integer({ min: WINDOW_BYTES_MIN, max: WINDOW_BYTES }),
        anySample,
        fc.nat(10_000),
        (before, sample, ms) => {
          const after = windowAfter(before, sample, ms);
          expect(after).toBeGreaterThanOrEqual(before);
          expect(after).toBeLessThanOrEqual(WINDOW_BYTES);
        },
      ),
    );
  });

  it("grows in seven steps at most, however the other end times its bytes", () => {
    const anyBytes = fc.array(fc.integer({ min: 1, max: WINDOW_BYTES }), { maxLength: 200 });
    fc.assert(
      fc.property(anyBytes, (drawn) => {
        let [window, steps] = [WINDOW_BYTES_MIN, 0];
        for (const bytes of drawn.toSorted((a, b) => a - b)) {
          const after = windowAfter(window, { bytes, ms: 500 }, 0);
          if (after !== window) steps += 1;
          window = after;
        }
        expect(steps).toBeLessThanOrEqual(7);
      }),
    );
  });

  it("is measured once for each 16 KiB, one measurement at a time, and no more when it is full", () => {
    let [now, measured] = [0, 0];
    let done = () => {};
    const set: number[] = [];
    const subject = {
      bytesRead: 0,
      now: () => now,
      measure: (then: () => void) => {
        measured += 1;
        done = then;
      },
      setWindow: (size: number) => void set.push(size),
    };
    const window = new ReceiveWindow(subject);
    const come = (count: number) => {
      subject.bytesRead += count;
      window.arrived();
    };
    window.tookRoundTrip(20);
    come(10 * KIB);
    expect(measured).toBe(0);
    come(6 * KIB);
    come(64 * KIB);
    expect(measured).toBe(1);
    now = 2_000;
    done(); // 32 KiB/s
    expect(set).toEqual([]);
    come(16 * KIB);
    come(64 * KIB);
    now = 2_010;
    done();
    expect(set).toEqual([WINDOW_BYTES]);
    come(100 * KIB);
    expect(measured).toBe(2);
  });
});

describe("beside bulk data over a slow path", () => {
  let [aliceId, bobId]: readonly Identity[] = [];
  const closing: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    const network = await TestNetwork.create();
    [aliceId, bobId] = [await network.member(), await network.member()];
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  it("a message waits for a moment, not for a megabyte", async () => {
    const scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
    const [alice, bob] = [scene.member(aliceId!), scene.member(bobId!)];
    const proxy = await TcpProxy.to((await scene.listen(bob)).address);
    closing.push(
      () => scene.close(),
      () => proxy.close(),
    );
    proxy.upRate = 64 * KIB;
    const session = await scene.connect(alice, { address: proxy.address, close: async () => {} });
    const bulk = session.open("stream");
    bulk.on("error", () => {});
    for (let chunk = 0; chunk < 64; chunk++) bulk.write(new Uint8Array(64 * KIB));
    (await bob.nextDuplex()).duplex.resume();
    // A megabyte takes 16 seconds.
    for (let message = 0; message < 2; message++)
      expect(await session.call("probe", bytes(1), { deadline: deadlineIn(6_000) })).toEqual(bytes(1));
    bulk.destroy();
  }, 20_000);
});
