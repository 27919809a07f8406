/** Batches, packets and frames of topics as bytes: what is written is read again, and nothing else is read. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memberIdFromBytes } from "../../rings/index.js";
import { BATCH_MESSAGES_MAX, ENTRIES_MAX, PACKET_BYTES_MAX } from "../../topics/limits.js";
import {
  type Batch,
  encodeBatch,
  encodeBody,
  encodePayload,
  type Head,
  messageOf,
  NO_DIGEST,
  parseBatch,
  parseHead,
} from "../../topics/records/batch.js";
import { FrameCutter, frameOf } from "../../topics/records/frames.js";
import { LogReader, type LogTag, nameLog } from "../../topics/records/log.js";
import { encodePacket, type Packet, parsePacket } from "../../topics/records/packet.js";

const sha256 = (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest());
const logs = () => new LogReader(sha256, 16);
const publisher = memberIdFromBytes(new Uint8Array(32).fill(7));
const log = nameLog({ publisher, life: 1_790_000_000_000n, topic: "orders.eu" }, sha256);
const signature = new Uint8Array(64).fill(9);

function batchOf(messages: readonly Uint8Array[], first = 1): Uint8Array {
  const payload = encodePayload(messages);
  const previous = first === 1 ? NO_DIGEST : sha256(signature);
  const facts = { log, first, count: messages.length, at: 5, previous, digest: sha256(payload), flags: 0 };
  return encodeBatch(encodeBody({ ...facts, payloadBytes: payload.length }), signature, payload);
}

const parsed = (bytes: Uint8Array) => parseBatch(bytes, logs(), sha256);
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const number = fc.integer({ min: 1, max: 2 ** 48 - 1 });
const tag = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((raw) => Buffer.from(raw).toString("hex") as LogTag);
const queue = fc.constantFrom("workers", "ü");
const range = fc
  .tuple(tag, number, number)
  .map(([tag, a, b]) => ({ tag, first: Math.min(a, b), last: Math.max(a, b) }));
const head = (first: number) => {
  const { body } = parsed(batchOf([new Uint8Array(1)], first)) as Batch;
  return parseHead(body, signature, logs()) as Head;
};

describe("a batch", () => {
  it("yields its messages as they were, without a copy", () => {
    fc.assert(
      fc.property(fc.array(bytes(300), { minLength: 1, maxLength: 40 }), number, (messages, first) => {
        fc.pre(first + messages.length <= 2 ** 48);
        const batch = parsed(batchOf(messages, first)) as Batch;
        expect([batch.log.topic, batch.first, batch.last]).toEqual(["orders.eu", first, first + messages.length - 1]);
        expect(messages.map((_, index) => messageOf(batch, first + index))).toEqual(messages);
        expect(messageOf(batch, first).buffer).toBe(batch.bytes.buffer);
      }),
    );
  });

  it("of other bytes is none: each byte of body and payload counts, and none may be missing or follow", () => {
    const whole = batchOf([new Uint8Array([1, 2, 3]), new Uint8Array(200)]);
    const bodyEnd = 2 + (parsed(whole) as Batch).body.length;
    for (let at = bodyEnd + 64; at < whole.length; at++) {
      expect(parsed(whole.with(at, whole[at]! ^ 1)), `byte ${at}`).toBeUndefined();
    }
    expect(parsed(whole.subarray(0, -1))).toBeUndefined();
    expect(parsed(new Uint8Array([...whole, 0]))).toBeUndefined();
  });

  it.each([
    ["no messages", { count: 0 }],
    ["more messages than there are", { count: 3 }],
    ["fewer messages than there are", { count: 1 }],
    ["more messages than a batch may have", { count: BATCH_MESSAGES_MAX + 1 }],
    ["number 0", { first: 0 }],
    ["numbers beyond the last", { first: 2 ** 48 - 1 }],
    ["a batch before the first", { previous: signature.subarray(0, 32) }],
    ["another payload", { digest: NO_DIGEST }],
    ["another length of the payload", { payloadBytes: 3 }],
    ["a topic that is none", { log: nameLog({ ...log, topic: "orders..eu" }, sha256) }],
    ["a wildcard as a topic", { log: nameLog({ ...log, topic: "orders.*" }, sha256) }],
  ])("with %s is none", (_, wrong) => {
    const payload = encodePayload([new Uint8Array(1), new Uint8Array(1)]);
    const right = { log, first: 1, count: 2, at: 5, previous: NO_DIGEST, digest: sha256(payload), flags: 0 };
    const facts = { ...right, payloadBytes: payload.length };
    expect(parsed(encodeBatch(encodeBody(facts), signature, payload))).toBeDefined();
    expect(parsed(encodeBatch(encodeBody({ ...facts, ...wrong }), signature, payload))).toBeUndefined();
  });
});

describe("a packet", () => {
  const packet: fc.Arbitrary<Packet> = fc.oneof(
    fc.record({ kind: fc.constant("announce"), answer: fc.boolean(), entries: fc.array(range) } as const),
    fc.record({ kind: fc.constantFrom("pull", "gone"), entries: fc.array(range) } as const),
    fc.record({
      kind: fc.constant("progress"),
      entries: fc.array(range.map(({ tag, first, last }) => ({ tag, held: last, acknowledged: first }))),
    } as const),
    fc.record({ kind: fc.constant("ask"), patterns: fc.subarray(["a", "orders.*", "ü.>"]) } as const),
    fc.record({ kind: fc.constant("heads"), heads: fc.constant([head(1), head(5)]) } as const),
    fc.record({ kind: fc.constant("start"), entries: fc.array(number.map((first) => ({ log, first }))) } as const),
    fc.record({ kind: fc.constant("proof"), heads: fc.constant([head(1), head(2)] as const) } as const),
    fc.record({
      kind: fc.constant("refused"),
      reason: fc.constantFrom("busy", "muted"),
      afterMs: fc.nat(2 ** 31),
    } as const),
    fc.record({ kind: fc.constantFrom("handled", "awaited"), queue, entries: fc.array(range) } as const),
    fc.record({ kind: fc.constant("part"), queue, entries: fc.array(fc.record({ tag, first: number })) } as const),
    fc.record({
      kind: fc.constant("batch"),
      stretch: fc.option(fc.record({ ring: fc.integer({ min: 1, max: 255 }), until: number }), { nil: undefined }),
      bytes: fc.constant(batchOf([new Uint8Array(3)])),
    } as const),
  );

  it("is read as it was written, and not when a byte is missing or follows", () => {
    fc.assert(
      fc.property(packet, (packet) => {
        const written = encodePacket(packet);
        expect(parsePacket(written, logs())).toEqual({ ok: true, packet });
        if (packet.kind === "batch") return;
        expect(parsePacket(written.subarray(0, -1), logs()).ok).toBe(false);
        expect(parsePacket(new Uint8Array([...written, 0]), logs()).ok).toBe(false);
      }),
    );
  });

  it("of any bytes is data, and no exception", () => {
    fc.assert(fc.property(bytes(400), (junk) => void parsePacket(junk, logs())));
  });

  it.each([
    ["nothing", []],
    ["an unknown kind", [99]],
    ["a range that ends before it begins", [3, 0, 1, ...new Array(16).fill(1), 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 8]],
    ["a range from 0", [3, 0, 1, ...new Array(16).fill(1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8]],
    ["more acknowledged than held", [4, 0, 1, ...new Array(16).fill(1), 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2]],
    ["more entries than allowed", [3, (ENTRIES_MAX + 1) >> 8, (ENTRIES_MAX + 1) & 0xff]],
    ["a pattern with an empty token", [6, 0, 1, 2, 0x61, 0x2e]],
    ["a batch with an unknown route", [1, 2]],
    ["of a group without a name", [11, 0, 0, 0]],
    ["of a group whose name has a dot", [12, 3, 0x61, 0x2e, 0x62, 0, 0]],
    ["of a group with a name of 65 bytes", [13, 65, ...new Array(65).fill(0x61), 0, 0]],
    ["a part that begins at 0", [13, 1, 0x61, 0, 1, ...new Array(16).fill(1), 0, 0, 0, 0, 0, 0]],
  ])("that is %s is none", (_, raw) => {
    expect(parsePacket(new Uint8Array(raw), logs())).toEqual({ ok: false, reason: "packet-malformed" });
  });

  it("over the limit is not looked at", () => {
    const reason = "packet-too-large";
    expect(parsePacket(new Uint8Array(PACKET_BYTES_MAX + 1), logs())).toEqual({ ok: false, reason });
  });
});

describe("frames", () => {
  it("come apart as they were put together, wherever the stream is cut", () => {
    const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 50 }));
    fc.assert(
      fc.property(fc.array(bytes(60), { maxLength: 12 }), cuts, (packets, cuts) => {
        const stream = new Uint8Array(packets.flatMap((packet) => [...frameOf(packet)]));
        const cutter = new FrameCutter();
        const found: Uint8Array[] = [];
        for (let at = 0; at < stream.length; ) {
          const length = cuts.next().value as number;
          found.push(...(cutter.push(stream.slice(at, at + length)) as Uint8Array[]));
          at += length;
        }
        expect(found).toEqual(packets);
      }),
    );
  });

  it("that announce more than a packet may have end the stream before a buffer is made", () => {
    expect(new FrameCutter().push(new Uint8Array([0xff, 0xff, 0xff, 0xff]))).toBeUndefined();
  });
});
