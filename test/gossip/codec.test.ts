/** Every layout: one encoding per value, nothing thrown whatever arrives (protocol 5a). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EPOCH_MAX, METADATA_BYTES_MAX, NOTE_BYTES_MAX } from "../../gossip/limits.js";
import { encodeAccusation, parseAccusation } from "../../gossip/records/accusation.js";
import { encodeChain, parseChain } from "../../gossip/records/certificate.js";
import {
  addressesOf,
  encodeNote,
  type Note,
  parseNote,
  TRANSPORT_GRPC,
  TRANSPORT_PING,
} from "../../gossip/records/note.js";
import { encodePacket, type Item, parsePacket } from "../../gossip/records/packet.js";
import { encodeRevocationList, parseRevocationList } from "../../gossip/records/revocation.js";
import { encodeStatement, parseStatement } from "../../gossip/records/statement.js";
import {
  EXTENSIONS_BYTES_MAX,
  type Extension,
  fromHex,
  memberIdFromBytes,
  RING_COUNT_MAX,
  toHex,
} from "../../rings/index.js";
import { anyExtensions } from "../support/extensions.js";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hash = bytes(32);
const id = hash.map(memberIdFromBytes);
const epoch = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const printable = fc.stringMatching(/^[\x21-\x7e]{0,40}$/);

const note: fc.Arbitrary<Uint8Array> = fc
  .record({
    id,
    certificate: hash.map(toHex),
    epoch,
    leaving: fc.boolean(),
    mask: fc.uint8Array({ maxLength: 40 }),
    agreementKey: hash,
    addresses: fc.array(fc.record({ transport: fc.nat(255), text: printable }), { maxLength: 8 }),
    metadata: fc.uint8Array({ maxLength: 200 }),
    extensions: anyExtensions,
  })
  .map((value: Note) => encodeNote(value, fromHex(value.certificate)!));

const accusation = fc
  .record({ accuser: id, certificate: hash.map(toHex), accused: id, ring: fc.nat(65535), epoch })
  .map((value) => encodeAccusation(value, fromHex(value.certificate)!));

const revocations = fc
  .record({
    number: epoch,
    issuedAt: fc.nat(Number.MAX_SAFE_INTEGER),
    nextUpdate: fc.nat(Number.MAX_SAFE_INTEGER),
    certificates: fc.array(hash.map(toHex), { maxLength: 5 }).map((list) => new Set(list)),
    issuers: fc.array(hash.map(toHex), { maxLength: 5 }).map((list) => new Set(list)),
    members: fc.array(id, { maxLength: 5 }).map((list) => new Set(list)),
  })
  .map((value) => encodeRevocationList(value, (text) => fromHex(text)!));

const chain = fc
  .record({
    leaf: fc.uint8Array({ minLength: 1, maxLength: 99 }),
    issuer: fc.uint8Array({ minLength: 1, maxLength: 99 }),
  })
  .map(encodeChain);

const u32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const signed = (kind: number, ...bodies: Uint8Array[]) =>
  Uint8Array.from([kind, ...bodies.flatMap((body) => [...u32(body.length), ...body, ...new Uint8Array(64).fill(7)])]);
const statement = fc.oneof(
  chain.map((body) => Uint8Array.from([1, ...body])),
  note.map((body) => signed(2, body)),
  accusation.map((body) => signed(3, body)),
  fc.tuple(note, note).map(([first, second]) => signed(4, first, second)),
  revocations.map((body) => Uint8Array.from([...signed(5, body), 0, 2, 9, 9])),
);

const prefix = fc.stringMatching(/^[0-9a-f]{0,64}$/);
const digests = fc.array(bytes(16).map(toHex), { maxLength: 20 });
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constant("statement" as const), bytes: fc.uint8Array({ maxLength: 50 }) }),
  fc.record({ kind: fc.constant("range" as const), prefix, hash: bytes(16) }),
  fc.record({
    kind: fc.constant("children" as const),
    prefix,
    hashes: fc.array(bytes(16), { minLength: 16, maxLength: 16 }),
  }),
  fc.record({ kind: fc.constant("list" as const), prefix, digests }),
  fc.record({ kind: fc.constant("want" as const), digests }),
  fc.record({ kind: fc.constant("offer" as const), digests }),
  fc.record({ kind: fc.constant("gone" as const), epoch }),
  fc.record({ kind: fc.constant("more" as const) }),
  fc.record({ kind: fc.constant("refused" as const), reason: printable }),
);
const packet = fc.array(item, { maxLength: 8 }).map(encodePacket);

/** Each layout as bytes in, the same bytes out; undefined for what is refused. */
const layouts: [string, fc.Arbitrary<Uint8Array>, (input: Uint8Array) => Uint8Array | undefined][] = [
  [
    "note",
    note,
    (input) => {
      const value = parseNote(input);
      return value && encodeNote(value, fromHex(value.certificate)!);
    },
  ],
  [
    "accusation",
    accusation,
    (input) => {
      const value = parseAccusation(input);
      return value && encodeAccusation(value, fromHex(value.certificate)!);
    },
  ],
  [
    "revocation list",
    revocations,
    (input) => {
      const value = parseRevocationList(input);
      return value && encodeRevocationList(value, (text) => fromHex(text)!);
    },
  ],
  [
    "certificate chain",
    chain,
    (input) => {
      const value = parseChain(input);
      return value && encodeChain(value);
    },
  ],
  [
    "statement",
    statement,
    (input) => {
      const value = parseStatement(input);
      return value && encodeStatement(value);
    },
  ],
  [
    "packet",
    packet,
    (input) => {
      const value = parsePacket(input);
      return value.ok ? encodePacket(value.items) : undefined;
    },
  ],
];

