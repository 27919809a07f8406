/**
 * A request that is asked again over another link, because those that it went over were lost before the answer came: which
 * links these were, and its number on each. An extension of the content, so it is signed:
 *
 *     type 1 | count u8 | count x: link nonce (32 bytes) | request id u64 | milliseconds u32
 *
 * The milliseconds are 2^32 - 1 where the called side had said hello on that link. Where it had not, it may never have heard of
 * the link: then they say how long before its hello on this one the link was begun, at most (early-links.ts).
 */
import { FirefliesError } from "../../identity/index.js";
import { ByteReader, ByteWriter, type Extension, toHex } from "../../rings/index.js";
import { HASH_BYTES } from "./list.js";

const TYPE = 1;
/** Links that one request may lose. */
export const LOST_LINKS_MAX = 8;
const WAS_GREETED = 2 ** 32 - 1;
/** Two clocks run differently: a thousandth, which is ten times what machines allow, and a moment for rounding, in milliseconds. */
const DRIFT = 1 / 1_000;
const MOMENT_MS = 10;

/** One of the lost links, and the request on it. */
export interface Again {
  readonly nonce: Uint8Array;
  readonly id: number;
  /** When the link was begun, monotonic milliseconds; undefined where the called side had said hello on it. */
  readonly begunAt?: number | undefined;
}

/** The same, as the called side reads it. */
export interface Earlier {
  /** The link's nonce, 64 hex digits. */
  readonly link: string;
  readonly id: number;
  /** So many milliseconds before its hello on this link, at most; undefined where it had said hello on that one. */
  readonly begunBeforeMs: number | undefined;
}

/** `greetedAt`: when the called side's hello came on the link that this goes over, monotonic milliseconds. */
export function againExtension(earlier: readonly Again[], greetedAt: number): Extension {
  const writer = new ByteWriter().u8(earlier.length);
  for (const { nonce, id, begunAt } of earlier) {
    writer
      .raw(nonce)
      .u64(BigInt(id))
      .u32(begunAt === undefined ? WAS_GREETED : agoMs(greetedAt - begunAt));
  }
  return { type: TYPE, data: writer.finish() };
}

function agoMs(ms: number): number {
  return Math.min(WAS_GREETED, Math.ceil(Math.max(0, ms) * (1 + DRIFT)) + MOMENT_MS);
}

/** The earlier links, the first one first. Undefined for a request that has none. */
export function againOf(extensions: readonly Extension[] | undefined): readonly Earlier[] | undefined {
  const data = extensions?.find(({ type }) => type === TYPE)?.data;
  if (data === undefined) return undefined;
  const reader = new ByteReader(data);
  const count = Math.min(reader.u8(), LOST_LINKS_MAX);
  const found = Array.from({ length: count }, () => {
    const link = toHex(reader.raw(HASH_BYTES));
    const id = Number(reader.u64());
    const ms = reader.u32();
    return { link, id, begunBeforeMs: ms === WAS_GREETED ? undefined : ms };
  });
  return reader.complete && found.every(({ id }) => Number.isSafeInteger(id)) ? found : undefined;
}

/** Its link was lost, and nobody knows here whether it was handled. */
export function outcomeUnknown(): FirefliesError {
  return new FirefliesError(
    "link-closed",
    "The link was lost, and whether the message was handled is not known here.",
    {
      advice: "Ask in a way that may be asked twice.",
    },
  );
}
