/**
 * A request that is asked again over another link, because those that it went over were lost before the answer came: which
 * links these were, and its number on each. An extension of the content, so it is signed:
 *
 *     type 1 | count u8 | count x: link nonce (32 bytes) | request id u64
 */
import { FirefliesError } from "../../identity/index.js";
import { ByteReader, ByteWriter, type Extension, toHex } from "../../rings/index.js";
import { HASH_BYTES } from "./list.js";

const TYPE = 1;
/** Links that one request may lose. */
export const LOST_LINKS_MAX = 8;

/** One of the lost links, and the request on it. */
export interface Again {
  readonly nonce: Uint8Array;
  readonly id: number;
}

export function againExtension(earlier: readonly Again[]): Extension {
  const writer = new ByteWriter().u8(earlier.length);
  for (const { nonce, id } of earlier) writer.raw(nonce).u64(BigInt(id));
  return { type: TYPE, data: writer.finish() };
}

/** The earlier links, the first one first, each with its nonce as 64 hex digits. Undefined for a request that has none. */
export function againOf(
  extensions: readonly Extension[] | undefined,
): readonly { readonly link: string; readonly id: number }[] | undefined {
  const data = extensions?.find(({ type }) => type === TYPE)?.data;
  if (data === undefined) return undefined;
  const reader = new ByteReader(data);
  const count = Math.min(reader.u8(), LOST_LINKS_MAX);
  const found = Array.from({ length: count }, () => ({
    link: toHex(reader.raw(HASH_BYTES)),
    id: Number(reader.u64()),
  }));
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
