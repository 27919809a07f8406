/** The four calls of proto/fireflies.proto as gRPC takes them, with bodies in and out instead of envelopes. */
import type { MethodDefinition } from "@grpc/grpc-js";
import { Chunk, OverlayService, Packet } from "../generated/fireflies.js";
import type { CallKind, DuplexKind } from "../transport.js";

/** What passes on a duplex: a message, the end of the sender's direction, or (undefined) what a later version may say. */
export type Piece = Chunk["content"];

type Unary = MethodDefinition<Uint8Array, Uint8Array>;
type Bidi = MethodDefinition<Piece, Piece>;

const packets = {
  requestSerialize: encodePacket,
  requestDeserialize: decodePacket,
  responseSerialize: encodePacket,
  responseDeserialize: decodePacket,
};
/** FrameChunk is the same on the wire: its frame is passed as the bytes it is. */
const chunks = {
  requestSerialize: encodePiece,
  requestDeserialize: decodePiece,
  responseSerialize: encodePiece,
  responseDeserialize: decodePiece,
};

export const CALLS: Readonly<Record<CallKind, Unary>> = {
  exchange: { ...OverlayService.exchange, ...packets },
  probe: { ...OverlayService.probe, ...packets },
};
export const DUPLEXES: Readonly<Record<DuplexKind, Bidi>> = {
  messages: { ...OverlayService.messages, ...chunks },
  stream: { ...OverlayService.stream, ...chunks },
};

const KINDS = new Map(
  Object.entries({ ...CALLS, ...DUPLEXES }).map(([kind, { path }]) => [path, kind as CallKind | DuplexKind]),
);

/** What is called at this path. */
export function kindOf(path: string): CallKind | DuplexKind | undefined {
  return KINDS.get(path);
}

/** What the envelopes add to a body, in bytes: a tag and a length. */
export const ENVELOPE_BYTES = 8;
/** Field 1 of Chunk, with a length. */
const DATA_TAG = 0x0a;

function encodePacket(body: Uint8Array): Buffer {
  return asBuffer(Packet.encode({ body }).finish());
}

function decodePacket(bytes: Buffer): Uint8Array {
  return plain(Packet.decode(bytes).body);
}

/** Data by hand, as nearly all pieces are: tag, length, bytes. */
function encodePiece(content: Piece): Buffer {
  if (content?.$case !== "data") return asBuffer(Chunk.encode({ content }).finish());
  const { value } = content;
  const out = Buffer.allocUnsafe(ENVELOPE_BYTES + value.length);
  out[0] = DATA_TAG;
  let at = 1;
  let rest = value.length;
  for (; rest > 0x7f; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  out.set(value, at);
  return out.subarray(0, at + value.length);
}

/** The data of a piece that is nothing else, as `encodePiece` writes it. */
function plainData(bytes: Buffer): Uint8Array | undefined {
  if (bytes[0] !== DATA_TAG) return undefined;
  let length = 0;
  let at = 1;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << shift;
    if (byte <= 0x7f) return length === bytes.length - at ? plain(bytes.subarray(at)) : undefined;
  }
  return undefined;
}

function decodePiece(bytes: Buffer): Piece {
  const value = plainData(bytes);
  if (value !== undefined) return { $case: "data", value };
  const { content } = Chunk.decode(bytes);
  return content?.$case === "data" ? { $case: "data", value: plain(content.value) } : content;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Not a Buffer, whose methods differ (slice shares, toString decodes): applications are promised a Uint8Array. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
