/** Who calls, by the certificate of the TLS connection: checked by our own profile and clock, not by OpenSSL's. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import {
  CLOCK_TOLERANCE_MS,
  FirefliesError,
  type MemberCertificate,
  verifyMemberCertificate,
} from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";

/**
 * The member at the other end, at this moment. Its certificate may have ended up to `graceMs` ago. Throws
 * "unauthenticated", saying why.
 */
export function callerOf(authority: CertificateAuthority, socket: Socket, graceMs = 0): MemberCertificate {
  const leaf = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
  if (leaf === undefined)
    throw new FirefliesError("unauthenticated", "This call needs the member's certificate in TLS.");
  const { root, issuers, network } = authority;
  const options = { root, network, now: authority.now(), toleranceMs: Math.max(graceMs, CLOCK_TOLERANCE_MS) };
  const verdicts = issuers.map((issuer) => verifyMemberCertificate({ leaf, issuer }, options));
  const found = verdicts.find((verdict) => verdict.ok);
  if (found?.ok) return found.certificate;
  // Of one of ours this says what is wrong with it; of others, that it is not ours.
  const refused = verdicts.find((verdict) => !verdict.ok && verdict.reason !== "other-issuer") ?? verdicts[0];
  const reason = refused?.ok === false ? refused.reason : "other-issuer";
  throw new FirefliesError("unauthenticated", `The certificate is refused: ${reason}.`, {
    advice: "If it has expired, enrol again with a new token.",
  });
}
