/**
 * What travels on the agent's API: JSON whose 64-bit numbers are strings; lines of JSON, one for each event; and, on a
 * connection that was upgraded, frames: one byte for the kind, four for the length (big endian), then as many bytes.
 */
import type { Duplex, Readable } from "node:stream";
import { drained } from "../drained.js";
import { malformed } from "./failure.js";

/** Of a connection that was upgraded. */
export const FRAMES = "fireflies-frames/1";
/** Bytes of standard input in one message of a stream: the usual chunk of a pipe. */
export const STREAM_CHUNK_BYTES = 64 * 1024;
/** Bytes of one frame: the largest message on a stream is 1 MiB. */
const FRAME_BYTES_MAX = 1024 * 1024;
const HEADER_BYTES = 5;
const NEWLINE = 0x0a;

/**
 * `data`: a message, or bytes. `end`: nothing more comes this way. `error`: as the body of a failed call. `event`: JSON.
 * After "end" from both sides, or "error" from one, the connection is closed.
 */
export type FrameKind = "data" | "end" | "error" | "event";
const KINDS: readonly FrameKind[] = ["data", "end", "error", "event"];

export interface WireFrame {
  readonly kind: FrameKind;
  readonly data: Uint8Array;
}

/** BigInts become strings. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part)) ?? "null";
}

export function encodeFrame(kind: FrameKind, data: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = KINDS.indexOf(kind);
  header.writeUInt32BE(data.length, 1);
  return Buffer.concat([header, data]);
}

/** Waits while the other side does not read, but not for one that has gone. */
export async function writeFrame(to: Duplex, kind: FrameKind, data?: Uint8Array): Promise<void> {
  if (to.writable && !to.write(encodeFrame(kind, data))) await drained(to);
}

/** Whole frames as they arrive; what is cut off at the end is dropped. Throws "control-malformed". */
export async function* frames(stream: Readable): AsyncGenerator<WireFrame, void> {
  let held: Buffer = Buffer.alloc(0);
  // The stream outlives its reader here: the other direction goes on.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= HEADER_BYTES) {
      const kind = KINDS[held[0]!];
      const length = held.readUInt32BE(1);
      if (kind === undefined || length > FRAME_BYTES_MAX)
        throw malformed("A frame on the connection is none, or too long.");
      if (held.length < HEADER_BYTES + length) break;
      yield { kind, data: held.subarray(HEADER_BYTES, HEADER_BYTES + length) };
      held = held.subarray(HEADER_BYTES + length);
    }
  }
}

/** The lines of `stream` as they arrive; what follows the last newline is dropped. Throws "control-malformed". */
export async function* lines(stream: Readable, bytesMax: number): AsyncGenerator<string, void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      held.push(chunk.subarray(start, end));
      if (heldBytes + end - start > bytesMax) throw tooLong(bytesMax);
      yield Buffer.concat(held).toString("utf8");
      held = [];
      heldBytes = 0;
      start = end + 1;
    }
    held.push(chunk.subarray(start));
    heldBytes += chunk.length - start;
    if (heldBytes > bytesMax) throw tooLong(bytesMax);
  }
}

function tooLong(bytesMax: number): Error {
  return malformed(`A line of the agent's API has more than ${bytesMax} bytes.`);
}
