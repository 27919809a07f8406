/** The parts of reliable UDP that are functions of values: datagrams, frames, and the two directions of a connection. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generateAgreementKey } from "../../identity/index.js";
import type { Connection } from "../../net/transports/udx/connection.js";
import {
  dataFrame,
  endFrame,
  FrameReader,
  type FrameSink,
  fromFrame,
  windowFrame,
} from "../../net/transports/udx/frames.js";
import { Inbox } from "../../net/transports/udx/inbox.js";
import { connectionKeys, EndpointSecrets } from "../../net/transports/udx/keys.js";
import { FIRST_WINDOW_BYTES, RESPONSES_PER_SECOND, WINDOW_BYTES } from "../../net/transports/udx/limits.js";
import { Mover } from "../../net/transports/udx/mover.js";
import { Outbox } from "../../net/transports/udx/outbox.js";
import {
  type Control,
  decodeControl,
  encodeControl,
  encodePath,
  isAuthenticPath,
  type PathDatagram,
} from "../../net/transports/udx/wire.js";

const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);
const nonce = filled(16, 1);
const cookie = filled(16, 2);
const offer = { id: 0xfedcba98, token: filled(8, 3), publicKey: filled(32, 4) };

const CONTROLS: readonly Exclude<Control, PathDatagram>[] = [
  { type: "hello", nonce },
  { type: "retry", nonce, cookie },
  { type: "open", nonce, cookie, offer },
  { type: "accept", nonce, offer },
  { type: "refuse", nonce },
  { type: "gone", id: 7, token: offer.token },
];

const path = { tag: filled(8, 5), counter: 2 ** 40 + 3, value: new Uint8Array(0), id: 0, token: new Uint8Array(0) };
const PATHS: readonly PathDatagram[] = [
  { ...path, type: "path", id: 9 },
  { ...path, type: "challenge", value: filled(16, 6) },
  { ...path, type: "response", value: filled(16, 6), id: 9, token: filled(8, 7) },
  { ...path, type: "moved", value: filled(16, 6), id: 9, token: filled(8, 7) },
];

const key = filled(32, 8);
const size = (type: string) =>
  [...CONTROLS.map((c) => [c.type, encodeControl(c)]), ...PATHS.map((p) => [p.type, encodePath(p, key)])].find(
    ([name]) => name === type,
  )![1]!.length as number;

describe("a control datagram", () => {
  it.each(CONTROLS)("$type is read as it was written, and in no other size", (control) => {
    const bytes = encodeControl(control);
    const plain = (value: unknown) =>
      JSON.parse(JSON.stringify(value, (_, v) => (v instanceof Uint8Array ? [...v] : v)));
    expect(plain(decodeControl(new Uint8Array(bytes)))).toEqual(plain(control));
    expect(decodeControl(bytes.subarray(0, -1))).toBeUndefined();
    expect(decodeControl(new Uint8Array([...bytes, 0]))).toBeUndefined();
  });

  it.each(PATHS)("$type is read as it was written, and is authentic under its key with every bit", (datagram) => {
    const bytes = new Uint8Array(encodePath(datagram, key));
    const read = decodeControl(bytes) as PathDatagram;
    expect([read.type, read.counter, read.id]).toEqual([datagram.type, datagram.counter, datagram.id]);
    expect([...read.value, ...read.tag, ...read.token]).toEqual([
      ...datagram.value,
      ...datagram.tag,
      ...datagram.token,
    ]);
    expect(isAuthenticPath(bytes, key)).toBe(true);
    expect(isAuthenticPath(bytes, filled(32, 9))).toBe(false);
    for (let at = 0; at < bytes.length; at++) {
      const changed = new Uint8Array(bytes);
      changed[at]! ^= 1;
      expect(isAuthenticPath(changed, key)).toBe(false);
    }
  });

  it("is never answered with more bytes before an address is proven", () => {
    expect(size("retry")).toBeLessThanOrEqual(size("hello"));
    expect(size("refuse")).toBeLessThanOrEqual(size("hello"));
    expect(size("accept")).toBeLessThanOrEqual(size("open"));
    expect(size("challenge")).toBeLessThanOrEqual(size("path"));
    expect(size("gone")).toBeLessThanOrEqual(20); // The library's smallest packet.
  });

  it("of any other bytes is nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        decodeControl(bytes);
      }),
    );
    expect(decodeControl(new Uint8Array(0))).toBeUndefined();
    expect(decodeControl(new Uint8Array([0x20, 2, ...filled(38, 0)]))).toBeUndefined(); // Another version.
  });
});

describe("the secrets", () => {
  it("of a connection are the same at both ends, and turned round", () => {
    const [a, b] = [generateAgreementKey(), generateAgreementKey()];
    const [atA, atB] = [connectionKeys(a, b.publicKey)!, connectionKeys(b, a.publicKey)!];
    expect(atA.key).toEqual(atB.key);
    expect([atA.tag, atA.peerTag]).toEqual([atB.peerTag, atB.tag]);
    expect(atA.tag).not.toEqual(atA.peerTag);
    expect(connectionKeys(a, filled(32, 0))).toBeUndefined();
    expect(connectionKeys(a, a.publicKey)).toBeUndefined();
  });

  it("give cookies that hold for one address, one nonce and ten seconds at least", () => {
    const secrets = new EndpointSecrets();
    const from = { host: "192.0.2.1", port: 7 };
    const made = secrets.cookie(from, nonce, 5_000);
    expect(secrets.isCookie(made, from, nonce, 5_000)).toBe(true);
    expect(secrets.isCookie(made, from, nonce, 15_000)).toBe(true);
    expect(secrets.isCookie(made, from, nonce, 25_000)).toBe(false);
    expect(secrets.isCookie(made, { ...from, port: 8 }, nonce, 5_000)).toBe(false);
    expect(secrets.isCookie(made, { ...from, host: "192.0.2.2" }, nonce, 5_000)).toBe(false);
    expect(secrets.isCookie(made, from, filled(16, 9), 5_000)).toBe(false);
    expect(new EndpointSecrets().isCookie(made, from, nonce, 5_000)).toBe(false);
  });
});

describe("answers to challenges", () => {
  it("are looked at so many times a second, whatever the other end sends", () => {
    const state = { now: 0, looked: 0, moved: 0 };
    const value = filled(16, 6);
    const at = { host: "192.0.2.9", port: 9 };
    const keys = { key, tag: filled(8, 1), peerTag: filled(8, 2) };
    const connection = { keys, remote: { host: "192.0.2.1", port: 1 } } as unknown as Connection;
    const pathValue = () => {
      state.looked += 1;
      return value;
    };
    const mover = new Mover({
      ...{ connection, secrets: { pathValue } as unknown as EndpointSecrets, now: () => state.now, send: () => {} },
      reserve: () => ({ id: 1, token: filled(8, 1), connect: () => void state.moved++, cancel: () => {} }),
    });
    const flood = (value: Uint8Array, from: number) => {
      for (let counter = from; counter < from + 1_000; counter++)
        mover.heard({ ...path, type: "response", counter, value }, at);
    };
    flood(filled(16, 7), 1);
    expect(state).toMatchObject({ looked: RESPONSES_PER_SECOND, moved: 0 });
    state.now = 1_000;
    flood(value, 1_001);
    expect(state).toMatchObject({ looked: 2 * RESPONSES_PER_SECOND, moved: RESPONSES_PER_SECOND });
  });
});

/** What a reader made of frames, data joined. */
function read(pieces: readonly Uint8Array[]) {
  const seen: unknown[] = [];
  const data: number[] = [];
  const saw = (...what: readonly unknown[]) => {
    if (data.length > 0) seen.push(data.splice(0));
    seen.push(...what);
  };
  const sink: FrameSink = {
    onData: (bytes) => data.push(...bytes),
    onWindow: (received, limit) => saw({ received, limit }),
    onEnd: () => saw("end"),
    onFrom: (offset) => saw({ offset }),
  };
  const reader = new FrameReader(sink);
  const isWhole = pieces.every((piece) => reader.read(piece));
  saw();
  return { seen, isWhole };
}