describe.each(layouts)("%s", (name, valid, through) => {
  it("comes back as the same bytes", () => {
    fc.assert(
      fc.property(valid, (input) => {
        expect(through(input)).toEqual(input);
      }),
    );
  });

  it("is refused with a byte too many or any number too few", () => {
    fc.assert(
      fc.property(valid, fc.nat(), fc.nat(255), (input, cut, extra) => {
        // A packet is a list of items without a count, so it may end after any of them.
        if (name !== "packet") expect(through(input.subarray(0, cut % input.length))).toBeUndefined();
        if (name !== "packet") expect(through(Uint8Array.from([...input, extra]))).toBeUndefined();
        else expectOneEncoding(through, input.subarray(0, cut % input.length));
      }),
    );
  });

  it("has one encoding, and throws nothing, whatever is changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(valid, changes, (input, list) => {
        const changed = Uint8Array.from(input);
        for (const [at, value] of list) changed[at % changed.length] = value;
        expectOneEncoding(through, changed);
      }),
      { numRuns: 1000 },
    );
  });

  it("throws nothing for noise", () => {
    const noise = fc.tuple(fc.nat(6), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(noise, ([first, rest]) => expectOneEncoding(through, Uint8Array.from([first, ...rest]))),
      { numRuns: 500 },
    );
  });
});

function expectOneEncoding(through: (input: Uint8Array) => Uint8Array | undefined, input: Uint8Array): void {
  const again = through(input);
  if (again) expect(again).toEqual(input);
}

