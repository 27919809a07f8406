/** ECDSA P-256 with SHA-256 over bytes as they are: certificates and requests, whose bytes are a domain of their own (DER). */
import { sign as cryptoSign, verify as cryptoVerify, type KeyObject } from "node:crypto";

/** r || s, 64 bytes. */
export function signRaw(privateKey: KeyObject, data: Uint8Array): Uint8Array {
  return new Uint8Array(cryptoSign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }));
}

export function verifyRaw(publicKey: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  return cryptoVerify("sha256", data, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
}
