/** TLS 1.3 between members: our certificate out, the peer's proven by our own rules. */
import { constants } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from "node:tls";
import {
  certificatesToPem,
  type FirefliesError,
  type Identity,
  type MemberCertificate,
  verifyAgainst,
} from "../../identity/index.js";
import { certificateRefused } from "../guard.js";
import type { TransportOptions } from "../transport.js";

export const ALPN = "h2";

/**
 * No session is ever resumed: it would outlive the certificate that it was made with. OpenSSL's own verdict on the
 * chain is not used (`rejectUnauthorized: false` at both ends) because it knows neither the network, nor our key usage
 * rules, nor the tolerated and frozen clocks of rule R18: `provenPeer` decides before one byte of HTTP/2 is read. That
 * the peer holds the key of its certificate is proven by the handshake itself.
 */
export function secureOptions({ certificate, privateKey }: Identity): SecureContextOptions {
  return {
    cert: certificatesToPem(certificate.leaf, certificate.issuer),
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

const contexts = new WeakMap<Identity, SecureContext>();

/** The context of an identity, made once: parsing certificate and key takes longer than a handshake's arithmetic. */
export function secureContext(identity: Identity): SecureContext {
  const known = contexts.get(identity) ?? createSecureContext(secureOptions(identity));
  contexts.set(identity, known);
  return known;
}

/** The member at the other end of a finished handshake, or why it is refused. */
export function provenPeer(socket: TLSSocket, own: TransportOptions): MemberCertificate | FirefliesError {
  if (socket.alpnProtocol !== ALPN) return certificateRefused("it does not speak HTTP/2");
  const chain = peerChain(socket);
  if (chain === undefined) return certificateRefused("it sent none, or not the issuing certificate with it");
  const { root, certificate } = own.identity();
  const verdict = verifyAgainst(chain, { root, network: certificate, now: own.now, proves: own.proves });
  return verdict.ok ? verdict.certificate : certificateRefused(verdict.reason);
}

function peerChain(socket: TLSSocket): { readonly leaf: Uint8Array; readonly issuer: Uint8Array } | undefined {
  const leaf = socket.getPeerCertificate(true);
  const issuer = leaf?.issuerCertificate;
  if (leaf?.raw === undefined || issuer?.raw === undefined) return undefined;
  return { leaf: new Uint8Array(leaf.raw), issuer: new Uint8Array(issuer.raw) };
}
