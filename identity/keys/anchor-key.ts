/**
 * Keys and signatures of roots that were made elsewhere and imported: RSA and P-384 beside our P-256. Only a root may have
 * them: it is pinned by its fingerprint, and signs a handful of issuing certificates in its life.
 */
import { constants, createPublicKey, sign as cryptoSign, verify as cryptoVerify, type KeyObject } from "node:crypto";
import { fromHex } from "../../rings/index.js";
import { type DerElement, oidHex, readChildren, readDer, TAG } from "../der.js";
import { FirefliesError } from "../errors/error.js";
import { isP256Spki, publicKeyFromSpki } from "./keys.js";
import { signRaw } from "./raw-signature.js";

export type AnchorKind = "p256" | "p384" | "rsa";

/** Shorter RSA keys can be factored; longer ones only cost time. Bits. */
const RSA_BITS_MIN = 2_048;
const RSA_BITS_MAX = 8_192;
const RSA_EXPONENT_MIN = 65_537n;

/** An ECDSA algorithm says nothing of the curve: the key does. */
export interface AnchorAlgorithm {
  readonly family: "ecdsa" | "rsa" | "rsa-pss";
  readonly hash: "sha256" | "sha384" | "sha512";
}

/** AlgorithmIdentifier in hexadecimal (RFC 5758, 3.2; RFC 4055, 5): SHA-1 and older are not among them. */
const ALGORITHMS: ReadonlyMap<string, AnchorAlgorithm> = new Map([
  ["300a06082a8648ce3d040302", { family: "ecdsa", hash: "sha256" }],
  ["300a06082a8648ce3d040303", { family: "ecdsa", hash: "sha384" }],
  ["300a06082a8648ce3d040304", { family: "ecdsa", hash: "sha512" }],
  ["300d06092a864886f70d01010b0500", { family: "rsa", hash: "sha256" }],
  ["300d06092a864886f70d01010c0500", { family: "rsa", hash: "sha384" }],
  ["300d06092a864886f70d01010d0500", { family: "rsa", hash: "sha512" }],
]);
const RSASSA_PSS = oidHex("1.2.840.113549.1.1.10");
const MGF1 = oidHex("1.2.840.113549.1.1.8");
const HASHES: ReadonlyMap<string, AnchorAlgorithm["hash"]> = new Map([
  [oidHex("2.16.840.1.101.3.4.2.1"), "sha256"],
  [oidHex("2.16.840.1.101.3.4.2.2"), "sha384"],
  [oidHex("2.16.840.1.101.3.4.2.3"), "sha512"],
]);
const CONTEXT_0 = 0xa0;
const CONTEXT_1 = 0xa1;

/** Undefined for what no root may be signed with. Throws `Refusal` for what is no AlgorithmIdentifier. */
export function anchorAlgorithmOf(identifier: Uint8Array): AnchorAlgorithm | undefined {
  return ALGORITHMS.get(Buffer.from(identifier).toString("hex")) ?? pssAlgorithmOf(identifier);
}

/** RSASSA-PSS (RFC 4055, 3.1) with one hash for the message and for the mask. */
function pssAlgorithmOf(identifier: Uint8Array): AnchorAlgorithm | undefined {
  const [oid, parameters] = readChildren(readDer(identifier));
  if (oidOf(oid) !== RSASSA_PSS || parameters === undefined) return undefined;
  const fields = readChildren(parameters);
  const tagged = (tag: number) => fields.find((field) => field.tag === tag);
  const [hashElement, maskElement] = [tagged(CONTEXT_0), tagged(CONTEXT_1)];
  if (hashElement === undefined || maskElement === undefined) return undefined; // Their default is SHA-1.
  const hash = hashIn(hashElement, CONTEXT_0);
  const [mask] = readChildren(maskElement, CONTEXT_1);
  const [generator, maskHash] = readChildren(mask);
  const isOne =
    oidOf(generator) === MGF1 && maskHash !== undefined && HASHES.get(oidOf(readChildren(maskHash)[0])) === hash;
  return hash !== undefined && isOne ? { family: "rsa-pss", hash } : undefined;
}

function hashIn(element: DerElement, tag: number): AnchorAlgorithm["hash"] | undefined {
  const [identifier] = readChildren(element, tag);
  return HASHES.get(oidOf(readChildren(identifier)[0]));
}

function oidOf(element: DerElement | undefined): string {
  return element?.tag === TAG.oid ? Buffer.from(element.content).toString("hex") : "";
}

/** With which hash a key of this kind signs issuing certificates and lists. */
const SIGNING_HASH = { p256: "sha256", p384: "sha384", rsa: "sha256" } as const;

/** With which a key of this kind signs issuing certificates. DER. */
export function identifierOf(kind: AnchorKind): Uint8Array {
  const family = familyOf(kind);
  const isIt = ({ family: each, hash }: AnchorAlgorithm) => each === family && hash === SIGNING_HASH[kind];
  const [hex] = [...ALGORITHMS].find(([, algorithm]) => isIt(algorithm))!;
  return fromHex(hex)!;
}

function familyOf(kind: AnchorKind): "ecdsa" | "rsa" {
  return kind === "rsa" ? "rsa" : "ecdsa";
}

/** Whether a root with a key of this kind may be signed so by itself. */
export function mayBeSelfSigned(kind: AnchorKind, { family }: AnchorAlgorithm): boolean {
  return family === familyOf(kind) || (family === "rsa-pss" && kind === "rsa");
}

/** Whether a root with a key of this kind signs issuing certificates so: an ECDSA key has one hash, as its lower s is judged. */
export function maySignIssuing(kind: AnchorKind, { family, hash }: AnchorAlgorithm): boolean {
  return family === familyOf(kind) && (family === "rsa" || hash === SIGNING_HASH[kind]);
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
  const hash = SIGNING_HASH[kind];
  const signDer = (data: Uint8Array) => new Uint8Array(cryptoSign(hash, data, privateKey));
  return { spki, sign: kind === "p256" ? (data) => signRaw(privateKey, data) : signDer };
}

/** `signature` as certificates hold it: of ECDSA an Ecdsa-Sig-Value. */
export function verifyAsAnchor(
  { family, hash }: AnchorAlgorithm,
  publicKey: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (family !== "rsa-pss") return cryptoVerify(hash, data, publicKey, signature);
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_AUTO: saltLength } = constants;
  return cryptoVerify(hash, data, { key: publicKey, padding, saltLength }, signature);
}
