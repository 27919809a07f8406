/** Packets on a stream between two members: u32 length, packet. Written whole by the machine, and cut apart again here. */
import { PACKET_BYTES_MAX } from "../limits.js";

/** Bytes of the length before a packet. */
export const FRAME_HEAD_BYTES = 4;

/** A packet with its length before it, copied. */
export function frameOf(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + packet.length);
  writeFrameHead(frame, packet.length);
  frame.set(packet, FRAME_HEAD_BYTES);
  return frame;
}

export function writeFrameHead(frame: Uint8Array, packetBytes: number): void {
  frame[0] = packetBytes >>> 24;
  frame[1] = packetBytes >>> 16;
  frame[2] = packetBytes >>> 8;
  frame[3] = packetBytes;
}

/**
 * Cuts a stream into packets. What it yields are views of the chunks, and where a packet spans chunks a buffer of its own:
 * the machine keeps what a batch is in, so chunks must not be used again by whoever brought them.
 */
export class FrameCutter {
  /** Of the packet under way: its length's bytes, then its own. */
  readonly #head = new Uint8Array(FRAME_HEAD_BYTES);
  #headBytes = 0;
  #packet: Uint8Array | undefined;
  #packetBytes = 0;

  /** The packets that a chunk completes; undefined when a length is over the limit: the stream is to be cut then. */
  push(chunk: Uint8Array): Uint8Array[] | undefined {
    const packets: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (!this.#packet) {
        const taken = this.#takeHead(chunk, at);
        if (taken < 0) return undefined;
        at = taken;
        const length = this.#length;
        if (this.#headBytes < FRAME_HEAD_BYTES) break;
        if (chunk.length - at >= length) {
          packets.push(chunk.subarray(at, at + length));
          this.#headBytes = 0;
          at += length;
          continue;
        }
        this.#packet = new Uint8Array(length);
        this.#packetBytes = 0;
      }
      const part = chunk.subarray(at, at + this.#packet.length - this.#packetBytes);
      this.#packet.set(part, this.#packetBytes);
      this.#packetBytes += part.length;
      at += part.length;
      if (this.#packetBytes < this.#packet.length) break;
      packets.push(this.#packet);
      this.#packet = undefined;
      this.#headBytes = 0;
    }
    return packets;
  }

  get #length(): number {
    const [a, b, c, d] = this.#head as unknown as readonly [number, number, number, number];
    return a * 0x1000000 + (b << 16) + (c << 8) + d;
  }

  /** Where the chunk goes on behind the length; negative when the length is over the limit. */
  #takeHead(chunk: Uint8Array, from: number): number {
    let at = from;
    while (this.#headBytes < FRAME_HEAD_BYTES && at < chunk.length) this.#head[this.#headBytes++] = chunk[at++]!;
    return this.#headBytes === FRAME_HEAD_BYTES && this.#length > PACKET_BYTES_MAX ? -1 : at;
  }
}
