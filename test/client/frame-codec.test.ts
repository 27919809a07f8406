/** The bytes of message contents and frames: one encoding per value, bounds, and nothing accepted that is not one. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameChunk, Frame as WireFrame } from "../../client/generated/fireflies.js";
import {
  type Content,
  decodeContent,
  ERROR_TEXT_BYTES_MAX,
  encodeContent,
  REQUEST_ID_MAX,
} from "../../client/messages/content.js";
import {
  decodeFrame,
  encodeBatch,
  encodeHello,
  FRAME_MESSAGES_MAX,
  frameBytes,
  NONCE_BYTES,
  SALT_BYTES,
} from "../../client/messages/frame.js";
import { listBody, listPrefix } from "../../client/messages/list.js";
import { sha256 } from "../../identity/index.js";
import { memberIdFromBytes, toHex } from "../../rings/index.js";
import { anyExtensions } from "../support/extensions.js";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const bytes = (max: number) => fc.uint8Array({ maxLength: max });
/** Empty extensions of types 0, 1, 2 ... */
const types = (count: number) =>
  Array.from({ length: count }, (_, type) => `${type.toString(16).padStart(4, "0")}0000`).join("");

describe("message contents", () => {
  const rows: readonly (readonly [string, Content])[] = [
    ["01 0000000000000001 00 00001388 6869", { kind: "message", id: 1, deadlineMs: 5000, payload: hex("6869") }],
    ["02 001fffffffffffff 00 00000000", { kind: "gossip", id: REQUEST_ID_MAX, deadlineMs: 0, payload: hex("") }],
    ["03 0000000100000000 00 ff", { kind: "reply", id: 2 ** 32, payload: hex("ff") }],
    ["04 0000000000000007 00 07 74696d656f7574 c3a9", { kind: "error", id: 7, code: "timeout", text: "é" }],
    ["05 0000000000000007 00", { kind: "cancel", id: 7 }],
    [
      "01 0000000000000001 02 0001 0001 73 0309 0000 00001388 6869",
      {
        ...{ kind: "message", id: 1, deadlineMs: 5000, payload: hex("6869") },
        extensions: [
          { type: 1, data: hex("73") },
          { type: 777, data: hex("") },
        ],
      },
    ],
    ["05 0000000000000007 01 ffff 0001 00", { kind: "cancel", id: 7, extensions: [{ type: 65_535, data: hex("00") }] }],
  ];
  it.each(rows)("%s", (text, content) => {
    expect(toHex(encodeContent(content))).toBe(text.replaceAll(" ", ""));
    expect(decodeContent(hex(text))).toEqual(content);
  });

  it.each([
    ["nothing", ""],
    ["an unknown kind", "06 0000000000000001 00"],
    ["kind 0", "00 0000000000000001 00"],
    ["no word on extensions", "05 0000000000000001"],
    ["half an extension", "05 0000000000000001 01 0001 0002 61"],
    ["an extension twice", "05 0000000000000001 02 0001 0000 0001 0000"],
    ["more extensions than there may be", `05 0000000000000001 11 ${types(17)}`],
    ["half an id", "05 00000000"],
    ["an id that no number holds", "05 0020000000000000 00"],
    ["a request without its deadline", "01 0000000000000001 00 0000"],
    ["bytes after a cancel", "05 0000000000000001 00 00"],
    ["an error without a code", "04 0000000000000001 00 00 61"],
    ["a code beyond the end", "04 0000000000000001 00 05 61"],
    ["a code of other characters", "04 0000000000000001 00 02 4120"],
    ["text that is not UTF-8", "04 0000000000000001 00 01 61 ff"],
  ])("refuses %s", (_what, text) => {
    expect(decodeContent(hex(text))).toBeUndefined();
  });

  const id = fc.maxSafeNat();
  const anyContent: fc.Arbitrary<Content> = fc.oneof(
    fc.record({
      kind: fc.constantFrom("message" as const, "gossip" as const),
      id,
      deadlineMs: fc.nat({ max: 2 ** 32 - 1 }),
      payload: bytes(300),
    }),
    fc.record({ kind: fc.constant("reply" as const), id, payload: bytes(300) }),
    fc.record({
      kind: fc.constant("error" as const),
      id,
      code: fc.stringMatching(/^[a-z0-9-]{1,64}$/),
      text: fc.string({ unit: "grapheme", maxLength: 200 }),
    }),
    fc.record({ kind: fc.constant("cancel" as const), id }),
  );

  it("come back as they were, with what a later version adds", () => {
    fc.assert(
      fc.property(anyContent, anyExtensions, (content, extensions) => {
        const whole = extensions.length === 0 ? content : { ...content, extensions };
        expect(decodeContent(encodeContent(whole))).toEqual(whole);
        expect(encodeContent({ ...content, extensions: [] })).toEqual(encodeContent(content));
      }),
    );
  });

  it("have one encoding", () => {
    const hasOne = (data: Uint8Array) => {
      const content = decodeContent(data);
      if (content !== undefined) expect(encodeContent(content)).toEqual(data);
    };
    fc.assert(fc.property(bytes(60), hasOne), { numRuns: 2000 });
    fc.assert(
      fc.property(anyContent, anyExtensions, fc.nat(), fc.nat(255), (content, extensions, at, value) => {
        const changed = encodeContent({ ...content, extensions });
        changed[at % Math.min(changed.length, 40)] = value;
        hasOne(changed);
      }),
      { numRuns: 2000 },
    );
  });

  it("cut a long error text between characters", () => {
    const content = decodeContent(encodeContent({ kind: "error", id: 1, code: "a", text: "é".repeat(5000) }));
    expect(content).toMatchObject({ text: "é".repeat(ERROR_TEXT_BYTES_MAX / 2) });
  });
});

