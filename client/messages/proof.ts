/**
 * One message of a frame with all that shows, to whoever trusts the root, who signed it and to whom: no link, no view and
 * no other message's content is needed. docs/protocol.md has the layout. Big-endian:
 *
 *     "fireflies-proof" 00 | version u8 | sized16 leaf | sized16 issuing certificate | list without its sender (list.ts)
 *     | index u32 | salt (16) | sized32 content | signature (64)
 */
import {
  CERTIFICATE_BYTES_MAX,
  FirefliesError,
  type MemberCertificate,
  SIGNATURE_BYTES,
  sha256,
} from "../../identity/index.js";
import { ByteReader, ByteWriter, equalBytes, MEMBER_ID_BYTES } from "../../rings/index.js";
import { FRAME_BYTES_MAX } from "../protocols.js";
import { FRAME_MESSAGES_MAX, SALT_BYTES } from "./frame.js";
import { HASH_BYTES, LIST_FIXED_BYTES } from "./list.js";

/** The version of proofs that this code writes and reads. */
export const PROOF_VERSION = 2;
const MAGIC = new TextEncoder().encode("fireflies-proof\0");
/** What precedes the hashes in a proof: receiver, link nonce, counter, count. The sender is the certificate's. */
const HEAD_BYTES = LIST_FIXED_BYTES - MEMBER_ID_BYTES;
/** The last of these: how many hashes follow. */
const COUNT_BYTES = 4;
/** Magic, version, and the numbers that are lengths or the index. */
const FIXED_BYTES = MAGIC.length + 1 + 2 + 2 + 4 + 4;
/** Largest proof, in bytes: the largest frame's only message, or any one of the fullest frame. */
export const PROOF_BYTES_MAX =
  FIXED_BYTES +
  2 * CERTIFICATE_BYTES_MAX +
  (HEAD_BYTES + FRAME_MESSAGES_MAX * HASH_BYTES) +
  FRAME_BYTES_MAX +
  SIGNATURE_BYTES;

/** A frame whose signature was found right, as long as one of its messages may have to be shown. Not its messages. */
export interface SignedFrame {
  readonly sender: MemberCertificate;
  /** What is signed (list.ts). */
  readonly list: Uint8Array;
  readonly signature: Uint8Array;
  /** When it came, by `performance.now()`: looking at the clock for each message would cost more than to count it. */
  readonly at: number;
  /** Waiting requests that keep it (kept-lists.ts). */
  keepers: number;
}

export interface Proof {
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
  /** The list without its sender. */
  readonly rest: Uint8Array;
  /** Which hash of the list is the message's. */
  readonly index: number;
  readonly salt: Uint8Array;
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
}

/** The proof of a message, salt and content, of this frame: a copy. Throws "proof-unavailable" when it is not of it. */
export function proofOf({ sender, list, signature }: SignedFrame, message: Uint8Array): Uint8Array {
  const index = indexOfHash(list, sha256(message));
  if (index === undefined) throw new FirefliesError("proof-unavailable");
  const { leaf, issuer } = sender;
  const [salt, content] = [message.subarray(0, SALT_BYTES), message.subarray(SALT_BYTES)];
  return encodeProof({ leaf, issuer, rest: list.subarray(MEMBER_ID_BYTES), index, salt, content, signature });
}

function indexOfHash(list: Uint8Array, hash: Uint8Array): number | undefined {
  for (let at = LIST_FIXED_BYTES; at < list.length; at += HASH_BYTES) {
    if (equalBytes(list.subarray(at, at + HASH_BYTES), hash)) return (at - LIST_FIXED_BYTES) / HASH_BYTES;
  }
  return undefined;
}

export function encodeProof({ leaf, issuer, rest, index, salt, content, signature }: Proof): Uint8Array {
  return new ByteWriter()
    .raw(MAGIC)
    .u8(PROOF_VERSION)
    .sized16(leaf)
    .sized16(issuer)
    .raw(rest)
    .u32(index)
    .raw(salt)
    .sized32(content)
    .raw(signature)
    .finish();
}

/** The version that the bytes of a proof name; undefined when they are none. */
export function versionOfProof(bytes: Uint8Array): number | undefined {
  const isProof = bytes.length > MAGIC.length && equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);
  return isProof ? bytes[MAGIC.length] : undefined;
}

/** The parts of a proof, as windows on its bytes; undefined for what no `encodeProof` writes. Nothing is verified. */
export function decodeProof(bytes: Uint8Array): Proof | undefined {
  if (bytes.length > PROOF_BYTES_MAX || versionOfProof(bytes) !== PROOF_VERSION) return undefined;
  const reader = new ByteReader(bytes.subarray(MAGIC.length + 1));
  const leaf = reader.sized16(CERTIFICATE_BYTES_MAX);
  const issuer = reader.sized16(CERTIFICATE_BYTES_MAX);
  const restAt = bytes.length - reader.remaining;
  reader.raw(HEAD_BYTES - COUNT_BYTES);
  const count = reader.u32();
  if (count > FRAME_MESSAGES_MAX) return undefined;
  reader.raw(count * HASH_BYTES);
  const rest = bytes.subarray(restAt, bytes.length - reader.remaining);
  const index = reader.u32();
  const salt = reader.raw(SALT_BYTES);
  const content = reader.sized32(PROOF_BYTES_MAX);
  const signature = reader.raw(SIGNATURE_BYTES);
  return reader.complete && index < count ? { leaf, issuer, rest, index, salt, content, signature } : undefined;
}
