/** Pieces that certificates, lists and answers of RFC 5280 have in common, written in DER. */
import { fromHex } from "../../rings/index.js";
import { TAG, writeDer, writeUnsigned } from "../der.js";
import { ECDSA_WITH_SHA256, withLowS } from "./certificate-fields.js";

/** UTCTime holds the years to 2049 (RFC 5280, 4.1.2.5). */
const UTC_YEAR_MAX = 2049;

/** UTCTime until 2049, GeneralizedTime after it, in whole seconds. */
export function writeTime(ms: number): Uint8Array {
  if (new Date(ms).getUTCFullYear() > UTC_YEAR_MAX) return writeGeneralizedTime(ms);
  return writeDer(TAG.utcTime, new TextEncoder().encode(timeText(ms).slice(2)));
}

export function writeGeneralizedTime(ms: number): Uint8Array {
  return writeDer(TAG.generalizedTime, new TextEncoder().encode(timeText(ms)));
}

function timeText(ms: number): string {
  return `${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
}

/** A non-critical Extension; `oid` is the hexadecimal of its content. */
export function writeExtension(oid: string, value: Uint8Array): Uint8Array {
  return writeDer(TAG.sequence, writeOid(oid), writeDer(TAG.octetString, value));
}

/** OBJECT IDENTIFIER from the hexadecimal of its content. */
export function writeOid(oid: string): Uint8Array {
  return writeDer(TAG.oid, fromHex(oid)!);
}

/** AlgorithmIdentifier of ECDSA with SHA-256. */
export function ecdsaWithSha256(): Uint8Array {
  return fromHex(ECDSA_WITH_SHA256)!;
}

/** SEQUENCE { what is signed, algorithm, signature, and what follows it }, of a signature r || s; the lower s of the two. */
export function writeSigned(tbs: Uint8Array, signature: Uint8Array, ...rest: readonly Uint8Array[]): Uint8Array {
  const low = withLowS(signature);
  const scalars = [low.subarray(0, 32), low.subarray(32)].map(writeUnsigned);
  const bits = writeDer(TAG.bitString, Uint8Array.of(0), writeDer(TAG.sequence, ...scalars));
  return writeDer(TAG.sequence, tbs, ecdsaWithSha256(), bits, ...rest);
}