describe("frames", () => {
  const data = dataFrame(3);
  data.set([7, 8, 9], 4);
  const all = Buffer.concat([data, windowFrame(5, 2 ** 40), dataFrame(0), fromFrame(2 ** 33), data, endFrame()]);
  const expected = [[7, 8, 9], { received: 5, limit: 2 ** 40 }, { offset: 2 ** 33 }, [7, 8, 9], "end"];

  it("are read from pieces of any size", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: all.length })), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), all.length];
        const pieces = at.slice(1).map((end, index) => all.subarray(at[index], end));
        expect(read(pieces)).toEqual({ seen: expected, isWhole: true });
      }),
    );
  });

  it.each([
    ["another kind", [9, 0, 0, 0]],
    ["data that is too long", [0, 1, 0, 1]],
    ["a window of another size", [1, 0, 0, 11]],
    ["an end with a payload", [2, 0, 0, 1]],
    ["an offset of another size", [3, 0, 0, 7]],
  ])("are not read on after %s", (_, bytes) => {
    expect(read([new Uint8Array(bytes)]).isWhole).toBe(false);
  });
});

describe("what is to be sent", () => {
  /** The data of a frame. */
  const sent = (frame: Uint8Array | undefined) => frame?.subarray(4).length;

  it("waits for the reader's word after the first window", () => {
    const outbox = new Outbox();
    outbox.put(filled(3 * FIRST_WINDOW_BYTES, 1));
    expect([sent(outbox.next()), sent(outbox.next())]).toEqual([FIRST_WINDOW_BYTES, undefined]);
    expect(outbox.told(FIRST_WINDOW_BYTES, 2 * FIRST_WINDOW_BYTES)).toBe(true);
    expect([sent(outbox.next()), sent(outbox.next()), outbox.isDrained]).toEqual([
      FIRST_WINDOW_BYTES,
      undefined,
      false,
    ]);
    expect(outbox.told(2 * FIRST_WINDOW_BYTES + 1, WINDOW_BYTES)).toBe(false);
  });

  it("keeps no more than a window for a reader who lets it run and never says that anything came", () => {
    const outbox = new Outbox();
    outbox.put(filled(4 * WINDOW_BYTES, 1));
    expect(outbox.told(0, 2 ** 48 - 1)).toBe(true);
    let bytes = 0;
    for (let frame = outbox.next(); frame; frame = outbox.next()) bytes += frame.length - 4;
    expect(bytes).toBe(WINDOW_BYTES);
    outbox.told(WINDOW_BYTES, 2 ** 48 - 1);
    expect(sent(outbox.next())).toBeGreaterThan(0);
  });

  it("of many small writes is one frame", () => {
    const outbox = new Outbox();
    for (const value of [1, 2, 3]) outbox.put(filled(2, value));
    outbox.put(new Uint8Array(0));
    expect([...outbox.next()!.subarray(4)]).toEqual([1, 1, 2, 2, 3, 3]);
    expect([outbox.next(), outbox.isDrained, outbox.isSent, outbox.isAwaiting]).toEqual([undefined, true, true, true]);
  });

  it("arrives whole over any number of paths, of which each loses its end", () => {
    const step = fc.record({
      put: fc.integer({ min: 0, max: 3_000 }),
      carried: fc.nat({ max: 4 }),
      told: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const outbox = new Outbox();
        const inbox = new Inbox();
        let written = 0;
        const came: number[] = [];
        const tell = () => outbox.told(...inbox.word(inbox.received + WINDOW_BYTES));
        for (const { put, carried, told } of steps) {
          outbox.put(Uint8Array.from({ length: put }, (_, n) => (written + n) % 251));
          written += put;
          // A new path: it begins where the sender says, and carries so many frames.
          let offset = outbox.resume();
          for (let count = 0; count < carried; count++) {
            const frame = outbox.next();
            if (frame === undefined) break;
            expect(inbox.add(frame.subarray(4), offset)).toBe(true);
            offset += frame.length - 4;
          }
          if (told) expect(tell()).toBe(true);
        }
        expect(tell()).toBe(true);
        let offset = outbox.resume();
        for (let frame = outbox.next(); frame; frame = outbox.next()) {
          inbox.add(frame.subarray(4), offset);
          offset += frame.length - 4;
          tell();
        }
        for (const piece of inbox.take()) came.push(...piece);
        expect(came.length).toBe(written);
        expect(came.every((byte, n) => byte === n % 251)).toBe(true);
      }),
    );
  });
});

