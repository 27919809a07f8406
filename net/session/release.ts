/**
 * Gives the memory of a buffer back at once. V8 counts what buffers hold and collects when that has grown by about 24 MiB,
 * and in a small heap such a collection takes as long as moving that many bytes: bulk streams stood still half of the time.
 */

import { givenBack } from "./garbage.js";

/** A shorter buffer is not worth the call, in bytes. */
const RELEASED_MIN = 4 * 1024;

/** Freed memory that the process keeps at most, in bytes: what a few streams have on their way. */
const KEPT_BYTES = 8 * 1024 * 1024;

/**
 * A closed port takes what is transferred to it and drops it (HTML, "message port post message steps"). Node 20 knows no
 * other way: ArrayBuffer.prototype.transfer came with V8 11.4.
 */
const { port1: sink } = new MessageChannel();
sink.close();

type Transferable = ArrayBuffer & { readonly transfer?: (length: number) => ArrayBuffer };

/**
 * What stands before the bytes of a message in a buffer of its own: gRPC's prefix, and the tags and lengths of its envelope. Too
 * little for another message with bytes and for this one's own.
 */
const HEAD_BYTES_MAX = 13;

/**
 * The same for the bytes of a message that came over a session: its buffer is its own when nothing else has room in it. `data` is
 * empty afterwards. Only for its last owner.
 */
export function releaseMessage(data: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = data;
  const isOwn = byteOffset <= HEAD_BYTES_MAX && byteOffset + byteLength === buffer.byteLength;
  if (!isOwn) return;
  givenBack(byteLength);
  release(new Uint8Array(buffer as ArrayBuffer));
}

/** `chunk` is empty afterwards. Only for its last owner; a part of a larger buffer stays as it is. */
export function release(chunk: Uint8Array<ArrayBuffer>): void {
  const { buffer } = chunk;
  if (chunk.byteLength < RELEASED_MIN || chunk.byteLength !== buffer.byteLength) return;
  if (!isKept) keepFreed();
  free(buffer);
}

function free(buffer: Transferable): void {
  if (buffer.transfer === undefined) sink.postMessage(null, [buffer]);
  else buffer.transfer(0);
}

/**
 * glibc gives memory back to the system when more than 128 KiB are free at the end of its heap, and each page costs a fault when
 * it is wanted again: for bulk data nearly as much as sending it. It keeps twice as much as the largest block that it has ever taken
 * from the system and given back (mallopt(3), "M_TRIM_THRESHOLD"). So one is given back that nobody has touched, which costs
 * a system call each way and no memory.
 */
function keepFreed(): void {
  isKept = true;
  free(Buffer.allocUnsafeSlow(KEPT_BYTES / 2).buffer as ArrayBuffer);
}

let isKept = false;
