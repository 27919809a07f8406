/** What an operator asks of the records: who is a member, and everything about one. */
import { FirefliesError, fingerprintOf, sha256, sha256Hex } from "../../identity/index.js";
import { type MemberId, Rings } from "../../rings/index.js";
import type { Context } from "../context.js";
import type { CertificateRecord, IssuerRecord, MemberRecord, RevocationRecord } from "../store/store.js";
import { revocationsOf } from "./revoked.js";

const PAGE = 1_000;
/** Certificates of one member that are shown, the newest ones. */
const CERTIFICATES_SHOWN = 20;
/** Members that are listed when a query means several. */
const CANDIDATES_SHOWN = 5;
/** Digits of an id or serial number that may stand for it. */
const PREFIX = /^[0-9a-f]{6,64}$/;

export interface CertificateView {
  readonly serial: string;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly how: string;
  /** SHA-256 of its SubjectPublicKeyInfo, 64 hex digits: certificates for one key have it in common. */
  readonly key: string;
  /** SHA-256 of the issuing certificate, 64 hex digits. */
  readonly issuer: string;
  readonly issuerState: IssuerRecord["state"] | "unknown";
  readonly revocation: RevocationRecord | undefined;
}

/** Neighbours on one ring, among all who hold a certificate: the views of members may have fewer. */
export interface RingView {
  readonly ring: number;
  readonly predecessor: MemberId | undefined;
  readonly predecessorName: string | undefined;
  readonly successor: MemberId | undefined;
  readonly successorName: string | undefined;
}

export interface MemberView extends MemberRecord {
  readonly certificates: readonly CertificateView[];
  readonly rings: readonly RingView[];
}

export interface ListedMember extends MemberRecord {
  /** The newest certificate was revoked, by itself or with its key: the principal is none the less active and may enrol again. */
  readonly certificateRevoked: boolean;
}

/** All principals, by name, as an operator sees them. */
export async function* listed(context: Context): AsyncGenerator<ListedMember> {
  const revoked = new Set<string>();
  for await (const { target } of revocationsOf(context)) if (target.kind === "certificate") revoked.add(target.serial);
  for await (const member of listMembers(context)) {
    yield { ...member, certificateRevoked: member.serial !== undefined && revoked.has(member.serial) };
  }
}

/** All principals, by name. */
export async function* listMembers({ state }: Context): AsyncGenerator<MemberRecord> {
  let after: string | undefined;
  for (;;) {
    const page = await state.records.members({ limit: PAGE, after });
    yield* page;
    after = page.at(-1)?.principal;
    if (page.length < PAGE) return;
  }
}

/** By name, or by at least 6 digits of id or serial number. Rejects with "ca-unknown". */
export async function findMember(context: Context, query: string): Promise<MemberRecord> {
  const named = await context.state.records.principal(query);
  if (named !== undefined) return named;
  const digits = query.toLowerCase();
  if (!PREFIX.test(digits)) throw unknown(query);
  const found: MemberRecord[] = [];
  for await (const member of listMembers(context)) if (await isMeant(context, member, digits)) found.push(member);
  if (found.length === 1) return found[0]!;
  throw found.length === 0 ? unknown(query) : severalMeant(query, found);
}

async function isMeant({ state }: Context, member: MemberRecord, digits: string): Promise<boolean> {
  if (member.id.startsWith(digits) || member.serial?.startsWith(digits)) return true;
  const certificates = await state.records.certificates({ principal: member.principal, limit: PAGE });
  return certificates.some(({ serial }) => serial.startsWith(digits));
}

function unknown(query: string): FirefliesError {
  return new FirefliesError("ca-unknown", `No member on record has a name, id or serial number "${query}".`);
}

function severalMeant(query: string, found: readonly MemberRecord[]): FirefliesError {
  const listed = found.slice(0, CANDIDATES_SHOWN).map(({ principal, id }) => `${principal} (${id.slice(0, 12)})`);
  const more = found.length > CANDIDATES_SHOWN ? [`and ${found.length - CANDIDATES_SHOWN} more`] : [];
  const message = `"${query}" means ${found.length} members on record: ${[...listed, ...more].join(", ")}.`;
  return new FirefliesError("ca-unknown", message, { advice: "Give the name of one, or more digits." });
}

export async function showMember(context: Context, query: string): Promise<MemberView> {
  const member = await findMember(context, query);
  const { records } = context.state;
  const issuers = await records.issuers();
  const all = await records.certificates({ principal: member.principal, limit: PAGE });
  const certificates = [];
  for (const record of all.slice(-CERTIFICATES_SHOWN)) certificates.push(await viewOf(context, record, issuers));
  return { ...member, certificates, rings: await ringsOf(context, member.id) };
}

async function viewOf(
  { state }: Context,
  { serial, id, spki, notBefore, notAfter, how, issuer }: CertificateRecord,
  issuers: readonly IssuerRecord[],
): Promise<CertificateView> {
  const fingerprint = fingerprintOf(issuer);
  const issuerState = issuers.find((each) => each.fingerprint === fingerprint)?.state ?? "unknown";
  const revocation = await state.records.revocationOf(serial, id);
  return { serial, notBefore, notAfter, how, key: sha256Hex(spki), issuer: fingerprint, issuerState, revocation };
}

async function ringsOf(context: Context, id: MemberId): Promise<RingView[]> {
  const { ringCount } = context.state.network;
  const rings = new Rings({ count: ringCount, sha256 });
  rings.add(id);
  const now = context.settings.now();
  const names = new Map<MemberId | undefined, string>();
  for await (const member of listMembers(context)) {
    if (member.status !== "active" || (member.notAfter ?? 0) <= now) continue;
    rings.add(member.id);
    names.set(member.id, member.principal);
  }
  return Array.from({ length: ringCount }, (_, index) => {
    const ring = index + 1;
    const [predecessor] = rings.predecessors(ring, id, 1);
    const [successor] = rings.successors(ring, id, 1);
    const [predecessorName, successorName] = [names.get(predecessor), names.get(successor)];
    return { ring, predecessor, predecessorName, successor, successorName };
  });
}
