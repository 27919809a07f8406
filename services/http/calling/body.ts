/** The body of an answer, as a stream of the Fetch API: at the reader's pace, and never whole when it was cut. */
import type { IncomingMessage } from "node:http";
import { pipeline, type Readable, type Transform } from "node:stream";
import { ReadableStream as ByteStream, type ReadableByteStreamController } from "node:stream/web";
import { createBrotliDecompress, createGunzip, createInflate, constants as zlib } from "node:zlib";
import { causeOf } from "./failure.js";

/** Bytes read ahead of the reader. */
const READ_AHEAD_BYTES = 64 * 1024;
/** What was sent so far is decompressed at once, and a missing end is told by the message below. */
const FLUSH = { flush: zlib.Z_SYNC_FLUSH, finishFlush: zlib.Z_SYNC_FLUSH };
const BROTLI = { flush: zlib.BROTLI_OPERATION_FLUSH, finishFlush: zlib.BROTLI_OPERATION_FLUSH };
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(FLUSH),
  "x-gzip": () => createGunzip(FLUSH),
  deflate: () => createInflate(FLUSH),
  br: () => createBrotliDecompress(BROTLI),
};

export interface Cut {
  /** Why the request failed, if it did. */
  readonly reason: () => unknown;
  readonly signal: AbortSignal;
}

export function bodyOf(message: IncomingMessage, cut: Cut): ReadableStream<Uint8Array> {
  const source = decoded(message);
  let isOver = false;
  const end = (finish: () => void) => {
    if (!isOver) finish();
    isOver = true;
  };
  const start = (controller: ReadableByteStreamController) => {
    const fail = (error?: unknown) => end(() => controller.error(errorOf(error, cut)));
    source.on("data", (chunk: Buffer) => {
      if (isOver) return; // Cancelled: what Node had begun to hand over comes yet.
      controller.enqueue(new Uint8Array(chunk)); // A copy: the stream takes its memory away, which others share.
      if ((controller.desiredSize ?? 0) <= 0) source.pause();
    });
    source.once("end", () => {
      end(() => {
        controller.close();
        controller.byobRequest?.respond(0);
      });
    });
    source.on("error", fail).once("close", () => fail());
    source.pause();
  };
  const pull = () => void source.resume();
  const cancel = () => end(() => message.destroy());
  // The types of Node have two classes of the same thing.
  const body = new ByteStream({ type: "bytes", start, pull, cancel }, { highWaterMark: READ_AHEAD_BYTES });
  return body as unknown as ReadableStream<Uint8Array>;
}

function errorOf(error: unknown, { reason, signal }: Cut): unknown {
  return signal.aborted ? signal.reason : new TypeError("terminated", { cause: causeOf(reason() ?? error) });
}

/** Several codings are undone in turn, the last first. One that is unknown stays. */
function decoded(message: IncomingMessage): Readable {
  const codings = (message.headers["content-encoding"] ?? "").toLowerCase().split(/\s*,\s*/);
  const decoders = codings.toReversed().map((coding) => DECODERS[coding]);
  if (!decoders.every((decoder) => decoder !== undefined)) return message;
  const stages = decoders.map((decoder) => decoder());
  // Callbacks of a pipeline: what it fails with reaches the last stage as "error".
  return pipeline([message, ...stages], () => {}) as unknown as Readable;
}