describe("the limits of a note", () => {
  const value: Note = {
    id: memberIdFromBytes(new Uint8Array(32)),
    certificate: "00".repeat(32),
    epoch: EPOCH_MAX,
    leaving: false,
    mask: Uint8Array.of(255, 1),
    agreementKey: new Uint8Array(32),
    addresses: [],
    metadata: new Uint8Array(0),
  };
  const parsed = (change: Partial<Note>) => parseNote(encodeNote({ ...value, ...change }, new Uint8Array(32)));
  const address = (chars: number, transport = 1) => ({ transport, text: "a".repeat(chars) });
  const extension = (length: number): Extension[] => [{ type: 7, data: new Uint8Array(length) }];

  it.each<[string, Partial<Note>, boolean]>([
    ["metadata of 4 KiB", { metadata: new Uint8Array(METADATA_BYTES_MAX) }, true],
    ["a byte more", { metadata: new Uint8Array(METADATA_BYTES_MAX + 1) }, false],
    ["24 addresses", { addresses: Array.from({ length: 24 }, () => address(20)) }, true],
    ["25", { addresses: Array.from({ length: 25 }, () => address(20)) }, false],
    ["ten of the longest", { addresses: Array.from({ length: 10 }, () => address(259)) }, true],
    ["eleven", { addresses: Array.from({ length: 11 }, () => address(259)) }, false],
    ["an address of 259 characters", { addresses: [address(259)] }, true],
    ["of 260", { addresses: [address(260)] }, false],
    ["an address of an unknown kind, as long", { addresses: [address(259, 200)] }, true],
    ["of an unknown kind, longer", { addresses: [address(260, 200)] }, false],
    ["24 of unknown kinds", { addresses: Array.from({ length: 24 }, (_, kind) => address(9, 100 + kind)) }, true],
    ["25", { addresses: Array.from({ length: 25 }, (_, kind) => address(9, 100 + kind)) }, false],
    ["extensions of 1 KiB", { extensions: extension(EXTENSIONS_BYTES_MAX - 5) }, true],
    ["a byte more", { extensions: extension(EXTENSIONS_BYTES_MAX - 4) }, false],
    ["an address with a space", { addresses: [{ transport: 1, text: "a b" }] }, false],
    ["with a control character", { addresses: [{ transport: 1, text: "a\n" }] }, false],
    ["beyond ASCII", { addresses: [{ transport: 1, text: "caf\xe9" }] }, false],
  ])("%s", (_, change, isFine) => expect(parsed(change) !== undefined).toBe(isFine));

  it("passes on what it does not know, unopened: kinds of address and types of extension", () => {
    const later = {
      addresses: [address(20, 1), { transport: 255, text: "relay://3f?x=\\%00" }],
      extensions: [
        { type: 300, data: Uint8Array.of(0, 255, 10) },
        { type: 65_535, data: new Uint8Array(0) },
      ],
    };
    expect(parsed(later)).toEqual({ ...value, ...later });
    expect(addressesOf(later, TRANSPORT_GRPC)).toEqual(["a".repeat(20)]);
    expect(addressesOf(later, TRANSPORT_PING)).toEqual([]);
  });

  it("costs one byte without extensions, and says then that there are none", () => {
    const [without, one] = [encodeNote(value, new Uint8Array(32)), { type: 1, data: new Uint8Array(0) }];
    expect(without.at(-1)).toBe(0);
    expect(without).toEqual(encodeNote({ ...value, extensions: [] }, new Uint8Array(32)));
    expect(encodeNote({ ...value, extensions: [one] }, new Uint8Array(32)).length).toBe(without.length + 4);
    expect(parsed({})).not.toHaveProperty("extensions");
  });

  it("of the version before is refused", () => {
    const before = encodeNote(value, new Uint8Array(32));
    before[0] = 1;
    expect(parseNote(before)).toBeUndefined();
    expect(parseNote(before.subarray(0, -1))).toBeUndefined();
  });

  it("is 8 KiB in all, with room for the most of everything", () => {
    const most = encodeNote(
      {
        ...value,
        metadata: new Uint8Array(METADATA_BYTES_MAX),
        addresses: Array.from({ length: 10 }, () => address(259)),
        mask: new Uint8Array(Math.ceil(RING_COUNT_MAX / 8)),
        extensions: extension(EXTENSIONS_BYTES_MAX - 5),
      },
      new Uint8Array(32),
    );
    expect(most.length).toBeLessThanOrEqual(NOTE_BYTES_MAX);
    expect(parseNote(most)).toBeDefined();
    expect(parseNote(new Uint8Array(NOTE_BYTES_MAX + 1))).toBeUndefined();
  });
});
