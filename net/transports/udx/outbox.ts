/**
 * One direction of a connection at its sender: what is to be sent, what has been sent and perhaps not come, and how far the
 * reader lets it run. What has been sent is kept until the other end has it, so that it can be sent again over another
 * path. Offsets count the bytes of the direction.
 */
import { dataFrame, FRAME_DATA_MAX, FRAME_HEADER_BYTES } from "./frames.js";
import { FIRST_WINDOW_BYTES, WINDOW_BYTES } from "./limits.js";

interface Kept {
  readonly offset: number;
  /** With its header. */
  readonly frame: Buffer;
}

export class Outbox {
  /** To be sent for the first time, in order; the first of them from `#at` on. */
  #fresh: Uint8Array[] = [];
  #at = 0;
  /** Sent, and not known to have come; those from `#again` on have to be sent again. */
  #kept: Kept[] = [];
  #again = 0;
  /** Where the first byte that was never sent stands. */
  #sent = 0;
  #received = 0;
  #limit = FIRST_WINDOW_BYTES;

  /** Bytes are copied when they are sent, not before. */
  put(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#fresh.push(bytes);
  }

  /** Nothing that was put waits for its first turn. */
  get isDrained(): boolean {
    return this.#fresh.length === 0;
  }

  /** All has been sent over the path of now. */
  get isSent(): boolean {
    return this.isDrained && this.#again === this.#kept.length;
  }

  /** Something has been sent and not been said to have come. */
  get isAwaiting(): boolean {
    return this.#received < this.#sent;
  }

  /** The next frame that may be sent now. */
  next(): Buffer | undefined {
    const again = this.#kept[this.#again];
    if (again !== undefined) {
      this.#again++;
      return again.frame;
    }
    const bytes = Math.min(this.#waiting(), this.#limit - this.#sent, FRAME_DATA_MAX);
    if (bytes <= 0) return undefined;
    const frame = dataFrame(bytes);
    this.#fill(frame, bytes);
    this.#kept.push({ offset: this.#sent, frame });
    this.#again = this.#kept.length;
    this.#sent += bytes;
    return frame;
  }

  /** What the reader says. False when it cannot be. */
  told(received: number, limit: number): boolean {
    if (received > this.#sent) return false;
    // Words over two paths may cross: the later one is the greater one.
    this.#received = Math.max(this.#received, received);
    // What was sent is kept until it is said to have come, so the reader does not decide alone how much that is.
    this.#limit = Math.max(this.#limit, Math.min(limit, this.#received + WINDOW_BYTES));
    const have = this.#kept.findIndex(({ offset, frame }) => endOf(offset, frame) > this.#received);
    const gone = have < 0 ? this.#kept.length : have;
    this.#kept.splice(0, gone);
    this.#again = Math.max(0, this.#again - gone);
    return true;
  }

  /** Over another path everything is sent again that is not said to have come. Returns where that begins. */
  resume(): number {
    this.#again = 0;
    const first = this.#kept[0];
    if (first === undefined) return this.#sent;
    this.#kept[0] = behind(first, this.#received);
    return this.#kept[0].offset;
  }

  /** Of the next frame at most. */
  #waiting(): number {
    let bytes = -this.#at;
    for (const piece of this.#fresh) {
      bytes += piece.length;
      if (bytes >= FRAME_DATA_MAX) break;
    }
    return bytes;
  }

  #fill(frame: Buffer, bytes: number): void {
    let to = FRAME_HEADER_BYTES;
    let left = bytes;
    let done = 0;
    while (left > 0) {
      const piece = this.#fresh[done]!.subarray(this.#at, this.#at + left);
      frame.set(piece, to);
      to += piece.length;
      left -= piece.length;
      this.#at += piece.length;
      if (this.#at === this.#fresh[done]!.length) {
        this.#at = 0;
        done++;
      }
    }
    this.#fresh.splice(0, done);
  }
}

function endOf(offset: number, frame: Buffer): number {
  return offset + frame.length - FRAME_HEADER_BYTES;
}

function behind({ offset, frame }: Kept, from: number): Kept {
  if (from <= offset) return { offset, frame };
  const rest = frame.subarray(FRAME_HEADER_BYTES + from - offset);
  const shorter = dataFrame(rest.length);
  shorter.set(rest, FRAME_HEADER_BYTES);
  return { offset: from, frame: shorter };
}
