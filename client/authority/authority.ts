/** What a member asks of the authority: a first certificate, the next one, and contacts. HTTPS with a pinned root. */
import {
  AUTHORITY_PATHS,
  createRequest,
  decodeToken,
  type EnrollBody,
  FirefliesError,
  fingerprintOf,
  type Identity,
  isAuthorityUrl,
  type KeyPair,
  REPORT_NEXT_SECONDS_MAX,
  type RenewBody,
  type ReportAnswer,
  type ReportBody,
  sameNetwork,
} from "../../identity/index.js";
import {
  type Contact,
  type Granted,
  invalid,
  readContacts,
  readGranted,
  readRevocations,
  recordOf,
} from "./answers.js";
import { type Call, callAuthority } from "./call.js";
import type { Line } from "./line.js";

export type { Contact, Granted } from "./answers.js";
export { AUTHORITY_TIMEOUT_MS, noAddress } from "./call.js";
export { Line } from "./line.js";

const FINGERPRINT = /^[0-9a-f]{64}$/i;

/**
 * A token, with a name where it admits several; or the authority's place, its fingerprint, and either a JWT that it admits or,
 * where it is open, the name that the member chooses.
 */
export type Admission =
  | { readonly token: string; readonly principal?: string | undefined }
  | {
      readonly url: string;
      readonly fingerprint: string;
      readonly jwt: string;
      readonly principal?: string | undefined;
    }
  | { readonly url: string; readonly fingerprint: string; readonly principal: string };

/** Where the authority is and which root it has. */
export interface AuthorityPlace {
  /** "https://host:port", tried in order. */
  readonly urls: readonly string[];
  /** SHA-256 of the root certificate, 64 lower-case hex digits. */
  readonly fingerprint: string;
}

export interface CallOptions {
  /** Where this member is reached, "host:port", the preferred one first; at most 8. */
  readonly addresses: readonly string[];
  /** Wall clock, unix milliseconds. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
  /** For each address of the authority (10 s). */
  readonly timeoutMs?: number | undefined;
  /** See ChannelOptions. */
  readonly proxyRoots?: string | undefined;
}

/** The place that an admission names. Throws "token-invalid" or "authority-untrusted" when it names none. */
export function placeOf(admission: Admission): AuthorityPlace {
  if (!("token" in admission)) return placeFrom(admission);
  const token = decodeToken(admission.token);
  if (token === undefined) throw new FirefliesError("token-invalid");
  return { urls: token.urls, fingerprint: token.fingerprint };
}

function placeFrom({ url, fingerprint }: { readonly url: string; readonly fingerprint: string }): AuthorityPlace {
  if (!isAuthorityUrl(url)) throw new FirefliesError("authority-unreachable", `"${url}" is not https://host:port.`);
  if (FINGERPRINT.test(fingerprint)) return { urls: [url], fingerprint: fingerprint.toLowerCase() };
  throw new FirefliesError("authority-untrusted", "The authority's fingerprint is not 64 hex digits.", {
    advice: "Give the one that `fireflies ca` prints.",
  });
}

/**
 * The first certificate, for the key of `pair`. Keep the key before calling: after a lost answer, the same admission
 * with the same key gets the same certificate. Rejects with the codes of `callAuthority`, "token-invalid",
 * "token-used", "token-expired", "token-required", "principal-taken", "certificate-invalid" and so on.
 */
export async function enroll(admission: Admission, pair: KeyPair, options: CallOptions): Promise<Granted> {
  const { addresses, now, signal, timeoutMs, proxyRoots } = options;
  const place = placeOf(admission);
  const request = await requestFor(pair);
  const body: EnrollBody = { request, addresses, ...proofOf(admission) };
  const json = await callAuthority({
    ...place,
    path: AUTHORITY_PATHS.enroll,
    body,
    now,
    signal,
    timeoutMs,
    proxyRoots,
  });
  return readGranted(json, { fingerprint: place.fingerprint, pair, now });
}

function proofOf(admission: Admission): Pick<EnrollBody, "secret" | "jwt" | "principal"> {
  const { principal } = admission;
  const named = principal !== undefined && { principal };
  if ("jwt" in admission) return { jwt: admission.jwt, ...named };
  if (!("token" in admission)) return { ...named };
  return { secret: Buffer.from(decodeToken(admission.token)!.secret).toString("base64url"), ...named };
}

