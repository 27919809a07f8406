/** X.509 certificate revocation lists (RFC 5280, section 5), version 2: what other tools read. Members read gossip's own list. */
import { fromHex } from "../../rings/index.js";
import { EXPLICIT_0, EXTENSION, readCertificate } from "../certificates/certificate-fields.js";
import type { Issuer, Validity } from "../certificates/issuer.js";
import { keyIdentifierOf } from "../certificates/profile.js";
import { writeExtension, writeSigned, writeTime } from "../certificates/x509-structures.js";
import { contentOf, oidHex, readDer, TAG, writeDer, writeUnsigned } from "../der.js";
import { anchorKeyOf, identifierOf } from "../keys/anchor-key.js";

const VERSION_2 = 1;
const KEY_ID = 0x80;
const CRL_SIGN_BIT = 0x02;
const ENUMERATED = 0x0a;
const CRL_NUMBER = oidHex("2.5.29.20");
const REASON_CODE = oidHex("2.5.29.21");
const AUTHORITY_KEY_IDENTIFIER = oidHex("2.5.29.35");

/** Words of RFC 5280, section 5.3.1, that an operator may give, with their codes. "unspecified" is left out of lists. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  caCompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;
export type RevocationReason = keyof typeof REVOCATION_REASONS;

export function isRevocationReason(word: string): word is RevocationReason {
  return Object.hasOwn(REVOCATION_REASONS, word);
}

export interface RevokedCertificate {
  /** Hexadecimal. */
  readonly serial: string;
  /** Unix milliseconds. */
  readonly revokedAt: number;
  readonly reason: RevocationReason;
}

/**
 * A list of certificates that `issuer`, an issuing certificate or a root, signed, DER: valid from `notBefore`, followed by
 * another before `notAfter`.
 */
export async function createCrl(input: {
  readonly issuer: Issuer;
  /** Rises with every list of one issuer. */
  readonly number: bigint;
  readonly validity: Validity;
  readonly revoked: readonly RevokedCertificate[];
}): Promise<Uint8Array> {
  const { issuer, number, validity, revoked } = input;
  const parent = readCertificate(issuer.certificate, "root"); // The wider of the two roles.
  const kind = anchorKeyOf(parent.spki)?.kind ?? "p256";
  const keyId = writeDer(TAG.sequence, writeDer(KEY_ID, keyIdentifierOf(parent)));
  const extensions = [
    writeExtension(AUTHORITY_KEY_IDENTIFIER, keyId),
    writeExtension(CRL_NUMBER, writeUnsigned(number)),
  ];
  const tbs = writeDer(
    TAG.sequence,
    writeUnsigned(VERSION_2),
    identifierOf(kind),
    parent.subject,
    writeTime(validity.notBefore),
    writeTime(validity.notAfter),
    // An empty list is left out (5.1.2.6).
    ...(revoked.length > 0 ? [writeDer(TAG.sequence, ...revoked.map(writeRevoked))] : []),
    writeDer(EXPLICIT_0, writeDer(TAG.sequence, ...extensions)),
  );
  const signature = await issuer.sign(tbs);
  if (kind === "p256") return writeSigned(tbs, signature);
  const bits = writeDer(TAG.bitString, Uint8Array.of(0), signature);
  return writeDer(TAG.sequence, tbs, identifierOf(kind), bits);
}

/** Whether a root or issuing certificate may sign lists: its key usage says so, or says nothing (RFC 5280, 4.2.1.3). */
export function maySignLists(certificate: Uint8Array): boolean {
  const usage = readCertificate(certificate, "root").extensions.get(EXTENSION.keyUsage);
  if (usage === undefined) return true;
  const bits = contentOf(readDer(usage.value), TAG.bitString);
  return ((bits[1] ?? 0) & CRL_SIGN_BIT) !== 0;
}

function writeRevoked({ serial, revokedAt, reason }: RevokedCertificate): Uint8Array {
  const code = REVOCATION_REASONS[reason];
  const fields = [writeUnsigned(fromHex(serial)!), writeTime(revokedAt)];
  if (code !== 0) {
    const value = writeDer(ENUMERATED, Uint8Array.of(code));
    fields.push(writeDer(TAG.sequence, writeExtension(REASON_CODE, value)));
  }
  return writeDer(TAG.sequence, ...fields);
}
