/**
 * One TLS connection to the authority: nothing is sent before it has presented a chain to the pinned root. Or to a proxy that
 * ends TLS in front of it, where the configuration names one: the proxy is known by its host name.
 */
import { isIP } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import {
  AUTHORITY_NAME,
  authorityProblem,
  CLOCK_ADVICE,
  certificatesToPem,
  datesMissed,
  FirefliesError,
  type Identity,
  messageOf,
  privateKeyToPem,
  readText,
} from "../../identity/index.js";
import { PROXY_ROOTS_SYSTEM } from "./proxy-roots.js";

const PORT_DEFAULT = 443;
/** Of a name in somebody's certificate, in a message. */
const NAME_CHARACTERS_MAX = 100;
/** Problems of the authority's certificate that a clock may be the cause of. */
const DATED: ReadonlySet<string> = new Set(["not-yet-valid", "expired"]);

export interface ChannelOptions {
  /** "https://host:port". */
  readonly url: string;
  /** SHA-256 of the root certificate, 64 hex digits. */
  readonly fingerprint: string;
  /** Authenticates us, where the call needs it; the authority must then be that of our network. */
  readonly identity?: Identity | undefined;
  /** A proxy ends TLS: which roots vouch for it, "system" or a file of certificates in PEM. */
  readonly proxyRoots?: string | undefined;
  /** Wall clock, unix milliseconds. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Connects and checks. Rejects with "authority-unreachable" or "authority-untrusted". */
export async function openChannel(options: ChannelOptions): Promise<TLSSocket> {
  const socket = options.proxyRoots === undefined ? dial(options) : await dialProxy(options, options.proxyRoots);
  try {
    await secured(socket, options);
    requireAuthority(socket, options);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Nothing of ours is shown to it; the certificate is judged in `requireAuthority`. */
async function dialProxy({ url }: ChannelOptions, roots: string): Promise<TLSSocket> {
  const { host, port } = placeOf(url);
  const ca = roots === PROXY_ROOTS_SYSTEM ? undefined : await rootsIn(roots);
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connect({ host, port, ...servername, ...(ca !== undefined && { ca }), rejectUnauthorized: false });
}

async function rootsIn(file: string): Promise<string> {
  const text = await readText(file).catch((cause: unknown) => Promise.reject(noRoots(file, messageOf(cause), cause)));
  if (text?.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw noRoots(file, text === undefined ? "it does not exist" : "it holds no certificate");
}

function noRoots(file: string, why: string, cause?: unknown): FirefliesError {
  return new FirefliesError("config-unreadable", `ca_tls names ${file}, which cannot be used: ${why}.`, {
    cause,
    advice: "Name a file with certificates in PEM, or say system.",
  });
}

function placeOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? PORT_DEFAULT : Number(port) };
}

function dial({ url, identity }: ChannelOptions): TLSSocket {
  const credentials =
    identity === undefined
      ? {}
      : {
          key: privateKeyToPem(identity.privateKey),
          cert: certificatesToPem(identity.certificate.leaf, identity.certificate.issuer),
        };
  return connect({
    ...placeOf(url),
    servername: AUTHORITY_NAME,
    minVersion: "TLSv1.3",
    ca: [], // No root of the web is asked, so none is parsed.
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
export function requireAuthority(socket: TLSSocket, options: ChannelOptions): void {
  const { url, fingerprint, now, identity, proxyRoots } = options;
  if (proxyRoots !== undefined) {
    requireProxy(socket, url, proxyRoots);
    return;
  }
  const [leaf, issuer, root] = presentedChain(socket.getPeerCertificate(true));
  const complete = leaf !== undefined && issuer !== undefined && root !== undefined;
  const network = identity?.certificate;
  const problem = complete ? authorityProblem({ leaf, issuer, root }, fingerprint, now, network) : "incomplete-chain";
  if (problem !== undefined) throw untrusted(options, problem, socket.getPeerCertificate(true));
}

/** What is there instead is named: most often a proxy, a balancer or a virus scanner that ends TLS, or a clock that is off. */
function untrusted(
  { url, fingerprint, now }: ChannelOptions,
  problem: string,
  first: DetailedPeerCertificate,
): FirefliesError {
  const text = `${url} is not the authority with fingerprint ${fingerprint}`;
  const missed =
    DATED.has(problem) &&
    datesMissed({ notBefore: Date.parse(first.valid_from), notAfter: Date.parse(first.valid_to) }, now);
  if (missed) {
    return new FirefliesError("authority-untrusted", `${text}, by its certificate's dates. ${missed}`, {
      advice: CLOCK_ADVICE,
    });
  }
  const subject = nameIn(first.subject);
  if (problem === "other-network" || subject === undefined || subject === `"${AUTHORITY_NAME}"`) {
    return new FirefliesError("authority-untrusted", `${text} (${problem}).`, {
      advice: "Check address and fingerprint: another authority answers there.",
    });
  }
  const issuer = nameIn(first.issuer) ?? "an unnamed issuer";
  return new FirefliesError(
    "authority-untrusted",
    `${text} (${problem}): TLS ends at something else, whose certificate is for ${subject}, issued by ${issuer}.`,
    {
      advice:
        "Let it pass TLS through to the authority, or give the authority's own address. If it is a proxy of yours that has to end TLS, say so with ca_tls.",
    },
  );
}

/** As the certificate says it; a message shows it escaped. */
function nameIn(
  names: { readonly CN?: string | readonly string[]; readonly O?: string | readonly string[] } | undefined,
): string | undefined {
  const [name] = [names?.CN ?? names?.O ?? []].flat();
  return name === undefined ? undefined : `"${name.slice(0, NAME_CHARACTERS_MAX)}"`;
}

function requireProxy(socket: TLSSocket, url: string, roots: string): void {
  if (socket.authorized) return;
  const why = String(socket.authorizationError);
  const vouching = roots === PROXY_ROOTS_SYSTEM ? "the system's roots" : `the roots in ${roots}`;
  throw new FirefliesError(
    "authority-untrusted",
    `What ends TLS at ${url} is not vouched for by ${vouching} (${why}).`,
    {
      advice: "Check ca_addr and ca_tls. Without ca_tls nobody but the authority itself may end TLS.",
    },
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
  const why = isNoTls(cause) ? "what answers there does not speak TLS" : messageOf(cause).replace(/\.$/, "");
  const message = `The authority at ${url} cannot be reached: ${why}.`;
  return new FirefliesError("authority-unreachable", message, { cause });
}

/** OpenSSL's words for it are a line of hexadecimal digits and file names. */
function isNoTls(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "EPROTO";
}
