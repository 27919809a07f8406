/** Signing keys: ECDSA over P-256 and nothing else. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { concatBytes, equalBytes, fromHex } from "../../rings/index.js";
import { FirefliesError } from "../errors/error.js";

/** SubjectPublicKeyInfo of a P-256 key before its point: id-ecPublicKey, prime256v1, BIT STRING, uncompressed. */
const P256_SPKI_PREFIX = fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")!;
/** Prefix and two coordinates of 32 bytes. */
export const P256_SPKI_BYTES = 91;

/** A private key in this process, of any kind. */
export type PrivateKey = KeyObject;

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** SubjectPublicKeyInfo, DER, 91 bytes: what requests and certificates carry. */
  readonly spki: Uint8Array;
}

export function generateKeyPair(): KeyPair {
  return keyPairOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/** The pair of a private key. Throws "identity-corrupt" when the key is not P-256. */
export function keyPairOf(privateKey: KeyObject): KeyPair {
  const publicKey = createPublicKey(privateKey);
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  if (!isP256Spki(spki)) throw new FirefliesError("identity-corrupt", "The private key is not a P-256 key.");
  return { privateKey, publicKey, spki };
}

/** PKCS#8 PEM, unencrypted: for a file of mode 0600. */
export function privateKeyToPem(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Throws "identity-corrupt" when `pem` is no P-256 private key. */
export function privateKeyFromPem(pem: string): KeyPair {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new FirefliesError("identity-corrupt", "The private key file holds no readable private key.", { cause });
  }
  return keyPairOf(key);
}

/** Whether `spki` has the one encoding of a P-256 key that we accept; the point itself is checked by `publicKeyFromSpki`. */
export function isP256Spki(spki: Uint8Array): boolean {
  return spki.length === P256_SPKI_BYTES && equalBytes(spki.subarray(0, P256_SPKI_PREFIX.length), P256_SPKI_PREFIX);
}

/** As above of a compressed point: prefix, 0x02 or 0x03, one coordinate. */
const P256_COMPRESSED_PREFIX = fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200")!;
const P256_COMPRESSED_BYTES = 59;

/** The same key in the one encoding that we accept, when it is P-256 with a compressed point (SEC 1, 2.3.3); else undefined. */
export function uncompressedSpki(spki: Uint8Array): Uint8Array | undefined {
  const prefix = spki.subarray(0, P256_COMPRESSED_PREFIX.length);
  if (spki.length !== P256_COMPRESSED_BYTES || !equalBytes(prefix, P256_COMPRESSED_PREFIX)) return undefined;
  try {
    const { x, y } = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }).export({ format: "jwk" });
    const [left, right] = [x, y].map((part) => Buffer.from(part ?? "", "base64url"));
    return concatBytes(P256_SPKI_PREFIX, left!, right!);
  } catch {
    return undefined; // No point of the curve has this coordinate.
  }
}

/** The key of a SubjectPublicKeyInfo in DER; undefined when it is not P-256, uncompressed and on the curve. */
export function publicKeyFromSpki(spki: Uint8Array): KeyObject | undefined {
  if (!isP256Spki(spki)) return undefined;
  const [x, y] = [spki.subarray(-64, -32), spki.subarray(-32)].map((part) => Buffer.from(part).toString("base64url"));
  try {
    // From JWK in 70 us, from DER in 110 us: OpenSSL tries its decoders one after the other.
    return createPublicKey({ key: { kty: "EC", crv: "P-256", x: x!, y: y! }, format: "jwk" });
  } catch {
    return undefined;
  }
}