/**
 * The next certificate of the same id, for the key of `pair` (the current one or a new one); `anew`: also
 * while the present one is young, when the authority would give it again. As `enroll`, and "unauthenticated".
 */
export async function renew(
  urls: readonly string[],
  identity: Identity,
  pair: KeyPair,
  options: CallOptions & { readonly anew?: boolean },
): Promise<Granted> {
  const { addresses, anew = false } = options;
  const body: RenewBody = { request: await requestFor(pair), addresses, ...(anew && { anew }) };
  const { call, fingerprint } = authenticated(urls, identity, AUTHORITY_PATHS.renew, body, options);
  const granted = await readGranted(await callAuthority(call), { fingerprint, pair, now: options.now });
  if (granted.certificate.id !== identity.certificate.id) throw invalid("the certificate is for another member");
  if (!sameNetwork(granted.certificate, identity.certificate)) throw invalid("the certificate is for another network");
  return granted;
}

export interface ReportOptions extends CallOptions {
  /** Milliseconds within which the next report comes. */
  readonly nextMs?: number | undefined;
  /** This member stops. */
  readonly leaving?: boolean | undefined;
  /** False: no contacts are wanted. */
  readonly contacts?: boolean | undefined;
  /** Number of the revocation list that is held; left out: none is wanted. */
  readonly after?: bigint | undefined;
  /** Keeps the connection for the next report with the same identity. */
  readonly line?: Line | undefined;
  /** Is given the authority's time, unix milliseconds. */
  readonly onTime?: ((time: number) => void) | undefined;
}

export interface Reported {
  /** In the order in which to try them. */
  readonly contacts: readonly Contact[];
  /** A revocation list with a higher number, as a statement for the protocol. */
  readonly revocations: Uint8Array | undefined;
}

/**
 * Tells the authority that this member is there, or leaves, and where it is reached. Rejects with "unauthenticated",
 * "key-revoked", "principal-revoked" and the codes of `callAuthority`.
 */
export async function report(
  urls: readonly string[],
  identity: Identity,
  { nextMs, leaving, contacts, after, line, onTime, ...options }: ReportOptions,
): Promise<Reported> {
  const next = nextMs === undefined ? undefined : Math.min(REPORT_NEXT_SECONDS_MAX, Math.ceil(nextMs / 1_000));
  const body: ReportBody = {
    addresses: options.addresses,
    ...(next !== undefined && { next }),
    ...(leaving !== undefined && { leaving }),
    ...(contacts !== undefined && { contacts }),
    ...(after !== undefined && { after: String(after) }),
  };
  const { call } = authenticated(urls, identity, AUTHORITY_PATHS.report, body, options);
  const answer = recordOf<ReportAnswer>(await callAuthority({ ...call, line }));
  const { root, certificate } = identity;
  return {
    contacts: readContacts(answer.contacts, { root, network: certificate, now: options.now }),
    revocations: readRevocations(answer, onTime),
  };
}

export interface RevocationsOptions extends Omit<CallOptions, "addresses"> {
  readonly line?: Line | undefined;
  readonly onTime?: ((time: number) => void) | undefined;
}

/**
 * The revocation list in force, as a statement for the protocol, when its number is above `after`. Nothing proves who
 * asks, and a list proves itself. `line` keeps the connection for the next question; `onTime` is given the authority's time,
 * unix milliseconds. Rejects with the codes of `callAuthority`.
 */
export async function fetchRevocations(
  { urls, fingerprint }: AuthorityPlace,
  after: bigint,
  { line, onTime, ...options }: RevocationsOptions,
): Promise<Uint8Array | undefined> {
  const path = `${AUTHORITY_PATHS.revocations}?after=${after}`;
  return readRevocations(await callAuthority({ urls, fingerprint, path, line, ...options }), onTime);
}

function authenticated(
  urls: readonly string[],
  identity: Identity,
  path: string,
  body: object,
  { now, signal, timeoutMs, proxyRoots }: CallOptions,
): { readonly call: Call; readonly fingerprint: string } {
  const fingerprint = fingerprintOf(identity.root);
  return { call: { urls, fingerprint, identity, path, body, now, signal, timeoutMs, proxyRoots }, fingerprint };
}

async function requestFor(pair: KeyPair): Promise<string> {
  return Buffer.from(createRequest(pair)).toString("base64");
}
