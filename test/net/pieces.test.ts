/** The envelopes of calls as bytes: the schema's messages, and what a later version may add to each of them. */
import { once } from "node:events";
import { connect, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { Chunk, Packet } from "../../client/generated/fireflies.js";
import { Budget } from "../../net/session/budget.js";
import { AcceptedChannel, type Carrier } from "../../net/session/channel.js";
import { calledBy, requestHeaders } from "../../net/session/headers.js";
import { CLAIM_BYTES_MAX } from "../../net/session/limits.js";
import {
  decodePacket,
  decodePiece,
  encodeAll,
  encodeData,
  encodeEnd,
  encodeOpen,
  OPENED,
  type Piece,
  PREFIX_BYTES,
} from "../../net/session/pieces.js";
import { type Claim, Offers } from "../../net/session/spares.js";
import { Stalls } from "../../net/session/stalls.js";
import { memberIdFromBytes } from "../../rings/index.js";

const bodyOf = (message: Buffer) => new Uint8Array(message.subarray(PREFIX_BYTES));

/** Fields with numbers that no message of ours has, of every kind, as bytes. */
const anyLater = fc
  .array(
    fc.record({
      field: fc.integer({ min: 5, max: 1000 }),
      kind: fc.constantFrom(0, 1, 2, 5),
      data: fc.uint8Array({ maxLength: 20 }),
    }),
    { maxLength: 5 },
  )
  .map((fields) => {
    const writer = new BinaryWriter();
    for (const { field, kind, data } of fields) later(writer.uint32((field << 3) | kind), kind, data);
    return new Uint8Array(writer.finish());
  });

function later(writer: BinaryWriter, kind: number, data: Uint8Array): void {
  if (kind === 0) writer.uint32(data.length);
  else if (kind === 1) writer.fixed64(data.length);
  else if (kind === 2) writer.bytes(data);
  else writer.fixed32(data.length);
}

/** One field with a length. */
const field = (number: number, content: Uint8Array) =>
  new Uint8Array(
    new BinaryWriter()
      .uint32((number << 3) | 2)
      .bytes(content)
      .finish(),
  );

describe("pieces", () => {
  const rows: readonly (readonly [
    string,
    Buffer,
    NonNullable<Piece>,
    Parameters<typeof Chunk.encode>[0]["content"],
  ])[] = [
    [
      "data",
      encodeData(Uint8Array.of(1, 2)),
      { kind: "data", data: Uint8Array.of(1, 2) },
      { $case: "data", value: Uint8Array.of(1, 2) },
    ],
    [
      "an end",
      encodeEnd("timeout", "é"),
      { kind: "end", code: "timeout", text: "é" },
      { $case: "end", value: { code: "timeout", text: "é" } },
    ],
    ["an opened", OPENED, { kind: "opened" }, { $case: "opened", value: {} }],
    [
      "an open",
      encodeOpen("stream", 7000),
      { kind: "open", protocol: "stream", timeoutMs: 7000, name: "", trace: "" },
      { $case: "open", value: { protocol: "stream", timeoutMs: 7000, name: "", trace: "" } },
    ],
    [
      "an open with a name",
      encodeOpen("stream", 0, "/größe/1.0", "00-1-2-01"),
      { kind: "open", protocol: "stream", timeoutMs: 0, name: "/größe/1.0", trace: "00-1-2-01" },
      { $case: "open", value: { protocol: "stream", timeoutMs: 0, name: "/größe/1.0", trace: "00-1-2-01" } },
    ],
  ];

  it("many at once are the bytes of each, and long data is not copied", () => {
    const anyData = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 16_380, max: 16_390 }).map((length) => new Uint8Array(length).fill(7)),
    );
    fc.assert(
      fc.property(fc.array(anyData, { minLength: 1, maxLength: 8 }), (chunks) => {
        const parts = encodeAll(chunks);
        expect(Buffer.concat(parts).equals(Buffer.concat(chunks.map(encodeData)))).toBe(true);
        const long: readonly Uint8Array[] = chunks.filter(({ length }) => length > 16 * 1024);
        expect(parts.filter((part) => long.includes(part))).toEqual(long);
      }),
    );
  });

  it.each(rows)("%s is the schema's Chunk", (_, message, piece, content) => {
    expect(bodyOf(message)).toEqual(new Uint8Array(Chunk.encode({ content }).finish()));
    expect(decodePiece(bodyOf(message))).toEqual(piece);
    expect(Chunk.decode(bodyOf(message)).content).toEqual(content);
  });

  it.each(rows)("%s may carry fields of a later version, beside it and inside it", (_, message, piece) => {
    const body = bodyOf(message);
    fc.assert(
      fc.property(anyLater, anyLater, anyLater, (before, inside, behind) => {
        expect(decodePiece(Uint8Array.of(...before, ...body, ...behind))).toEqual(piece);
        if (piece.kind === "data") return;
        const content = Uint8Array.of(...body.subarray(2), ...inside);
        expect(decodePiece(field(body[0]! >> 3, content))).toEqual(piece);
      }),
    );
  });

  it("of a later version's kind are none that we know", () => {
    fc.assert(
      fc.property(anyLater, (body) => {
        expect(decodePiece(body)).toBeUndefined();
      }),
    );
  });

  it("and a packet is the schema's, with what a later version adds", () => {
    const data = Uint8Array.of(9, 8);
    expect(bodyOf(encodeData(data))).toEqual(new Uint8Array(Packet.encode({ body: data }).finish()));
    fc.assert(
      fc.property(anyLater, anyLater, (before, behind) => {
        expect(decodePacket(Uint8Array.of(...before, ...bodyOf(encodeData(data)), ...behind))).toEqual(data);
      }),
    );
  });
});

