/** Who calls, by the certificate of the TLS connection: checked by our own profile and clock, not by OpenSSL's. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { FirefliesError, type MemberCertificate, verifyMemberCertificate } from "../identity/index.js";
import type { CertificateAuthority } from "./authority.js";

/** The member at the other end, at this moment. Throws "unauthenticated", saying why. */
export function callerOf(authority: CertificateAuthority, socket: Socket): MemberCertificate {
  const leaf = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
  if (leaf === undefined)
    throw new FirefliesError("unauthenticated", "This call needs the member's certificate in TLS.");
  const { root, issuer, network } = authority;
  const verdict = verifyMemberCertificate({ leaf, issuer }, { root, network, now: authority.now() });
  if (verdict.ok) return verdict.certificate;
  throw new FirefliesError(
    "unauthenticated",
    `The certificate is refused: ${verdict.reason}. If it has expired, enrol again with a new token.`,
  );
}
