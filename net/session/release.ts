/**
 * Gives the memory of a buffer back at once. V8 counts what buffers hold and collects when that has grown by about 24 MiB,
 * and in a small heap such a collection takes as long as moving that many bytes: bulk streams stood still half of the time.
 */

/** A shorter buffer is not worth the call, in bytes. */
const RELEASED_MIN = 4 * 1024;

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
  if (isOwn) release(new Uint8Array(buffer as ArrayBuffer));
}

/** `chunk` is empty afterwards. Only for its last owner; a part of a larger buffer stays as it is. */
export function release(chunk: Uint8Array<ArrayBuffer>): void {
  const buffer: Transferable = chunk.buffer;
  if (chunk.byteLength < RELEASED_MIN || chunk.byteLength !== buffer.byteLength) return;
  if (buffer.transfer === undefined) sink.postMessage(null, [buffer]);
  else buffer.transfer(0);
}
