/** Reads a connection up to the awaited first line, and leaves what is behind it to the next reader. */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../../identity/index.js";
import { asError } from "../../forward/carrying/conduit.js";
import { type Fields, LINE_BYTES_MAX, readHead } from "./greeting.js";

/** Milliseconds for the other end's first line: it comes by way of a member, and a program says it at once. */
const HEAD_MS = 5_000;
/** Bytes until the line has come: nobody has reason to say more before it. */
const BYTES_MAX = 2 * LINE_BYTES_MAX;

export interface FoundHead {
  readonly before: Uint8Array;
  readonly fields: Fields;
}

/** Rejects with "nats-protocol" for anything else, with "timeout", and with what ended the connection. It is paused then. */
export function nextHead(source: Duplex, verb: "INFO" | "CONNECT"): Promise<FoundHead> {
  return new Promise((done, reject) => {
    let bytes: Uint8Array = new Uint8Array(0);
    const late = setTimeout(() => over(() => reject(timeout(verb))), HEAD_MS);
    const over = (settle: () => void) => {
      clearTimeout(late);
      source.pause();
      source.off("data", heard).off("close", ended).off("end", ended);
      settle();
    };
    const ended = () => over(() => reject(source.errored ? asError(source.errored) : early(verb)));
    const heard = (chunk: Uint8Array) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const head = readHead(bytes, verb);
      if (head.kind === "bad") over(() => reject(wrong(head.why)));
      else if (head.kind === "more" && bytes.length > BYTES_MAX) over(() => reject(wrong("it says too much")));
      else if (head.kind === "head") {
        over(() => {
          if (head.rest.length > 0) source.unshift(Buffer.from(head.rest));
          done({ before: Buffer.from(head.before), fields: head.fields });
        });
      }
    };
    source.on("data", heard).once("close", ended).once("end", ended);
    source.resume();
    if (source.destroyed) ended();
  });
}

function timeout(verb: string): FirefliesError {
  return new FirefliesError(
    "timeout",
    `The other end of a NATS connection said no ${verb} within ${HEAD_MS / 1_000} s.`,
  );
}

function early(verb: string): FirefliesError {
  return new FirefliesError("nats-protocol", `A NATS connection ended before its ${verb}.`);
}

function wrong(why: string): FirefliesError {
  return new FirefliesError("nats-protocol", `A connection does not speak NATS: ${why}.`);
}