describe("what has come", () => {
  it("opens the window when the reader has read, and closes it on a sender that does not care", () => {
    const inbox = new Inbox();
    expect(inbox.add(filled(FIRST_WINDOW_BYTES, 1), 0)).toBe(true);
    expect(inbox.news(0)).toBeUndefined();
    inbox.take();
    expect(inbox.news(FIRST_WINDOW_BYTES)).toBeUndefined();
    expect(inbox.news(FIRST_WINDOW_BYTES, true)).toEqual([FIRST_WINDOW_BYTES, FIRST_WINDOW_BYTES]);
    expect(inbox.news(0)).toEqual([FIRST_WINDOW_BYTES, FIRST_WINDOW_BYTES + WINDOW_BYTES]);
    expect(inbox.news(0, true)).toBeUndefined();
    expect(inbox.add(filled(WINDOW_BYTES, 1), FIRST_WINDOW_BYTES)).toBe(true);
    expect(inbox.add(filled(1, 1), FIRST_WINDOW_BYTES + WINDOW_BYTES)).toBe(false);
  });

  it("is one piece where it lies side by side in memory", () => {
    const buffer = Buffer.from([1, 2, 3, 4, 5]);
    const inbox = new Inbox();
    inbox.add(buffer.subarray(0, 2), 0);
    inbox.add(buffer.subarray(2, 4), 2);
    inbox.add(Buffer.from([5]), 4);
    expect(inbox.take().map((piece) => [...piece])).toEqual([[1, 2, 3, 4], [5]]);
  });
});
