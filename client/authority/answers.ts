/** Reading the authority's answers: what it says is checked like anything else that came over a wire. */
import { encodeStatement, parseRevocationList } from "../../gossip/index.js";
import {
  ADDRESSES_MAX,
  behindAuthority,
  type CertificateAnswer,
  CLOCK_ADVICE,
  type ContactAnswer,
  datesMissed,
  FirefliesError,
  fingerprintOf,
  hasKey,
  type KeyPair,
  type MemberCertificate,
  type NetworkConstants,
  pathProblem,
  type RevocationsAnswer,
  SIGNATURE_BYTES,
  validityOfCertificate,
  verifyMemberCertificate,
} from "../../identity/index.js";
import { parseAddress } from "../../net/index.js";

/** The authority names up to 100; more would be its mistake. */
const CONTACTS_MAX = 100;

/** Another member to begin with: proven by its certificate, reached at one of its addresses. */
export interface Contact {
  readonly certificate: MemberCertificate;
  /** "host:port", the preferred one first. */
  readonly addresses: readonly string[];
}

export interface Granted {
  readonly certificate: MemberCertificate;
  /** The trusted root, DER. */
  readonly root: Uint8Array;
  readonly contacts: readonly Contact[];
}

/** A certificate for the key of `pair`, under the pinned root. Rejects with "authority-answer-invalid" or "certificate-invalid". */
export async function readGranted(
  json: unknown,
  { fingerprint, pair, now }: { readonly fingerprint: string; readonly pair: KeyPair; readonly now: number },
): Promise<Granted> {
  const answer = recordOf<CertificateAnswer>(json);
  const root = bytesOf(answer.root);
  if (fingerprintOf(root) !== fingerprint) throw invalid("its root is not the pinned one");
  const chain = { leaf: bytesOf(answer.certificate), issuer: bytesOf(answer.issuer) };
  const verdict = verifyMemberCertificate(chain, { root, now });
  const problem = verdict.ok ? await pathProblem(chain, { root, now }) : verdict.reason;
  if (!verdict.ok || problem !== undefined) throw refused(problem, chain.leaf, now);
  const { certificate } = verdict;
  if (!hasKey(certificate, pair.spki)) throw invalid("the certificate is for another key");
  return { certificate, root, contacts: readContacts(answer.contacts, { root, network: certificate, now }) };
}

/** The contacts that hold up: the others are left out, since one bad entry must not keep a member from joining. */
export function readContacts(
  list: unknown,
  options: { readonly root: Uint8Array; readonly network: NetworkConstants; readonly now: number },
): Contact[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, CONTACTS_MAX).flatMap((item) => readContact(item, options) ?? []);
}

function readContact(
  item: unknown,
  options: { readonly root: Uint8Array; readonly network: NetworkConstants; readonly now: number },
): Contact | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const { certificate, issuer, addresses }: Partial<ContactAnswer> = item;
  if (typeof certificate !== "string" || typeof issuer !== "string" || !Array.isArray(addresses)) return undefined;
  const verdict = verifyMemberCertificate({ leaf: bytesOf(certificate), issuer: bytesOf(issuer) }, options);
  const usable = addresses.slice(0, ADDRESSES_MAX).filter(isAddress);
  return verdict.ok && usable.length > 0 ? { certificate: verdict.certificate, addresses: usable } : undefined;
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && parseAddress(value) !== undefined;
}

/** The list as a statement, and the time by the authority's clock; undefined when there is no newer one. Its signature is checked where it is taken in. */
export function readRevocations(json: unknown, onTime?: (time: number) => void): Uint8Array | undefined {
  const { list, time } = recordOf<RevocationsAnswer>(json);
  if (typeof time === "number" && Number.isSafeInteger(time)) onTime?.(time);
  if (list === undefined) return undefined;
  const { body, signature, issuer } = recordOf<NonNullable<RevocationsAnswer["list"]>>(list);
  const signed = { body: bytesOf(body), signature: bytesOf(signature), issuer: bytesOf(issuer) };
  const parsed = parseRevocationList(signed.body);
  if (parsed === undefined || signed.signature.length !== SIGNATURE_BYTES) throw invalid("its list is malformed");
  return encodeStatement({ kind: "revocation", list: { ...parsed, ...signed } });
}

export function recordOf<T>(json: unknown): Partial<T> {
  if (typeof json !== "object" || json === null) throw invalid("it is no object");
  return json as Partial<T>;
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== "string") throw invalid("a certificate is missing");
  return new Uint8Array(Buffer.from(value, "base64"));
}

export function invalid(what: string): FirefliesError {
  return new FirefliesError("authority-answer-invalid", `The authority's answer cannot be used: ${what}.`);
}

/** The certificate was issued a moment ago: if its dates are wrong, a clock is. */
function refused(problem: string | undefined, leaf: Uint8Array, now: number): FirefliesError {
  const dates = validityOfCertificate(leaf);
  const isDated = dates !== undefined && datesMissed(dates, now) !== undefined;
  const text = "The certificate that the authority issued is refused:";
  if (!isDated) return new FirefliesError("certificate-invalid", `${text} ${problem}.`);
  const message = `${text} its dates are not those of this machine's clock. ${behindAuthority(dates, now)}`;
  return new FirefliesError("certificate-invalid", message, { advice: CLOCK_ADVICE });
}
