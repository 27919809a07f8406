/**
 * Members' certificates in quantity. All that one issuing certificate signs for one network differ in six places:
 * serial, validity, subject, key, SubjectKeyIdentifier, and the facts in our own extension. The library lays out one; the others are that one with
 * these places filled anew, byte for byte as it would have laid them out, in a hundredth of the time.
 */
import { concatBytes, fromHex, type MemberId } from "../../rings/index.js";
import { type DerElement, readChildren, readDer, TAG, writeDer, writeUnsigned } from "../der.js";
import { EXPLICIT_3, EXTENSION } from "./certificate-fields.js";
import type { Validity } from "./issuer.js";

const COMMON_NAME = writeDer(TAG.oid, Uint8Array.of(0x55, 0x04, 0x03));
const UTF8_STRING = 0x0c;
/** RFC 5280, 4.1.2.5: from 2050 on, times have a year of four digits. */
const GENERALIZED_FROM = Date.UTC(2050, 0, 1);

/** What differs from member to member. */
export interface MemberPlaces {
  readonly id: MemberId;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** Hexadecimal. */
  readonly serial: string;
  /** Within that of the issuing certificate. */
  readonly validity: Validity;
  /** Our own extension, DER (extension.ts). Left out: that of the template. */
  readonly own?: Uint8Array;
}

export interface MemberTemplate {
  /** The bytes to be signed. */
  fill(places: MemberPlaces): Uint8Array;
}

/** From the bytes to be signed of any certificate of that issuer and network. */
export function memberTemplate(tbs: Uint8Array): MemberTemplate {
  const [version, , algorithm, issuer, , , , wrapped] = readChildren(readDer(tbs)) as [...Eight<DerElement>];
  const [list] = readChildren(wrapped, EXPLICIT_3);
  const extensions = readChildren(list).map((element) => ({ bytes: element.bytes, oid: oidOf(element) }));
  const fill = ({ id, spki, serial, validity, own }: MemberPlaces) => {
    const keyId = subjectKeyId(fromHex(id)!);
    const filled = extensions.map(({ bytes, oid }) => {
      if (oid === EXTENSION.subjectKeyIdentifier) return keyId;
      return oid === EXTENSION.network && own !== undefined ? own : bytes;
    });
    const fields = [version.bytes, writeUnsigned(fromHex(serial)!), algorithm.bytes, issuer.bytes];
    const dates = writeDer(TAG.sequence, writeTime(validity.notBefore), writeTime(validity.notAfter));
    const last = writeDer(EXPLICIT_3, writeDer(TAG.sequence, ...filled));
    return writeDer(TAG.sequence, ...fields, dates, commonName(id), spki, last);
  };
  return { fill };
}

type Eight<T> = [T, T, T, T, T, T, T, T];

/** As hexadecimal. */
function oidOf(extension: DerElement): string {
  const [oid] = readChildren(extension);
  return Buffer.from(oid?.content ?? []).toString("hex");
}

function subjectKeyId(id: Uint8Array): Uint8Array {
  const oid = writeDer(TAG.oid, fromHex(EXTENSION.subjectKeyIdentifier)!);
  return writeDer(TAG.sequence, oid, writeDer(TAG.octetString, writeDer(TAG.octetString, id)));
}

function commonName(name: string): Uint8Array {
  const value = writeDer(UTF8_STRING, new TextEncoder().encode(name));
  return writeDer(TAG.sequence, writeDer(TAG.set, writeDer(TAG.sequence, COMMON_NAME, value)));
}

/** Whole seconds: UTCTime, or GeneralizedTime where that has too few digits. */
function writeTime(ms: number): Uint8Array {
  const digits = `${new Date(ms).toISOString().slice(0, 19).replace(/\D/g, "")}Z`;
  const ascii = (text: string) => new TextEncoder().encode(text);
  return ms < GENERALIZED_FROM
    ? writeDer(TAG.utcTime, ascii(digits.slice(2)))
    : writeDer(TAG.generalizedTime, ascii(digits));
}

/** The certificate: what was signed, how, and the signature (r || s) as a structure. */
export function assembled(tbs: Uint8Array, algorithm: Uint8Array, signature: Uint8Array): Uint8Array {
  const scalars = [signature.subarray(0, 32), signature.subarray(32)].map(writeUnsigned);
  const bits = writeDer(TAG.bitString, concatBytes(Uint8Array.of(0), writeDer(TAG.sequence, ...scalars)));
  return writeDer(TAG.sequence, tbs, algorithm, bits);
}
