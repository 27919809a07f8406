/** Pieces of a byte stream up to an end of their own; what came behind them stays in the stream. */
import type { Duplex } from "node:stream";
import { RdvError } from "../errors.js";
import { LINE_BYTES_MAX } from "../limits.js";

export interface Piece {
  /** Where the piece ends within what has come so far; undefined when it goes on. */
  readonly endOf: (bytes: Buffer) => number | undefined;
  readonly bytesMax: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The next piece. Rejects with "rdv-protocol" when it is too long, with "rdv-closed" when the stream ends before, and
 * with the signal's reason. Afterwards the stream is not read until somebody does.
 */
export function readPiece(stream: Duplex, { endOf, bytesMax, signal }: Piece): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0);
    const settle = (done: () => void) => {
      stream.off("readable", read).off("end", ended).off("close", ended).off("error", failed);
      signal?.removeEventListener("abort", aborted);
      done();
    };
    const fail = (error: unknown) => settle(() => reject(error));
    const ended = () => fail(new RdvError("rdv-closed", "The other side ended the connection."));
    const failed = (cause: unknown) => fail(new RdvError("rdv-closed", "The connection broke.", { cause }));
    const aborted = () => fail(signal?.reason);
    const read = () => {
      for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) {
        held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
        const end = endOf(held);
        const tooLong = end === undefined ? held.length >= bytesMax : end > bytesMax;
        if (tooLong) return fail(new RdvError("rdv-protocol", `More than ${bytesMax} bytes without an end.`));
        if (end !== undefined) return settle(() => finish(end));
      }
    };
    const finish = (end: number) => {
      if (end < held.length) stream.unshift(held.subarray(end));
      resolve(held.subarray(0, end));
    };
    if (signal?.aborted) return reject(signal.reason);
    if (stream.destroyed || stream.readableEnded) return ended();
    signal?.addEventListener("abort", aborted, { once: true });
    stream.on("readable", read).on("end", ended).on("close", ended).on("error", failed);
    read();
  });
}

/** The next line, with its end, as Latin-1. */
export async function readLine(stream: Duplex, signal?: AbortSignal): Promise<string> {
  const endOf = (bytes: Buffer) => {
    const at = bytes.indexOf(0x0a);
    return at === -1 ? undefined : at + 1;
  };
  return (await readPiece(stream, { endOf, bytesMax: LINE_BYTES_MAX, signal })).toString("latin1");
}
