/** Domain-separated signatures (protocol.md 5a): what is signed as one type, or for one network, never verifies as another. */
import { sign as cryptoSign, verify as cryptoVerify, type KeyObject } from "node:crypto";
import { concatBytes } from "../../rings/index.js";
import { sha256 } from "./digest.js";

/** What a signature is for; each type is a domain of its own. */
export type SignatureType =
  | "note"
  | "leave"
  | "accusation"
  | "frame"
  | "application"
  | "revocation"
  | "interest"
  | "audit"
  | "gossip"
  | "stream"
  | "rendezvous"
  | "topic-batch";

/** r || s, 32 bytes each. */
export const SIGNATURE_BYTES = 64;
const DOMAIN = "fireflies/1/";

const prefixes = new Map<string, Uint8Array>();

function prefixOf(type: SignatureType): Uint8Array {
  const known = prefixes.get(type);
  if (known !== undefined) return known;
  const prefix = new TextEncoder().encode(`${DOMAIN}${type}\0`);
  prefixes.set(type, prefix);
  return prefix;
}

/** ASCII "fireflies/1/" || type || 0x00 || network id || SHA-256(body): the bytes that ECDSA signs. */
export function signedBytes(type: SignatureType, networkId: Uint8Array, body: Uint8Array): Uint8Array {
  return concatBytes(prefixOf(type), networkId, sha256(body));
}

/** ECDSA P-256 with SHA-256 over `signedBytes`: 64 bytes, r || s. */
export function sign(privateKey: KeyObject, type: SignatureType, networkId: Uint8Array, body: Uint8Array): Uint8Array {
  const key = { key: privateKey, dsaEncoding: "ieee-p1363" } as const;
  return new Uint8Array(cryptoSign("sha256", signedBytes(type, networkId, body), key));
}

/**
 * Whether `signature` is one of `publicKey` over this body in this domain. ECDSA is malleable: a second valid
 * signature of the same body exists, so nothing may be deduplicated by signature.
 */
export function verify(
  publicKey: KeyObject,
  type: SignatureType,
  networkId: Uint8Array,
  body: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const key = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
  return cryptoVerify("sha256", signedBytes(type, networkId, body), key, signature);
}

/** As `verify`, on the thread pool: for batches, off the event loop. Never rejects. */
export function verifyAsync(
  publicKey: KeyObject,
  type: SignatureType,
  networkId: Uint8Array,
  body: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) return Promise.resolve(false);
  const key = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
  const data = signedBytes(type, networkId, body);
  return new Promise((resolve) => {
    cryptoVerify("sha256", data, key, signature, (error, valid) => resolve(error === null && valid));
  });
}