describe("frames", () => {
  const nonce = new Uint8Array(NONCE_BYTES).fill(1);
  const signature = new Uint8Array(64).fill(2);
  const message = new Uint8Array(SALT_BYTES + 3).fill(3);
  const batch = encodeBatch({ counter: 300, signature, messages: [message, message] });
  const hello = encodeHello({ version: 1, nonce });
  const field = (tag: number, content: Uint8Array) => Uint8Array.of(tag, content.length, ...content);

  it("are the schema's Frame", () => {
    expect(WireFrame.decode(hello).content).toEqual({ $case: "hello", value: { version: 1, nonce, early: false } });
    const early = encodeHello({ version: 1, nonce, isEarly: true });
    expect(WireFrame.decode(early).content).toEqual({ $case: "hello", value: { version: 1, nonce, early: true } });
    expect(decodeFrame(early)).toEqual({ kind: "hello", version: 1, nonce, isEarly: true });
    const value = { counter: 300n, signature, messages: [message, message] };
    expect(WireFrame.decode(batch).content).toEqual({ $case: "batch", value });
    expect(WireFrame.encode({ content: { $case: "batch", value } }).finish()).toEqual(batch);
  });

  it("pass a FrameChunk as the bytes they are", () => {
    const chunk = FrameChunk.encode({ content: { $case: "frame", value: WireFrame.decode(batch) } }).finish();
    expect(chunk.subarray(chunk.length - batch.length)).toEqual(batch);
  });

  const anyBatch = fc.record({
    counter: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    messages: fc.array(fc.uint8Array({ minLength: SALT_BYTES, maxLength: 400 }), { minLength: 1, maxLength: 40 }),
  });

  it("come back as they were, within the size that was said", () => {
    fc.assert(
      fc.property(anyBatch, (each) => {
        const encoded = encodeBatch(each);
        const size = each.messages.reduce((sum, { length }) => sum + length, 0);
        expect(encoded.length).toBeLessThanOrEqual(frameBytes(each.messages.length, size));
        expect(decodeFrame(encoded)).toEqual({ kind: "batch", ...each });
      }),
    );
  });

  it("are refused when cut anywhere or with a byte too many", () => {
    for (const frame of [hello, batch]) {
      for (let end = 0; end < frame.length; end++) expect(decodeFrame(frame.subarray(0, end))).toBeUndefined();
      for (const byte of [0, 1, 0x0a, 0x12, 0xff]) expect(decodeFrame(Uint8Array.of(...frame, byte))).toBeUndefined();
    }
  });

  it("have one encoding as far as it is read: what is accepted and known re-encodes to itself", () => {
    fc.assert(
      fc.property(anyBatch, fc.nat(), fc.nat({ max: 255 }), (each, at, value) => {
        const changed = encodeBatch(each);
        changed[at % changed.length] = value;
        const frame = decodeFrame(changed);
        // A tag may have become an unknown field's: then something is missing from the frame, and it is shorter.
        if (frame?.kind === "batch" && frame.messages.length === each.messages.length) {
          expect(encodeBatch(frame)).toEqual(changed);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("may carry fields of a later version", () => {
    const later = hex("1a02 6869 2001 2d01020304 310102030405060708");
    expect(decodeFrame(Uint8Array.of(...hello, ...later))).toEqual({ kind: "hello", version: 1, nonce });
    expect(decodeFrame(Uint8Array.of(...hello, ...hex("1b")))).toBeUndefined();
    const [helloBody, batchBody] = [hello.subarray(2), batch.subarray(2)];
    const [wider, longer] = [Uint8Array.of(...helloBody, ...later), Uint8Array.of(...batchBody, ...hex("2202 6869"))];
    expect(decodeFrame(field(0x0a, wider))).toEqual({ kind: "hello", version: 1, nonce });
    expect(decodeFrame(field(0x12, longer))).toEqual(decodeFrame(batch));
  });

  const inner = (...parts: Uint8Array[]) => field(0x12, Uint8Array.from(parts.flatMap((part) => [...part])));
  const counter = hex("0801");
  it.each([
    ["no messages", inner(counter, field(0x12, signature))],
    ["no signature", inner(counter, field(0x1a, message))],
    ["a short signature", inner(counter, field(0x12, signature.subarray(1)), field(0x1a, message))],
    ["counter 0", inner(hex("0800"), field(0x12, signature), field(0x1a, message))],
    ["a counter in more bytes than it needs", inner(hex("088100"), field(0x12, signature), field(0x1a, message))],
    [
      "a counter that no number holds",
      inner(hex("08ffffffffffffffffff01"), field(0x12, signature), field(0x1a, message)),
    ],
    ["a message without a whole salt", inner(counter, field(0x12, signature), field(0x1a, message.subarray(4)))],
    ["two counters", inner(counter, counter, field(0x12, signature), field(0x1a, message))],
    ["a counter at the end", inner(counter, field(0x12, signature), field(0x1a, message), counter)],
    ["hello with a short nonce", field(0x0a, Uint8Array.of(...hex("0801"), ...field(0x12, nonce.subarray(1))))],
    ["hello of version 0", field(0x0a, Uint8Array.of(...hex("0800"), ...field(0x12, nonce)))],
    ["both kinds", Uint8Array.of(...hello, ...hello)],
    ["nothing", new Uint8Array(0)],
  ])("with %s are refused", (_what, frame) => {
    expect(decodeFrame(frame)).toBeUndefined();
  });

  it("hold a bounded number of messages", () => {
    const messages = Array.from({ length: FRAME_MESSAGES_MAX + 1 }, () => new Uint8Array(SALT_BYTES));
    expect(decodeFrame(encodeBatch({ counter: 1, signature, messages }))).toBeUndefined();
    expect(decodeFrame(encodeBatch({ counter: 1, signature, messages: messages.slice(1) }))).toBeDefined();
  });
});

describe("the signed list", () => {
  it("has the documented layout", () => {
    const [sender, receiver] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const prefix = listPrefix({
      sender: memberIdFromBytes(sender),
      receiver: memberIdFromBytes(receiver),
      linkNonce: new Uint8Array(32).fill(3),
    });
    const message = new Uint8Array(20).fill(4);
    const expected = Uint8Array.of(
      ...[...sender, ...receiver, ...new Uint8Array(32).fill(3)],
      ...[...hex("0000000100000002 00000002"), ...sha256(message), ...sha256(message)],
    );
    expect(listBody(prefix, 2 ** 32 + 2, [message, message])).toEqual(expected);
  });
});

describe("the generated code", () => {
  const buf = "node_modules/.bin/buf";
  it.skipIf(!existsSync(buf))("is what proto/fireflies.proto gives (skipped where buf is not installed)", () => {
    const out = mkdtempSync(join(tmpdir(), "ff-generate-"));
    try {
      execFileSync(buf, ["generate", "--output", out], { stdio: "pipe" });
      const file = "client/generated/fireflies.ts";
      expect(readFileSync(join(out, file), "utf8")).toBe(readFileSync(file, "utf8"));
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });
});
