/** Certificate requests (PKCS#10, RFC 2986): proof that whoever asks holds the key. Nothing but the public key is read from one. */

import type { KeyObject } from "node:crypto";
import { fromHex } from "../rings/index.js";
import { ECDSA_WITH_SHA256, scalarHex } from "./certificate-fields.js";
import { attempt, type Reading, Refusal, readBitString, readChildren, readDer, readUnsigned } from "./der.js";
import { type KeyPair, publicKeyFromSpki } from "./keys.js";
import { verifyRaw } from "./raw-signature.js";
import { toCryptoKeyPair, x509Crypto } from "./web-crypto.js";
import { loadX509 } from "./x509.js";

/** A request of ours has about 200 bytes; other tools add names and attributes, which are ignored. */
export const REQUEST_BYTES_MAX = 4_096;
const VERSION_1 = 0n;

/** A request for the key of `pair`, DER. It names nothing: the authority decides what a certificate says. */
export async function createRequest(pair: KeyPair): Promise<Uint8Array> {
  const { Pkcs10CertificateRequestGenerator } = await loadX509();
  const keys = await toCryptoKeyPair(pair);
  const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" };
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm }, x509Crypto);
  return new Uint8Array(request.rawData);
}

export interface OpenedRequest {
  /** SubjectPublicKeyInfo, DER, 91 bytes. */
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
}

/** Checks that `der` is exactly one request, for a P-256 key, signed by that key. */
export function openRequest(der: Uint8Array): Reading<OpenedRequest> {
  return attempt(() => readRequest(der));
}

function readRequest(der: Uint8Array): OpenedRequest {
  if (der.length > REQUEST_BYTES_MAX) throw new Refusal("too-large");
  const [info, algorithm, signature, ...rest] = readChildren(readDer(der));
  if (info === undefined || signature === undefined || rest.length > 0) throw new Refusal("malformed");
  const [version, subject, spki] = readChildren(info);
  if (readUnsigned(version) !== VERSION_1 || subject === undefined) throw new Refusal("malformed");
  const publicKey = publicKeyFromSpki(spki?.bytes ?? new Uint8Array());
  if (publicKey === undefined) throw new Refusal("key-type");
  if (Buffer.from(algorithm?.bytes ?? []).toString("hex") !== ECDSA_WITH_SHA256)
    throw new Refusal("signature-algorithm");
  if (!verifyRaw(publicKey, info.bytes, readScalars(readBitString(signature)))) throw new Refusal("signature");
  return { spki: new Uint8Array(spki!.bytes), publicKey };
}

function readScalars(der: Uint8Array): Uint8Array {
  const scalars = readChildren(readDer(der)).map(readUnsigned);
  const raw = fromHex(scalars.map(scalarHex).join(""));
  if (scalars.length !== 2 || raw?.length !== 64) throw new Refusal("signature");
  return raw;
}
