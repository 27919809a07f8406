/** A member's id: 32 bytes that the authority chose, never the member. In text 64 lower-case hexadecimal digits. */
import { fromHex, toHex } from "./bytes.js";

/** Bytes of a member id: as many as SHA-256 yields. */
export const MEMBER_ID_BYTES = 32;

declare const brand: unique symbol;

/** 64 lower-case hexadecimal digits. One text per id, so ids may be compared with `===` and be keys of maps. */
export type MemberId = string & { readonly [brand]: "MemberId" };

/** The id that a text is; undefined unless it is exactly 64 lower-case hexadecimal digits. */
export function parseMemberId(text: string): MemberId | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? (text as MemberId) : undefined;
}

/** The id of 32 bytes. Throws RangeError for another length: whoever reads bytes of a peer checks it first. */
export function memberIdFromBytes(bytes: Uint8Array): MemberId {
  if (bytes.length !== MEMBER_ID_BYTES) {
    throw new RangeError(`a member id has ${MEMBER_ID_BYTES} bytes, not ${bytes.length}`);
  }
  return toHex(bytes) as MemberId;
}

/** The 32 bytes of an id, as they are hashed and signed. */
export function memberIdToBytes(id: MemberId): Uint8Array {
  const bytes = fromHex(id);
  if (bytes?.length !== MEMBER_ID_BYTES) throw new RangeError(`not a member id: ${id}`);
  return bytes;
}
