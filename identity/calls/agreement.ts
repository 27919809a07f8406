/** Pairwise keys for pings (protocol.md 4): X25519 between the keys published in two notes, then HKDF-SHA-256. */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { compareBytes, concatBytes, fromHex, type MemberId, memberIdToBytes } from "../../rings/index.js";

/** Raw X25519 public key. */
export const AGREEMENT_KEY_BYTES = 32;
/** HMAC-SHA-256 cut to 16 bytes: 2^-128 for a guess is enough, and a ping stays small. */
export const MAC_BYTES = 16;
const PAIRWISE_KEY_BYTES = 32;
const X25519_SPKI_PREFIX = fromHex("302a300506032b656e032100")!;
const X25519_PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420")!;
const INFO = new TextEncoder().encode("fireflies/1/ping\0");

export interface AgreementKey {
  readonly privateKey: KeyObject;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export function generateAgreementKey(): AgreementKey {
  return agreementKeyOf(generateKeyPairSync("x25519").privateKey);
}

/** The key of a saved 32-byte X25519 secret. */
export function agreementKeyFromSecret(secret: Uint8Array): AgreementKey {
  const key = Buffer.from(concatBytes(X25519_PKCS8_PREFIX, secret));
  return agreementKeyOf(createPrivateKey({ key, format: "der", type: "pkcs8" }));
}

function agreementKeyOf(privateKey: KeyObject): AgreementKey {
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return { privateKey, publicKey: new Uint8Array(spki.subarray(X25519_SPKI_PREFIX.length)) };
}

export interface PairwiseInput {
  readonly privateKey: KeyObject;
  /** The peer's raw X25519 key, 32 bytes, from its note. */
  readonly publicKey: Uint8Array;
  readonly networkId: Uint8Array;
  readonly self: MemberId;
  readonly peer: MemberId;
}

/**
 * The key that two members share, 32 bytes, the same on both sides. Undefined when the peer's key is not 32 bytes or
 * is a point of small order (RFC 7748, section 6.1): the peer chose it, so that is data and no exception.
 */
export function pairwiseKey({ privateKey, publicKey, networkId, self, peer }: PairwiseInput): Uint8Array | undefined {
  const secret = sharedSecret(privateKey, publicKey);
  if (secret === undefined) return undefined;
  const [low, high] = self < peer ? [self, peer] : [peer, self];
  const info = concatBytes(INFO, memberIdToBytes(low), memberIdToBytes(high));
  return new Uint8Array(hkdfSync("sha256", secret, networkId, info, PAIRWISE_KEY_BYTES));
}

/**
 * Bytes that only two ends know, of keys that each has made for this one use (X25519, HKDF-SHA-256): the same at both, and
 * `isLower` tells which end is which. Undefined as of `pairwiseKey`, and for one's own key.
 */
export function agreedBytes(
  own: AgreementKey,
  theirs: Uint8Array,
  { info, bytes }: { readonly info: string; readonly bytes: number },
): { readonly agreed: Uint8Array; readonly isLower: boolean } | undefined {
  const secret = sharedSecret(own.privateKey, theirs);
  const order = compareBytes(own.publicKey, theirs);
  if (secret === undefined || order === 0) return undefined;
  const isLower = order < 0;
  const salt = isLower ? concatBytes(own.publicKey, theirs) : concatBytes(theirs, own.publicKey);
  return { agreed: new Uint8Array(hkdfSync("sha256", secret, salt, info, bytes)), isLower };
}

function sharedSecret(privateKey: KeyObject, publicKey: Uint8Array): Uint8Array | undefined {
  if (publicKey.length !== AGREEMENT_KEY_BYTES) return undefined;
  try {
    const key = Buffer.from(concatBytes(X25519_SPKI_PREFIX, publicKey));
    return diffieHellman({ privateKey, publicKey: createPublicKey({ key, format: "der", type: "spki" }) });
  } catch {
    return undefined; // OpenSSL refuses an all-zero secret.
  }
}

/** HMAC-SHA-256 of `data`, the first 16 bytes. Compare with `crypto.timingSafeEqual`. */
export function hmac16(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(data).digest().subarray(0, MAC_BYTES));
}
