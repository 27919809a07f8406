/** A forger of certificates: takes a good one apart, changes what a test wants, and signs the result with any key. */
import { type KeyObject, sign } from "node:crypto";
import { createIssuing, createRoot, issueMember, issueServer } from "../../identity/certificates/issuing.js";
import { readChildren, readDer, TAG, writeDer, writeUnsigned } from "../../identity/der.js";
import { generateKeyPair, type NetworkConstants, signRaw } from "../../identity/index.js";
import { fromHex, type MemberId } from "../../rings/index.js";

export const NOW = Date.UTC(2026, 10, 21, 12);
export const DAY_MS = 86_400_000;
export const ID = "5a".repeat(32) as MemberId;
export const NETWORK: NetworkConstants = { networkId: new Uint8Array(32).fill(7), ringCount: 9, deltaMs: 1_500 };
export const WEEK = { notBefore: NOW - DAY_MS, notAfter: NOW + 6 * DAY_MS };
const YEARS = { notBefore: NOW - 10 * DAY_MS, notAfter: NOW + 3_650 * DAY_MS };

export const keys = {
  root: generateKeyPair(),
  issuing: generateKeyPair(),
  member: generateKeyPair(),
  server: generateKeyPair(),
};

const signer = (key: { readonly privateKey: KeyObject }) => (data: Uint8Array) => signRaw(key.privateKey, data);

/** A complete chain of one authority. */
export async function createChain({ root: rootKey, issuing: issuingKey, member, server } = keys, network = NETWORK) {
  const root = await createRoot({ name: "root", spki: rootKey.spki, sign: signer(rootKey), validity: YEARS });
  const issuing = await createIssuing({
    name: "issuing",
    spki: issuingKey.spki,
    network,
    root: { certificate: root, sign: signer(rootKey) },
    validity: YEARS,
  });
  const issuer = { certificate: issuing, sign: signer(issuingKey) };
  const leaf = await issueMember({ id: ID, spki: member.spki, network, issuer, validity: WEEK });
  const serverLeaf = await issueServer({ spki: server.spki, issuer, validity: WEEK });
  return { root, issuing, issuer, leaf, server: serverLeaf };
}

/** The fields of a TBSCertificate, in order. */
export const FIELD = {
  version: 0,
  serial: 1,
  algorithm: 2,
  issuer: 3,
  validity: 4,
  subject: 5,
  spki: 6,
  extensions: 7,
} as const;

export interface Forgery {
  /** Replaces fields of the certificate: DER by field. */
  readonly fields?: Partial<Record<keyof typeof FIELD, Uint8Array>>;
  /** Replaces the list of extensions, each DER. */
  readonly extensions?: (list: readonly Uint8Array[]) => readonly Uint8Array[];
  /** Signs with this key (the issuing key). */
  readonly key?: KeyObject;
  /** AlgorithmIdentifier, DER, inside and outside. */
  readonly algorithm?: Uint8Array;
  readonly hash?: string;
  /** The raw signature, to change or to lengthen. */
  readonly signature?: (der: Uint8Array) => Uint8Array;
  /** Only the outer AlgorithmIdentifier. */
  readonly outerAlgorithm?: Uint8Array;
}

/** A changed copy of a certificate, freshly signed. */
export function forge(certificate: Uint8Array, forgery: Forgery): Uint8Array {
  const [tbs, algorithm] = readChildren(readDer(certificate));
  const parts = readChildren(tbs).map(({ bytes }) => bytes);
  for (const [name, der] of Object.entries(forgery.fields ?? {})) parts[FIELD[name as keyof typeof FIELD]] = der;
  if (forgery.algorithm !== undefined) parts[FIELD.algorithm] = forgery.algorithm;
  if (forgery.extensions !== undefined) {
    const list = extensionsOf(certificate);
    parts[FIELD.extensions] = writeDer(0xa3, writeDer(TAG.sequence, ...forgery.extensions(list)));
  }
  const changed = writeDer(TAG.sequence, ...parts);
  const signed = signDer(forgery.key ?? keys.issuing.privateKey, changed, forgery.hash ?? "sha256");
  const signature = forgery.signature?.(signed) ?? signed;
  const outer = forgery.outerAlgorithm ?? forgery.algorithm ?? algorithm!.bytes;
  return writeDer(TAG.sequence, changed, outer, writeDer(TAG.bitString, Uint8Array.of(0), signature));
}

/** The extensions of a certificate, each DER. */
export function extensionsOf(certificate: Uint8Array): Uint8Array[] {
  const [tbs] = readChildren(readDer(certificate));
  const [list] = readChildren(readChildren(tbs)[FIELD.extensions], 0xa3);
  return readChildren(list).map(({ bytes }) => bytes);
}

/** An extension, DER. `oid` in hexadecimal. */
export function extension(oid: string, value: Uint8Array, critical = false): Uint8Array {
  const flag = critical ? [writeDer(TAG.boolean, Uint8Array.of(0xff))] : [];
  return writeDer(TAG.sequence, writeDer(TAG.oid, fromHex(oid)!), ...flag, writeDer(TAG.octetString, value));
}

/** Whether an extension has this OID (hexadecimal). */
export function hasOid(der: Uint8Array, oid: string): boolean {
  const [id] = readChildren(readDer(der));
  return Buffer.from(id!.content).toString("hex") === oid;
}

/** A Name of one common name. */
export function commonName(text: string): Uint8Array {
  const value = writeDer(0x0c, new TextEncoder().encode(text));
  const attribute = writeDer(TAG.sequence, writeDer(TAG.oid, fromHex("550403")!), value);
  return writeDer(TAG.sequence, writeDer(TAG.set, attribute));
}

export function validity(from: string, to: string): Uint8Array {
  const time = (text: string) =>
    writeDer(text.length === 13 ? TAG.utcTime : TAG.generalizedTime, new TextEncoder().encode(text));
  return writeDer(TAG.sequence, time(from), time(to));
}

/** An ECDSA signature with the lower s, as our certificates have it; other keys sign as they do. */
function signDer(key: KeyObject, data: Uint8Array, hash: string): Uint8Array {
  for (;;) {
    const signature = new Uint8Array(sign(hash, data, key));
    if (key.asymmetricKeyType !== "ec" || !isHigh(signature)) return signature;
  }
}

const HALF_ORDER = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n;

function isHigh(signature: Uint8Array): boolean {
  const [, s] = readChildren(readDer(signature));
  return BigInt(`0x${Buffer.from(s!.content).toString("hex")}`) > HALF_ORDER;
}

/** The malleated twin of an ECDSA signature: r, n - s. */
export function twin(signature: Uint8Array): Uint8Array {
  const [r, s] = readChildren(readDer(signature));
  const value = BigInt(`0x${Buffer.from(s!.content).toString("hex")}`);
  const order = HALF_ORDER * 2n + 1n;
  return writeDer(TAG.sequence, r!.bytes, writeUnsigned(order - value));
}
