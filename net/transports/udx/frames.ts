/**
 * What runs within a stream of udx-native, which itself lets a sender run ahead of a reader without bound. Frames:
 *
 *     kind u8 | length u24 | payload
 *
 * 0 data. 1 window: received u48 | limit u48, offsets in the bytes of the other direction: all before `received` has
 * come, and nothing from `limit` on may be sent. 2 end of a direction, without payload. 3 from u48: where the next byte of
 * data stands, when another stream carried what was before.
 */
export const FRAME_HEADER_BYTES = 4;
/** Bytes of one frame's data: windows get their turn between them. */
export const FRAME_DATA_MAX = 64 * 1024;
const KINDS = { data: 0, window: 1, end: 2, from: 3 } as const;
/** Payload of each kind that has a fixed one. */
const SIZES: Readonly<Record<number, number>> = { [KINDS.window]: 12, [KINDS.end]: 0, [KINDS.from]: 6 };
const CONTROL_BYTES_MAX = FRAME_HEADER_BYTES + 12;

export interface FrameSink {
  /** A part of what was sent, in order. */
  onData(bytes: Uint8Array): void;
  onWindow(received: number, limit: number): void;
  onEnd(): void;
  onFrom(offset: number): void;
}

/** A frame with room for so many bytes of data behind its header. */
export function dataFrame(bytes: number): Buffer {
  return frame(KINDS.data, bytes);
}

export function windowFrame(received: number, limit: number): Buffer {
  const out = frame(KINDS.window, 12);
  out.writeUIntBE(received, FRAME_HEADER_BYTES, 6);
  out.writeUIntBE(limit, FRAME_HEADER_BYTES + 6, 6);
  return out;
}

export function endFrame(): Buffer {
  return frame(KINDS.end, 0);
}

export function fromFrame(offset: number): Buffer {
  const out = frame(KINDS.from, 6);
  out.writeUIntBE(offset, FRAME_HEADER_BYTES, 6);
  return out;
}

function frame(kind: number, bytes: number): Buffer {
  const out = Buffer.allocUnsafe(FRAME_HEADER_BYTES + bytes);
  out.writeUInt32BE(kind * 2 ** 24 + bytes, 0);
  return out;
}

/** Reads frames from pieces of any size; data is passed on as it comes. */
export class FrameReader {
  readonly #sink: FrameSink;
  /** Of a header, or of a window frame, that has come in part. */
  #partial: Buffer = Buffer.alloc(0);
  #dataLeft = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** False when this is no frame: nothing more can be read then. */
  read(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#dataLeft > 0) {
        // The usual packet is all data: it is passed on as it is.
        const isAll = at === 0 && bytes.length <= this.#dataLeft;
        const piece = isAll ? bytes : bytes.subarray(at, at + this.#dataLeft);
        this.#dataLeft -= piece.length;
        at += piece.length;
        this.#sink.onData(piece);
        continue;
      }
      const taken = this.#header(bytes.subarray(at));
      if (taken === undefined) return false;
      at += taken;
    }
    return true;
  }

  /** How many bytes it took. Undefined when they are no frame. */
  #header(bytes: Uint8Array): number | undefined {
    const before = this.#partial.length;
    const known = Buffer.concat([this.#partial, bytes.subarray(0, CONTROL_BYTES_MAX - before)]);
    if (known.length < FRAME_HEADER_BYTES) return this.#wait(known, bytes.length);
    const kind = known[0]!;
    const length = known.readUIntBE(1, 3);
    const size = SIZES[kind];
    if (kind === KINDS.data ? length > FRAME_DATA_MAX : length !== size) return undefined;
    const whole = FRAME_HEADER_BYTES + (size ?? 0);
    if (known.length < whole) return this.#wait(known, bytes.length);
    this.#partial = Buffer.alloc(0);
    this.#dispatch(kind, known.subarray(FRAME_HEADER_BYTES, whole), length);
    return whole - before;
  }

  #dispatch(kind: number, payload: Buffer, length: number): void {
    if (kind === KINDS.data) this.#dataLeft = length;
    else if (kind === KINDS.window) this.#sink.onWindow(payload.readUIntBE(0, 6), payload.readUIntBE(6, 6));
    else if (kind === KINDS.from) this.#sink.onFrom(payload.readUIntBE(0, 6));
    else this.#sink.onEnd();
  }

  #wait(known: Buffer, taken: number): number {
    this.#partial = known;
    return taken;
  }
}
