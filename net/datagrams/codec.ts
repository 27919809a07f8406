/**
 * Datagrams of programs on UDP, and the keys that seal them:
 *
 *     kind and type u8 | tag (8) | counter u64 | sealed: payload, and a tag of 16 bytes
 *
 * All before the seal is bound to it. A flow goes one way: from who opened the duplex of the protocol `datagrams` within a
 * session to the other end. Its keys are exported from that session's TLS (RFC 8446, section 7.5) with the salt that stands
 * first on the duplex; one for what the sender sends, another for the answers to its probes. The nonce is the key's vector
 * with the counter (RFC 8446, section 5.3).
 */
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, seal, unseal } from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { firstByteOf } from "../udp/port.js";
import { DATAGRAM_PAYLOAD_MAX } from "./limits.js";

export const EXPORT_LABEL = "EXPORTER-fireflies-datagrams-1";
export const SALT_BYTES = 16;
const TAG_BYTES = 8;
export const HEADER_BYTES = 1 + TAG_BYTES + 8;
export const OVERHEAD_BYTES = HEADER_BYTES + AEAD_TAG_BYTES;
const TYPES = ["data", "probe", "answer"] as const;

/** `probe` asks whether datagrams of full size arrive, and an `answer`, with its counter, says so. */
export type SealedType = (typeof TYPES)[number];

interface SealingKey {
  readonly key: Uint8Array;
  readonly vector: Uint8Array;
}

export interface FlowKeys {
  /** Names the flow on the wire: 16 hex digits. */
  readonly tag: string;
  readonly tagBytes: Uint8Array;
  /** Of data and probes. */
  readonly forth: SealingKey;
  /** Of answers. */
  readonly back: SealingKey;
}

/** Bytes that `flowKeys` takes. */
export const EXPORT_BYTES = TAG_BYTES + 2 * (AEAD_KEY_BYTES + AEAD_NONCE_BYTES);

export function flowKeys(exported: Uint8Array): FlowKeys {
  let at = 0;
  const take = (bytes: number) => {
    at += bytes;
    return exported.slice(at - bytes, at);
  };
  const tagBytes = take(TAG_BYTES);
  const forth = { key: take(AEAD_KEY_BYTES), vector: take(AEAD_NONCE_BYTES) };
  const back = { key: take(AEAD_KEY_BYTES), vector: take(AEAD_NONCE_BYTES) };
  return { tag: toHex(tagBytes), tagBytes, forth, back };
}

/** What a datagram claims, before anything is proven. */
export interface Header {
  readonly type: SealedType;
  readonly tag: string;
  readonly counter: number;
}

/** Throws a RangeError for a payload that is too large. */
export function sealDatagram(keys: FlowKeys, type: SealedType, counter: number, payload: Uint8Array): Uint8Array {
  if (payload.length > DATAGRAM_PAYLOAD_MAX)
    throw new RangeError(`A datagram has at most ${DATAGRAM_PAYLOAD_MAX} bytes.`);
  const out = new Uint8Array(OVERHEAD_BYTES + payload.length);
  out[0] = firstByteOf("application", TYPES.indexOf(type));
  out.set(keys.tagBytes, 1);
  new DataView(out.buffer).setBigUint64(1 + TAG_BYTES, BigInt(counter));
  const { key, vector } = keyOf(keys, type);
  out.set(seal(key, nonceOf(vector, counter), out.subarray(0, HEADER_BYTES), payload), HEADER_BYTES);
  return out;
}

/** Undefined for another size or type, and for a counter that no flow reaches. */
export function readHeader(bytes: Uint8Array): Header | undefined {
  const type = TYPES[bytes[0]! - firstByteOf("application")];
  if (type === undefined || bytes.length < OVERHEAD_BYTES) return undefined;
  if (bytes.length > OVERHEAD_BYTES + DATAGRAM_PAYLOAD_MAX) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const counter = Number(view.getBigUint64(1 + TAG_BYTES));
  if (!Number.isSafeInteger(counter)) return undefined;
  return { type, tag: toHex(bytes.subarray(1, 1 + TAG_BYTES)), counter };
}

/** The payload; undefined when the holder of the keys did not send it. */
export function openDatagram(keys: FlowKeys, { type, counter }: Header, bytes: Uint8Array): Uint8Array | undefined {
  const { key, vector } = keyOf(keys, type);
  return unseal(key, nonceOf(vector, counter), bytes.subarray(0, HEADER_BYTES), bytes.subarray(HEADER_BYTES));
}

function keyOf({ forth, back }: FlowKeys, type: SealedType): SealingKey {
  return type === "answer" ? back : forth;
}

function nonceOf(vector: Uint8Array, counter: number): Uint8Array {
  const nonce = vector.slice();
  const view = new DataView(nonce.buffer);
  const at = AEAD_NONCE_BYTES - 8;
  view.setBigUint64(at, view.getBigUint64(at) ^ BigInt(counter));
  return nonce;
}
