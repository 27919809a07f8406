/** Lines out of a stream of bytes, bounded: a line that does not end cannot fill the memory. */
import type { Readable } from "node:stream";
import { malformed } from "./protocol.js";

const NEWLINE = 0x0a;

/** The lines of `stream` as they arrive; what follows the last newline is dropped. Throws "control-malformed". */
export async function* lines(stream: Readable, bytesMax: number): AsyncGenerator<string, void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  // The stream outlives its reader here: an error is still to be written to the other side.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
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
  return malformed(`A line on the control socket has more than ${bytesMax} bytes.`);
}
