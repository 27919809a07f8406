/**
 * Certificates of simulated members, laid out like one that the library made. The library takes a promise for each, and a
 * simulation asks for one at any moment.
 */

import {
  assembled,
  type MemberPlaces,
  type MemberTemplate,
  memberTemplate,
} from "../../identity/certificates/member-template.js";
import { readChildren, readDer } from "../../identity/der.js";
import { type Issuer, issueMember, type NetworkConstants, sha256, type Validity } from "../../identity/index.js";
import { memberIdFromBytes } from "../../rings/index.js";
import { type SeededKey, seededKey, seededSignature } from "./seeded-key.js";

/** Hexadecimal digits of a serial number: 16 bytes, the first of them 01. */
const SERIAL_DIGITS = 32;

/** 1970 to 2049: X.509's two-digit years; simulations begin in 2027. */
export const VALIDITY: Validity = { notBefore: 0, notAfter: 2_524_607_999_000 };

/** A serial number as wide as all others. */
export function serialOf(count: number): string {
  return `01${count.toString(16).padStart(SERIAL_DIGITS - 2, "0")}`;
}

export class CertificateTemplate {
  readonly #member: MemberTemplate;
  /** DER of the signature's algorithm. */
  readonly #algorithm: Uint8Array;

  private constructor(member: MemberTemplate, algorithm: Uint8Array) {
    this.#member = member;
    this.#algorithm = algorithm;
  }

  static async make(issuer: Issuer, network: NetworkConstants): Promise<CertificateTemplate> {
    const id = memberIdFromBytes(sha256(new TextEncoder().encode("nobody")));
    const { spki } = seededKey("nobody");
    const input = { id, spki, serial: serialOf(0), network, issuer, validity: VALIDITY };
    const [tbs, algorithm] = readChildren(readDer(await issueMember(input)));
    return new CertificateTemplate(memberTemplate(tbs!.bytes), algorithm!.bytes);
  }

  /** DER of a certificate. */
  issue(places: MemberPlaces, issuingKey: SeededKey): Uint8Array {
    const tbs = this.#member.fill(places);
    return assembled(tbs, this.#algorithm, seededSignature(issuingKey, tbs));
  }
}
