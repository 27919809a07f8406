/** Certificate requests (PKCS#10, RFC 2986): proof that whoever asks holds the key. Nothing but the public key is read from one. */

import type { KeyObject } from "node:crypto";
import { fromHex } from "../../rings/index.js";
import {
  attempt,
  type Reading,
  Refusal,
  readBitString,
  readChildren,
  readDer,
  readUnsigned,
  TAG,
  writeDer,
  writeUnsigned,
} from "../der.js";
import { anchorAlgorithmOf, verifyAsAnchor } from "../keys/anchor-key.js";
import { type KeyPair, publicKeyFromSpki, uncompressedSpki } from "../keys/keys.js";
import { signRaw } from "../keys/raw-signature.js";
import { ECDSA_WITH_SHA256 } from "./certificate-fields.js";
import { assembled } from "./member-template.js";

/** A request of ours has about 200 bytes; other tools add names and attributes, which are ignored. */
export const REQUEST_BYTES_MAX = 4_096;
const VERSION_1 = 0n;
const NO_NAME = writeDer(TAG.sequence);
/** Attributes are [0] IMPLICIT SET, and not optional (RFC 2986, 4.1). */
const NO_ATTRIBUTES = writeDer(0xa0);

/**
 * A request for the key of `pair`, DER. It names nothing: the authority decides what a certificate says. Of five fixed
 * fields, so laid out here: a member would load @peculiar/x509, 20 MiB and 0.2 s, for nothing else.
 */
export function createRequest(pair: KeyPair): Uint8Array {
  const info = writeDer(TAG.sequence, writeUnsigned(VERSION_1), NO_NAME, pair.spki, NO_ATTRIBUTES);
  return assembled(info, fromHex(ECDSA_WITH_SHA256)!, signRaw(pair.privateKey, info));
}

export interface OpenedRequest {
  /** SubjectPublicKeyInfo, DER, 91 bytes. */
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
}

/** Checks that `der` is exactly one request, for a P-256 key, signed by that key with SHA-256, SHA-384 or SHA-512. */
export function openRequest(der: Uint8Array): Reading<OpenedRequest> {
  return attempt(() => readRequest(der));
}

function readRequest(der: Uint8Array): OpenedRequest {
  if (der.length > REQUEST_BYTES_MAX) throw new Refusal("too-large");
  const [info, algorithm, signature, ...rest] = readChildren(readDer(der));
  if (info === undefined || signature === undefined || rest.length > 0) throw new Refusal("malformed");
  const [version, subject, spki] = readChildren(info);
  if (readUnsigned(version) !== VERSION_1 || subject === undefined) throw new Refusal("malformed");
  const given = new Uint8Array(spki?.bytes ?? []);
  const own = uncompressedSpki(given) ?? given;
  const publicKey = publicKeyFromSpki(own);
  if (publicKey === undefined) throw new Refusal("key-type");
  const signed = anchorAlgorithmOf(algorithm?.bytes ?? new Uint8Array());
  if (signed?.family !== "ecdsa") throw new Refusal("signature-algorithm");
  if (!verifyAsAnchor(signed, publicKey, info.bytes, readBitString(signature))) throw new Refusal("signature");
  return { spki: own, publicKey };
}
