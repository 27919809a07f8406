/**
 * What the two ends of a lasting stream say on one of its connections, a piece per message:
 *
 *     hello 1 | id (16 bytes) | received u64 | taken u64 | number u32 | may be new u8    the first one of who opens
 *     here  2 | received u64 | taken u64                                                the answer
 *     data  3 | bytes
 *     end   4
 *     ack   5 | received u64 | taken u64
 *
 * `received` counts the messages and the end that have come since the stream began, over all its connections: what follows
 * is sent again. `taken` is the weight of those that the reader has been given: what lets the writer go on. `number` counts
 * the connections, since they may overtake each other: the highest one is used.
 */
import { ByteReader, ByteWriter } from "../../rings/index.js";

const KINDS = { hello: 1, here: 2, data: 3, end: 4, ack: 5 } as const;
/** Bytes of a stream's id, chosen at random by who opens it. */
export const ID_BYTES = 16;

/** How far one end has got. */
export interface Progress {
  readonly received: number;
  readonly taken: number;
}

export type Piece =
  | ({
      readonly kind: "hello";
      readonly id: Uint8Array;
      readonly number: number;
      readonly mayBeNew: boolean;
    } & Progress)
  | ({ readonly kind: "here" | "ack" } & Progress)
  | { readonly kind: "data"; readonly data: Uint8Array }
  | { readonly kind: "end" };

export function encodeHello(id: Uint8Array, progress: Progress, number: number, mayBeNew: boolean): Uint8Array {
  const writer = withProgress(new ByteWriter().u8(KINDS.hello).raw(id), progress);
  return writer.u32(number).u8(Number(mayBeNew)).finish();
}

export function encodeProgress(kind: "here" | "ack", progress: Progress): Uint8Array {
  return withProgress(new ByteWriter().u8(KINDS[kind]), progress).finish();
}

/** A copy: its writer may change the message afterwards. */
export function encodeData(message: Uint8Array): Uint8Array {
  const piece = Buffer.allocUnsafe(1 + message.length);
  piece[0] = KINDS.data;
  piece.set(message, 1);
  return piece;
}

export const END = Uint8Array.of(KINDS.end);

/** Undefined for what is none. */
export function decodePiece(bytes: Uint8Array): Piece | undefined {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  if (kind === KINDS.data) return { kind: "data", data: bytes.subarray(1) };
  const piece = restOf(kind, reader);
  return reader.complete ? piece : undefined;
}

function restOf(kind: number, reader: ByteReader): Piece | undefined {
  if (kind === KINDS.end) return { kind: "end" };
  if (kind === KINDS.here) return { kind: "here", ...progressOf(reader) };
  if (kind === KINDS.ack) return { kind: "ack", ...progressOf(reader) };
  if (kind !== KINDS.hello) return undefined;
  const id = reader.raw(ID_BYTES);
  return { kind: "hello", id, ...progressOf(reader), number: reader.u32(), mayBeNew: reader.u8() === 1 };
}

function progressOf(reader: ByteReader): Progress {
  return { received: Number(reader.u64()), taken: Number(reader.u64()) };
}

function withProgress(writer: ByteWriter, { received, taken }: Progress): ByteWriter {
  return writer.u64(BigInt(received)).u64(BigInt(taken));
}
