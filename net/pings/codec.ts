/**
 * The datagrams of the failure detector (protocol.md 4), ping and pong, and the summons of rule R20, of one size. 65 bytes:
 *
 *     version and kind u8 | network tag (8) | sender (8) | receiver (8) | nonce (8) | view fingerprint (16) | HMAC (16)
 *
 * Sender and receiver are the first 8 bytes of their ids; the HMAC covers all that stands before it, and so direction,
 * nonce and fingerprint. A summons has an epoch in place of the nonce, and a ring number and zeros in place of the fingerprint.
 */
import { timingSafeEqual } from "node:crypto";
import { hmac16, MAC_BYTES } from "../../identity/index.js";
import { equalBytes } from "../../rings/index.js";

const VERSION = 1;
export const TAG_BYTES = 8;
export const PREFIX_BYTES = 8;
export const PING_NONCE_BYTES = 8;
export const FINGERPRINT_BYTES = 16;
const AT = { tag: 1, sender: 9, receiver: 17, nonce: 25, fingerprint: 33, mac: 49 } as const;
/** Of every datagram: a pong is never larger than the ping that it answers. */
export const DATAGRAM_BYTES = AT.mac + MAC_BYTES;
const KINDS = ["ping", "pong", "summons"] as const;

export type PingKind = (typeof KINDS)[number];

export interface Datagram {
  readonly kind: PingKind;
  /** TAG_BYTES of the network's id: strangers are told from members of this network without a key. */
  readonly tag: Uint8Array;
  /** PREFIX_BYTES of the member ids. */
  readonly sender: Uint8Array;
  readonly receiver: Uint8Array;
  /** PING_NONCE_BYTES; a pong repeats the ping's. */
  readonly nonce: Uint8Array;
  /** FINGERPRINT_BYTES: of the sender's view. */
  readonly fingerprint: Uint8Array;
}

export function encodeDatagram(datagram: Datagram, key: Uint8Array): Uint8Array {
  const out = new Uint8Array(DATAGRAM_BYTES);
  out[0] = VERSION * 16 + KINDS.indexOf(datagram.kind);
  out.set(datagram.tag, AT.tag);
  out.set(datagram.sender, AT.sender);
  out.set(datagram.receiver, AT.receiver);
  out.set(datagram.nonce, AT.nonce);
  out.set(datagram.fingerprint, AT.fingerprint);
  out.set(hmac16(key, out.subarray(0, AT.mac)), AT.mac);
  return out;
}

/** What a summons says: you stand accused in my view, at this epoch and on this ring. */
export interface SummonsFields {
  readonly ring: number;
  readonly epoch: bigint;
}

export function encodeSummons({ ring, epoch }: SummonsFields): Pick<Datagram, "nonce" | "fingerprint"> {
  const nonce = new Uint8Array(PING_NONCE_BYTES);
  new DataView(nonce.buffer).setBigUint64(0, epoch);
  const fingerprint = new Uint8Array(FINGERPRINT_BYTES);
  new DataView(fingerprint.buffer).setUint16(0, ring);
  return { nonce, fingerprint };
}

/** Of a datagram that is authentic and a summons; undefined when the rest of it is not zero: there is one encoding. */
export function decodeSummons({ nonce, fingerprint }: Datagram): SummonsFields | undefined {
  if (fingerprint.subarray(2).some((byte) => byte !== 0)) return undefined;
  const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { epoch: view(nonce).getBigUint64(0), ring: view(fingerprint).getUint16(0) };
}

/** What a datagram claims: nothing of it is proven before `isAuthentic`. Undefined for another size, version or kind. */
export function decodeDatagram(bytes: Uint8Array): Datagram | undefined {
  const kind = KINDS[bytes[0]! - VERSION * 16];
  if (bytes.length !== DATAGRAM_BYTES || kind === undefined) return undefined;
  return {
    kind,
    tag: bytes.subarray(AT.tag, AT.sender),
    sender: bytes.subarray(AT.sender, AT.receiver),
    receiver: bytes.subarray(AT.receiver, AT.nonce),
    nonce: bytes.subarray(AT.nonce, AT.fingerprint),
    fingerprint: bytes.subarray(AT.fingerprint, AT.mac),
  };
}

/** Whether the holder of `key` made these DATAGRAM_BYTES. */
export function isAuthentic(bytes: Uint8Array, key: Uint8Array): boolean {
  return timingSafeEqual(bytes.subarray(AT.mac), hmac16(key, bytes.subarray(0, AT.mac)));
}

/** Whether this is for us: our network and our id. */
export function isFor({ tag, receiver }: Datagram, ownTag: Uint8Array, ownPrefix: Uint8Array): boolean {
  return equalBytes(receiver, ownPrefix) && equalBytes(tag, ownTag);
}
