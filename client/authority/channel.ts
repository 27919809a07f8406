/** One TLS connection to the authority: whoever presents a chain to the pinned root, and nobody else, hears a byte from us. */
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import {
  AUTHORITY_NAME,
  authorityProblem,
  certificatesToPem,
  FirefliesError,
  type Identity,
  messageOf,
  privateKeyToPem,
} from "../../identity/index.js";

const PORT_DEFAULT = 443;

export interface ChannelOptions {
  /** "https://host:port". */
  readonly url: string;
  /** SHA-256 of the root certificate, 64 hex digits. */
  readonly fingerprint: string;
  /** Authenticates us, where the call needs it; the authority must then be that of our network. */
  readonly identity?: Identity | undefined;
  /** Wall clock, unix milliseconds. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Connects and checks. Rejects with "authority-unreachable" or "authority-untrusted". */
export async function openChannel(options: ChannelOptions): Promise<TLSSocket> {
  const socket = dial(options);
  try {
    await secured(socket, options);
    requireAuthority(socket, options);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function dial({ url, identity }: ChannelOptions): TLSSocket {
  const { hostname, port } = new URL(url);
  const credentials =
    identity === undefined
      ? {}
      : {
          key: privateKeyToPem(identity.privateKey),
          cert: certificatesToPem(identity.certificate.leaf, identity.certificate.issuer),
        };
  return connect({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? PORT_DEFAULT : Number(port),
    servername: AUTHORITY_NAME,
    minVersion: "TLSv1.3",
    rejectUnauthorized: false, // Checked below, against the pinned root, before anything is sent.
    ...credentials,
  });
}

function secured(socket: TLSSocket, { url, signal }: ChannelOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(unreachable(url, cause));
    const abort = () => fail(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    socket.once("close", () => fail(new Error("the connection was closed")));
    socket.on("error", fail); // Stays: a later error must not go unheard; the request sees it as well.
    socket.once("secureConnect", () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}

/** Throws "authority-untrusted": at the other end is not, or no longer, who has a valid chain to the pinned root. */
export function requireAuthority(socket: TLSSocket, { url, fingerprint, now, identity }: ChannelOptions): void {
  const [leaf, issuer, root] = presentedChain(socket.getPeerCertificate(true));
  const complete = leaf !== undefined && issuer !== undefined && root !== undefined;
  const network = identity?.certificate;
  const problem = complete ? authorityProblem({ leaf, issuer, root }, fingerprint, now, network) : "incomplete-chain";
  if (problem === undefined) return;
  throw new FirefliesError(
    "authority-untrusted",
    `${url} is not the authority with fingerprint ${fingerprint} (${problem}).`,
    { advice: "Check address, fingerprint and clock. If they are right, somebody is in between." },
  );
}

/** Leaf first. Node links each certificate to its issuer, a root to itself. */
function presentedChain(first: DetailedPeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let current: DetailedPeerCertificate | undefined = first;
  while (current?.raw !== undefined && chain.length < 3) {
    chain.push(new Uint8Array(current.raw));
    current = current.issuerCertificate === current ? undefined : current.issuerCertificate;
  }
  return chain;
}

export function unreachable(url: string, cause: unknown): FirefliesError {
  const message = `The authority at ${url} cannot be reached: ${messageOf(cause)}.`;
  return new FirefliesError("authority-unreachable", message, { cause });
}
