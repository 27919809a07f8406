/** TLS 1.3 between members: our certificate out, the peer's proven by our own rules. */
import { constants } from "node:crypto";
import type { Duplex } from "node:stream";
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  TLSSocket,
  type TLSSocketOptions,
} from "node:tls";
import {
  certificatesToPem,
  datesMissed,
  FirefliesError,
  type Identity,
  type MemberCertificate,
  validityOfCertificate,
  verifyAgainst,
} from "../../identity/index.js";
import { certificateRefused } from "./admission.js";
import type { SessionHostOptions } from "./options.js";

/** Of a session. */
const SESSION = "h2";
/**
 * Of a connection that ends with its handshake: both ends have proven who they are, and no session comes of it. A
 * member that dials another one only to see whether it can be dialled makes such a connection.
 */
export const GREETING = "fireflies-greeting";

/** What a connection is for, as ALPN names it (RFC 7301). */
export type Purpose = typeof SESSION | typeof GREETING;

/**
 * No session is ever resumed: it would outlive the certificate that it was made with. OpenSSL's own verdict on the
 * chain is not used (`rejectUnauthorized: false` at both ends) because it knows neither the network, nor our key usage
 * rules, nor the tolerated and frozen clocks of rule R18: `provenPeer` decides before one byte of HTTP/2 is read. That
 * the peer holds the key of its certificate is proven by the handshake itself.
 */
function secureOptions({ certificate, privateKey }: Identity): SecureContextOptions {
  return {
    cert: certificatesToPem(certificate.leaf, certificate.issuer),
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
    ca: [], // Nobody is trusted by OpenSSL here. Without this Node parses the hundred roots of the web for it: a MiB.
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

const contexts = new WeakMap<Identity, SecureContext>();

/** The context of an identity, made once: parsing certificate and key takes longer than a handshake's arithmetic. */
function secureContext(identity: Identity): SecureContext {
  const known = contexts.get(identity) ?? createSecureContext(secureOptions(identity));
  contexts.set(identity, known);
  return known;
}

/** Resolves when this end of the handshake is done; the other end may still refuse. Rejects with "peer-unreachable". */
export function handshakeAsClient(
  connection: Duplex,
  identity: Identity,
  purpose: Purpose = SESSION,
): Promise<TLSSocket> {
  const options: ConnectionOptions = {
    socket: connection,
    secureContext: secureContext(identity),
    ALPNProtocols: [purpose],
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  };
  return finished(connect(options), "secureConnect");
}

/** Resolves when both ends of the handshake are done. Rejects with "peer-unreachable". */
export async function handshakeAsServer(connection: Duplex, identity: Identity): Promise<TLSSocket> {
  const options: TLSSocketOptions = {
    isServer: true,
    secureContext: secureContext(identity),
    ALPNProtocols: [SESSION, GREETING],
    requestCert: true,
    rejectUnauthorized: false,
  };
  const socket = new TLSSocket(connection, options);
  // Of a server's socket that no tls.Server made, Node passes a broken record on by this event alone.
  socket.on("_tlsError", () => socket.destroy());
  return await finished(socket, "secure");
}

function finished(socket: TLSSocket, event: "secure" | "secureConnect"): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const failed = (cause?: Error) => {
      const text = `The connection ended before the handshake was done${cause?.message ? ` (${cause.message})` : ""}.`;
      reject(new FirefliesError("peer-unreachable", text, { cause }));
    };
    socket.once(event, () => resolve(socket));
    socket.on("error", failed); // Stays attached: an error after the handshake is followed by "close".
    socket.once("close", () => failed());
  });
}

/** Why the other end of a finished handshake is no member here. */
export interface Unproven {
  readonly error: FirefliesError;
  /** Our root vouches for it: its certificate has ended, or is for another network. */
  readonly isKnown: boolean;
}

/** What is judged once the signatures of a chain are good. */
const JUDGED_LAST: readonly string[] = ["not-yet-valid", "expired", "other-network"];

/** The member at the other end of a finished handshake, or why it is refused. */
export function provenPeer(
  socket: TLSSocket,
  own: Pick<SessionHostOptions, "identity" | "now" | "proves">,
  purpose: Purpose = SESSION,
): MemberCertificate | Unproven {
  if (socket.alpnProtocol !== purpose) return stranger("it does not speak HTTP/2");
  const chain = peerChain(socket);
  if (chain === undefined) return stranger("it sent none, or not the issuing certificate with it");
  const { root, certificate } = own.identity();
  const found = verifyAgainst(chain, { root, network: certificate, now: own.now, proves: own.proves });
  if (found.ok) return found.certificate;
  if (!JUDGED_LAST.includes(found.reason)) return stranger(found.reason);
  const dates = found.reason === "other-network" ? undefined : validityOfCertificate(chain.leaf);
  return { error: certificateRefused(found.reason, dates && datesMissed(dates, own.now())), isKnown: true };
}

function stranger(reason: string): Unproven {
  return { error: certificateRefused(reason), isKnown: false };
}

function peerChain(socket: TLSSocket): { readonly leaf: Uint8Array; readonly issuer: Uint8Array } | undefined {
  const leaf = socket.getPeerCertificate(true);
  const issuer = leaf?.issuerCertificate;
  if (leaf?.raw === undefined || issuer?.raw === undefined) return undefined;
  return { leaf: new Uint8Array(leaf.raw), issuer: new Uint8Array(issuer.raw) };
}
