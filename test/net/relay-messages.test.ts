/** What members say to each other about relays, as bytes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CONDUIT_TOKEN_BYTES,
  decodeConduit,
  decodeHandover,
  decodeIds,
  decodeOpened,
  decodeOpening,
  decodeReservation,
  decodeTarget,
  decodeToken,
  decodeWish,
  encodeConduit,
  encodeHandover,
  encodeIds,
  encodeOpened,
  encodeOpening,
  encodeReservation,
  encodeTarget,
  encodeToken,
  encodeWish,
  REACHES_MAX,
  REFUSALS,
} from "../../net/relays/messages.js";
import { messagesOf } from "../../net/relays/relayed-duplex.js";
import { memberIdFromBytes } from "../../rings/index.js";

const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(memberIdFromBytes);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const refusal = fc.record({ kind: fc.constant("refused" as const), why: fc.constantFrom(...REFUSALS), retryMs: u32 });
const opened = fc.record({ kind: fc.constant("opened" as const), lastsMs: u32 });
const granted = fc.record({
  kind: fc.constant("granted" as const),
  forMs: u32,
  connections: fc.integer({ min: 0, max: 65_535 }),
  bytesPerSecond: u32,
  connectionMs: u32,
  observed: fc.constantFrom("", "192.0.2.1:1", "udx://[2001:db8::1]:65535"),
});
const opening = fc.oneof(
  fc.record({ target: id }),
  fc.record({ target: id, next: id }),
  fc.record({ target: id, origin: id }),
);
const token = fc.uint8Array({ minLength: CONDUIT_TOKEN_BYTES, maxLength: CONDUIT_TOKEN_BYTES });
const handover = fc.oneof(fc.record({ caller: id }), fc.record({ caller: id, first: id }));

/** Each kind of message: values, and both ways. */
const KINDS = [
  ["wish", fc.constantFrom("reserve" as const, "release" as const), encodeWish, decodeWish],
  ["reservation", fc.oneof(granted, refusal), encodeReservation, decodeReservation],
  ["opening", opening, encodeOpening, decodeOpening],
  ["handover", handover, encodeHandover, decodeHandover],
  ["opened", fc.oneof(opened, refusal), encodeOpened, decodeOpened],
  ["target", id, encodeTarget, decodeTarget],
  [
    "conduit",
    fc.oneof(fc.record({ kind: fc.constant("conduit" as const), lastsMs: u32, token }), refusal),
    encodeConduit,
    decodeConduit,
  ],
  ["token", token, encodeToken, decodeToken],
  ["ids", fc.array(id, { maxLength: REACHES_MAX }), encodeIds, decodeIds],
] as unknown as readonly [
  string,
  fc.Arbitrary<unknown>,
  (value: unknown) => Uint8Array,
  (bytes: Uint8Array) => unknown,
][];

describe.each(KINDS)("%s", (_, values, encode, decode) => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value))).toEqual(value);
      }),
    );
  });

  it("has one encoding: what is read from any bytes is written as those bytes", () => {
    const almost = fc.tuple(values, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
      const bytes = Uint8Array.from(encode(value));
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), almost), (bytes) => {
        const value = decode(bytes);
        if (value !== undefined) expect(encode(value)).toEqual(bytes);
      }),
    );
  });

  it("is refused when it is cut, or longer", () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value);
        expect(decode(bytes.subarray(0, -1))).toBeUndefined();
        expect(decode(Uint8Array.from([...bytes, 0]))).toBeUndefined();
      }),
    );
  });
});

it("the bytes of a connection go in messages of at most 64 KiB, in order, as few as that allows", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 12 }), (lengths) => {
      const chunks = lengths.map((length, index) => new Uint8Array(length).fill(index));
      const messages = messagesOf(chunks);
      expect(Buffer.concat(messages).equals(Buffer.concat(chunks))).toBe(true);
      for (const { length } of messages) expect(length).toBeLessThanOrEqual(65_536);
      for (let index = 1; index < messages.length; index++)
        expect(messages[index - 1]!.length + messages[index]!.length).toBeGreaterThan(65_536 / 2);
    }),
  );
});
