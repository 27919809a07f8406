/** Certificates in a PKCS#7 message without content or signers (RFC 5652; RFC 7030, 4.1.3 "certs-only"): how EST carries them. */

import { oidHex, TAG, writeDer, writeUnsigned } from "../der.js";
import { EXPLICIT_0 } from "./certificate-fields.js";
import { writeOid } from "./x509-structures.js";

const SIGNED_DATA = oidHex("1.2.840.113549.1.7.2");
const DATA = oidHex("1.2.840.113549.1.7.1");
const VERSION_1 = 1;

/** DER of a message that holds these certificates, DER each. */
export function certificatesToPkcs7(...certificates: readonly Uint8Array[]): Uint8Array {
  const signedData = writeDer(
    TAG.sequence,
    writeUnsigned(VERSION_1),
    writeDer(TAG.set),
    writeDer(TAG.sequence, writeOid(DATA)),
    writeDer(EXPLICIT_0, ...certificates),
    writeDer(TAG.set),
  );
  return writeDer(TAG.sequence, writeOid(SIGNED_DATA), writeDer(EXPLICIT_0, signedData));
}
