/**
 * What the two ends of a measurement say to each other, on one stream: JSON, or bytes that only fill. The first byte of each
 * message tells which.
 */
import { ReplyError } from "../../identity/index.js";

/** Of the stream, and of the service that answers messages with what they carry. */
export const BENCH_NAME = "/fireflies/bench/1";
/** For one of the four parts, seconds. */
export const SECONDS = { min: 0.1, max: 60, usual: 3 } as const;
/** Of a message, bytes. */
export const BYTES = { min: 0, max: 64 * 1024, usual: 100 } as const;
/** Messages without an answer. */
export const IN_FLIGHT = { min: 1, max: 256, usual: 50 } as const;
/** How many parts one measurement has: messages one at a time and many at once, bytes up and down. */
export const PARTS = 4;
/** Of a chunk of a stream, bytes. */
const CHUNK_BYTES = 64 * 1024;
/** Of what is said, bytes; the rest is nothing of this protocol. */
const WORD_BYTES_MAX = 1_024;

const WORD = 0;
const FILLER = 1;

/** "begin" is the first, with seconds for each part; "down" asks for bytes; bytes that come are counted between "up" and "end". */
export type Word =
  | { readonly say: "begin"; readonly seconds: number }
  | { readonly say: "down"; readonly seconds: number }
  | { readonly say: "ready" }
  | { readonly say: "up" }
  | { readonly say: "end" }
  /** What came, or went, in how many milliseconds. */
  | { readonly say: "counted"; readonly bytes: number; readonly ms: number };

export type Said = { readonly kind: "word"; readonly word: Word } | { readonly kind: "filler"; readonly bytes: number };

/** One chunk; it is never changed, so it can be written again. */
export const CHUNK: Uint8Array = new Uint8Array(CHUNK_BYTES).fill(FILLER);

export function encodeWord(word: Word): Uint8Array {
  return Buffer.concat([Uint8Array.of(WORD), Buffer.from(JSON.stringify(word))]);
}

/** Throws a ReplyError "bench-malformed" for what nobody says who speaks this. */
export function decodeSaid(message: Uint8Array): Said {
  if (message[0] === FILLER) return { kind: "filler", bytes: message.length };
  if (message[0] === WORD && message.length <= WORD_BYTES_MAX) {
    const word = wordOf(message.subarray(1));
    if (word !== undefined) return { kind: "word", word };
  }
  throw new ReplyError("This is no word of a measurement.", { code: "bench-malformed" });
}

function wordOf(bytes: Uint8Array): Word | undefined {
  const { say, seconds, bytes: count, ms } = parsed(bytes);
  if (say === "up" || say === "end" || say === "ready") return { say };
  if (say === "begin" || say === "down") {
    const isGood = typeof seconds === "number" && seconds >= SECONDS.min && seconds <= SECONDS.max;
    return isGood ? { say, seconds } : undefined;
  }
  if (say !== "counted" || !isCount(count) || !isCount(ms)) return undefined;
  return { say, bytes: count, ms };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return {};
  }
}
