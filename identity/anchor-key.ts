/**
 * Keys and signatures of roots that were made elsewhere and imported: RSA and P-384 beside our P-256. Only a root may have
 * them: it is pinned by its fingerprint, and signs a handful of issuing certificates in its life.
 */
import { createPublicKey, sign as cryptoSign, verify as cryptoVerify, type KeyObject } from "node:crypto";
import { fromHex } from "../rings/index.js";
import { FirefliesError } from "./error.js";
import { isP256Spki, publicKeyFromSpki } from "./keys.js";
import { signRaw } from "./raw-signature.js";

export type AnchorKind = "p256" | "p384" | "rsa";

/** Shorter RSA keys can be factored; longer ones only cost time. Bits. */
const RSA_BITS_MIN = 2_048;
const RSA_BITS_MAX = 8_192;
const RSA_EXPONENT_MIN = 65_537n;

export interface AnchorAlgorithm {
  readonly kind: AnchorKind;
  readonly hash: "sha256" | "sha384" | "sha512";
}

/** AlgorithmIdentifier in hexadecimal (RFC 5758, 3.2; RFC 4055, 5): SHA-1 and older are not among them. */
const ALGORITHMS: ReadonlyMap<string, AnchorAlgorithm> = new Map([
  ["300a06082a8648ce3d040302", { kind: "p256", hash: "sha256" }],
  ["300a06082a8648ce3d040303", { kind: "p384", hash: "sha384" }],
  ["300d06092a864886f70d01010b0500", { kind: "rsa", hash: "sha256" }],
  ["300d06092a864886f70d01010c0500", { kind: "rsa", hash: "sha384" }],
  ["300d06092a864886f70d01010d0500", { kind: "rsa", hash: "sha512" }],
]);

/** Undefined for what no root may be signed with. */
export function anchorAlgorithmOf(identifier: Uint8Array): AnchorAlgorithm | undefined {
  return ALGORITHMS.get(Buffer.from(identifier).toString("hex"));
}

/** With which a key of this kind signs issuing certificates: the first of its kind above. DER. */
export function identifierOf(kind: AnchorKind): Uint8Array {
  const [hex] = [...ALGORITHMS].find(([, algorithm]) => algorithm.kind === kind)!;
  return fromHex(hex)!;
}

/** Undefined when a root may have no such key. */
export function anchorKindOf(publicKey: KeyObject): AnchorKind | undefined {
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = publicKey.asymmetricKeyDetails ?? {};
  if (publicKey.asymmetricKeyType === "ec") return CURVES.get(namedCurve ?? "");
  if (publicKey.asymmetricKeyType !== "rsa" || publicExponent < RSA_EXPONENT_MIN) return undefined;
  return modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX ? "rsa" : undefined;
}

const CURVES: ReadonlyMap<string, AnchorKind> = new Map([
  ["prime256v1", "p256"],
  ["secp384r1", "p384"],
]);

/** The key of a SubjectPublicKeyInfo in DER, with its kind; undefined when a root may have no such key. */
export function anchorKeyOf(
  spki: Uint8Array,
): { readonly publicKey: KeyObject; readonly kind: AnchorKind } | undefined {
  if (isP256Spki(spki)) {
    const publicKey = publicKeyFromSpki(spki);
    return publicKey && { publicKey, kind: "p256" };
  }
  try {
    const publicKey = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    const kind = anchorKindOf(publicKey);
    return kind && { publicKey, kind };
  } catch {
    return undefined;
  }
}

export interface AnchorSigner {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** See `Signer`. */
  readonly sign: (data: Uint8Array) => Uint8Array;
}

/** A key that may be a root's, to sign with. Throws "identity-corrupt" when it is of another kind. */
export function anchorSignerOf(privateKey: KeyObject): AnchorSigner {
  const publicKey = createPublicKey(privateKey);
  const kind = anchorKindOf(publicKey);
  if (kind === undefined) {
    throw new FirefliesError("identity-corrupt", "The private key is of a kind that is unknown here.");
  }
  const spki = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const hash = kind === "p384" ? "sha384" : "sha256";
  const signDer = (data: Uint8Array) => new Uint8Array(cryptoSign(hash, data, privateKey));
  return { spki, sign: kind === "p256" ? (data) => signRaw(privateKey, data) : signDer };
}

export function verifyAsAnchor(
  hash: AnchorAlgorithm["hash"],
  publicKey: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  return cryptoVerify(hash, data, publicKey, signature);
}
