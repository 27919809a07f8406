/** Who calls, by a certificate: checked by our own profile and clock, not by OpenSSL's. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import {
  CLOCK_TOLERANCE_MS,
  FirefliesError,
  type MemberCertificate,
  verifyMemberCertificate,
} from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";

/** The certificate that was proven in TLS, DER. */
export function leafOf(socket: Socket): Uint8Array | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
}

/** The member of this certificate (DER), which may have ended up to `graceMs` ago. Throws "unauthenticated", saying why. */
export function memberOf(authority: CertificateAuthority, leaf: Uint8Array, graceMs = 0): MemberCertificate {
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
