/**
 * What the signature of a frame covers (protocol.md 5a): a list that sender and receiver both compute, so it does not
 * travel. Big-endian:
 *
 *     sender id | receiver id | link nonce (32 bytes each) | frame counter u64 | count u32 | count x SHA-256(salt || content)
 *
 * Any one message can be shown to a third party with its salt, the list and the signature (proof.ts).
 */
import { sha256, sha256Into } from "../../identity/index.js";
import type { ByteDuplex } from "../../net/index.js";
import { concatBytes, type MemberId, memberIdToBytes } from "../../rings/index.js";

export const HASH_BYTES = 32;
/** What precedes the hashes: two ids, the nonce, counter and count. */
export const LIST_FIXED_BYTES = 3 * 32 + 12;
const UINT32 = 2 ** 32;

/** One direction of one link: what all its lists begin with. */
export interface Direction {
  readonly sender: MemberId;
  readonly receiver: MemberId;
  /** 32 bytes. */
  readonly linkNonce: Uint8Array;
}

/** SHA-256 of the caller's nonce and the called one's: neither side alone can make a link's lists fit another link. */
export function linkNonce(callerNonce: Uint8Array, calledNonce: Uint8Array): Uint8Array {
  return sha256(concatBytes(callerNonce, calledNonce));
}

/** Of what TLS exports (RFC 5705). */
const EARLY_LABEL = "EXPORTER-fireflies-messages";

/**
 * The same for the one link that `caller` may open on a session while that is made: bytes that both ends of its TLS have made. It
 * needs no word of the called one, so messages go with the hello. Undefined on all other links, and without TLS.
 */
export function earlyLinkNonce({ exportEarly }: ByteDuplex, caller: MemberId): Uint8Array | undefined {
  return exportEarly?.(EARLY_LABEL, memberIdToBytes(caller), HASH_BYTES);
}

/** The part of the lists that stays the same: 96 bytes. */
export function listPrefix({ sender, receiver, linkNonce }: Direction): Uint8Array {
  return concatBytes(memberIdToBytes(sender), memberIdToBytes(receiver), linkNonce);
}

/** The list of a frame. Each of `messages` is salt and content. */
export function listBody(prefix: Uint8Array, counter: number, messages: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array(prefix.length + 12 + messages.length * HASH_BYTES);
  body.set(prefix);
  const view = new DataView(body.buffer);
  view.setUint32(prefix.length, Math.floor(counter / UINT32));
  view.setUint32(prefix.length + 4, counter % UINT32);
  view.setUint32(prefix.length + 8, messages.length);
  let at = prefix.length + 12;
  const out = Buffer.from(body.buffer);
  for (const message of messages) {
    sha256Into(message, out, at);
    at += HASH_BYTES;
  }
  return body;
}

/** The parts of a list, as windows on it, of which the caller knows that it has the length that its count asks for. */
export function readList(list: Uint8Array) {
  const view = new DataView(list.buffer, list.byteOffset, LIST_FIXED_BYTES);
  return {
    receiver: list.subarray(32, 64),
    linkNonce: list.subarray(64, 96),
    counter: view.getUint32(96) * UINT32 + view.getUint32(100),
    hashes: list.subarray(LIST_FIXED_BYTES),
  };
}