describe("a call's header fields", () => {
  it("may be more than ours", () => {
    const headers = { ...requestHeaders("exchange", 2_000), traceparent: "00-ab-cd-01", "x-later": "1" };
    expect(calledBy(headers as Parameters<typeof calledBy>[0])).toEqual(
      calledBy(requestHeaders("exchange", 2_000) as Parameters<typeof calledBy>[0]),
    );
  });
});

describe("a spare call", () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  const carrier: Carrier = {
    member: memberIdFromBytes(new Uint8Array(32)),
    budget: new Budget(),
    stalls: new Stalls(),
    sent: () => {},
    arrived: () => {},
    confirm: () => {},
    loss: undefined,
  };

  /** The end that accepted claims its first spare with these bytes: what the dialling end takes it for, or its end. */
  async function claimedWith(body: Uint8Array): Promise<Claim | "refused"> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    closing.push(() => client.destroy());
    closing.push(() => server.close());
    return await new Promise((resolve) => {
      server.once("stream", (stream: ServerHttp2Stream) => {
        const channel = new AcceptedChannel(stream, carrier, 0);
        channel.use({ onPiece: () => true, onHalfClose: () => {}, onGone: () => resolve("refused") });
        const message = Buffer.alloc(PREFIX_BYTES + body.length);
        message.writeUInt32BE(body.length, 1);
        message.set(body, PREFIX_BYTES);
        channel.write(message);
      });
      new Offers(client, carrier, resolve);
    });
  }

  const open = bodyOf(encodeOpen("messages", 5_000)).subarray(2);
  const padded = (bytes: number) => field(4, Uint8Array.of(...open, ...field(77, new Uint8Array(bytes))));

  it("is claimed by an open of a later version, with 1 KiB more than ours says", async () => {
    const claim = await claimedWith(padded(1024));
    expect(claim).toMatchObject({ protocol: "messages", timeoutMs: 5_000 });
  });

  it("is not claimed by an open over its bound, nor by a piece that is none", async () => {
    expect(await claimedWith(padded(CLAIM_BYTES_MAX))).toBe("refused");
    expect(await claimedWith(field(9, new Uint8Array(3)))).toBe("refused");
  });
});
