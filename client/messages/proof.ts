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
import { concatBytes, equalBytes, MEMBER_ID_BYTES } from "../../rings/index.js";
import { DUPLEX_BYTES_MAX } from "../transport.js";
import { FRAME_MESSAGES_MAX, SALT_BYTES } from "./frame.js";
import { HASH_BYTES, LIST_FIXED_BYTES } from "./list.js";

/** The version of proofs that this code writes and reads. */
export const PROOF_VERSION = 1;
const MAGIC = new TextEncoder().encode("fireflies-proof\0");
/** What precedes the hashes in a proof: receiver, link nonce, counter, count. The sender is the certificate's. */
const HEAD_BYTES = LIST_FIXED_BYTES - MEMBER_ID_BYTES;
/** Magic, version, and the numbers that are lengths or the index. */
const FIXED_BYTES = MAGIC.length + 1 + 2 + 2 + 4 + 4;
/** Largest proof, in bytes: the largest frame's only message, or any one of the fullest frame. */
export const PROOF_BYTES_MAX =
  FIXED_BYTES +
  2 * CERTIFICATE_BYTES_MAX +
  (HEAD_BYTES + FRAME_MESSAGES_MAX * HASH_BYTES) +
  DUPLEX_BYTES_MAX.messages +
  SIGNATURE_BYTES;

/** A frame whose signature was found right, as long as one of its messages may have to be shown. Not its messages. */
export interface SignedFrame {
  readonly sender: MemberCertificate;
  /** What is signed (list.ts). */
  readonly list: Uint8Array;
  readonly signature: Uint8Array;
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
  return concatBytes(
    MAGIC,
    Uint8Array.of(PROOF_VERSION),
    number(2, leaf.length),
    leaf,
    number(2, issuer.length),
    issuer,
    rest,
    number(4, index),
    salt,
    number(4, content.length),
    content,
    signature,
  );
}

function number(bytes: 2 | 4, value: number): Uint8Array {
  const out = new Uint8Array(bytes);
  const view = new DataView(out.buffer);
  if (bytes === 2) view.setUint16(0, value);
  else view.setUint32(0, value);
  return out;
}

/** The version that the bytes of a proof name; undefined when they are none. */
export function versionOfProof(bytes: Uint8Array): number | undefined {
  const isProof = bytes.length > MAGIC.length && equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);
  return isProof ? bytes[MAGIC.length] : undefined;
}

/** The parts of a proof, as windows on its bytes; undefined for what no `encodeProof` writes. Nothing is verified. */
export function decodeProof(bytes: Uint8Array): Proof | undefined {
  if (bytes.length > PROOF_BYTES_MAX || versionOfProof(bytes) !== PROOF_VERSION) return undefined;
  const reader = new Reader(bytes, MAGIC.length + 1);
  const leaf = reader.take(atMost(reader.number(2), CERTIFICATE_BYTES_MAX));
  const issuer = reader.take(atMost(reader.number(2), CERTIFICATE_BYTES_MAX));
  const count = atMost(reader.peekNumber(4, HEAD_BYTES - 4), FRAME_MESSAGES_MAX);
  const rest = reader.take(count && HEAD_BYTES + count * HASH_BYTES);
  const index = reader.number(4);
  const salt = reader.take(SALT_BYTES);
  const content = reader.take(reader.number(4));
  const signature = reader.take(SIGNATURE_BYTES);
  if (leaf === undefined || issuer === undefined || rest === undefined || salt === undefined) return undefined;
  if (content === undefined || signature === undefined || !reader.isDone) return undefined;
  if (count === undefined || index === undefined || index >= count) return undefined;
  return { leaf, issuer, rest, index, salt, content, signature };
}

function atMost(value: number | undefined, max: number): number | undefined {
  return value !== undefined && value <= max ? value : undefined;
}

/** Reads on from `at` and never beyond the end; undefined from the first thing on that does not fit. */
class Reader {
  readonly #bytes: Uint8Array;
  #at: number;
  #bad = false;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isDone(): boolean {
    return !this.#bad && this.#at === this.#bytes.length;
  }

  number(bytes: 2 | 4): number | undefined {
    const value = this.peekNumber(bytes, 0);
    this.#at += bytes;
    return value;
  }

  /** The number that stands `ahead` bytes from here. */
  peekNumber(bytes: 2 | 4, ahead: number): number | undefined {
    const at = this.#at + ahead;
    if (this.#bad || at + bytes > this.#bytes.length) {
      this.#bad = true;
      return undefined;
    }
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, bytes);
    return bytes === 2 ? view.getUint16(0) : view.getUint32(0);
  }

  take(length: number | undefined): Uint8Array | undefined {
    if (this.#bad || length === undefined || length > this.#bytes.length - this.#at) {
      this.#bad = true;
      return undefined;
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
