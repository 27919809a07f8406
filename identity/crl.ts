/** X.509 certificate revocation lists (RFC 5280, section 5), version 2: what other tools read. Members read gossip's own list. */
import { fromHex } from "../rings/index.js";
import { EXPLICIT_0, readCertificate } from "./certificate-fields.js";
import { oidHex, TAG, writeDer, writeUnsigned } from "./der.js";
import type { Issuer, Validity } from "./issuer.js";
import { keyIdentifierOf } from "./profile.js";
import { ecdsaWithSha256, writeExtension, writeSigned, writeTime } from "./x509-structures.js";

const VERSION_2 = 1;
const KEY_ID = 0x80;
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

/** A list of certificates that `issuer` signed, DER: valid from `notBefore`, followed by another before `notAfter`. */
export async function createCrl(input: {
  readonly issuer: Issuer;
  /** Rises with every list of one issuer. */
  readonly number: bigint;
  readonly validity: Validity;
  readonly revoked: readonly RevokedCertificate[];
}): Promise<Uint8Array> {
  const { issuer, number, validity, revoked } = input;
  const parent = readCertificate(issuer.certificate);
  const keyId = writeDer(TAG.sequence, writeDer(KEY_ID, keyIdentifierOf(parent)));
  const extensions = [
    writeExtension(AUTHORITY_KEY_IDENTIFIER, keyId),
    writeExtension(CRL_NUMBER, writeUnsigned(number)),
  ];
  const tbs = writeDer(
    TAG.sequence,
    writeUnsigned(VERSION_2),
    ecdsaWithSha256(),
    parent.subject,
    writeTime(validity.notBefore),
    writeTime(validity.notAfter),
    // An empty list is left out (5.1.2.6).
    ...(revoked.length > 0 ? [writeDer(TAG.sequence, ...revoked.map(writeRevoked))] : []),
    writeDer(EXPLICIT_0, writeDer(TAG.sequence, ...extensions)),
  );
  return writeSigned(tbs, await issuer.sign(tbs));
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
