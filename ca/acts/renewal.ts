/** The life of a certificate after the first one: the next one of the same id, and reports of where a member is. */
import { dateProblem, FirefliesError, type MemberCertificate, serialToHex } from "../../identity/index.js";
import { equalBytes, type MemberId } from "../../rings/index.js";
import type { Context } from "../context.js";
import { dueAt, isFresh } from "../policy.js";
import type { CertificateRecord, ContactRecord } from "../store/store.js";
import { answer, contactsFor, type Issued } from "./answer.js";
import { applicantOf, requireAddresses } from "./applicant.js";
import { ENROL_AGAIN, issue } from "./issuance.js";
import { requireUnrevoked } from "./revocation.js";

/** Certificates one member may get in a day, or in a lifetime if that is shorter: renewals with ever new keys must not fill the disk. */
const ISSUED_MAX = 20;
const DAY_MS = 86_400_000;

export interface RenewOptions {
  /** Where the member is now. */
  readonly addresses?: readonly string[];
  /** Another certificate also while the present one is young: the only way back after an identity was in use twice (R12). */
  readonly anew?: boolean;
}

export async function renew(
  context: Context,
  current: MemberCertificate,
  request: Uint8Array,
  { addresses = [], anew = false }: RenewOptions,
): Promise<Issued> {
  const applicant = applicantOf(request, addresses);
  const holder = await holderOf(context, current);
  const earlier = await context.state.records.certificateOfKey(holder.principal, applicant.spki);
  if (!anew && earlier !== undefined && (await isStillGood(context, earlier)))
    return answer(context, earlier, addresses);
  await requireBudget(context, holder.id);
  // A revocation that comes in between must find nothing that it does not take back.
  const condition = { kind: "renewal", serial: holder.serial, spki: holder.spki } as const;
  const record = await issue(context, { holder, ...applicant, how: "renewal", condition });
  if (record === undefined) throw new FirefliesError("authority-failed");
  return answer(context, record, addresses);
}

/**
 * A lost answer costs nothing; after a rotation the next certificate comes from the new issuer at once, and after a clock
 * that was wrong the next one is valid.
 */
async function isStillGood({ state, settings }: Context, earlier: CertificateRecord): Promise<boolean> {
  const { certificate } = await state.issuers.active();
  const now = settings.now();
  const isInTime = dateProblem(earlier, now) === undefined;
  return isInTime && isFresh(earlier, now) && equalBytes(earlier.issuer, certificate);
}

/** What a member says of itself. */
export interface ReportInput {
  /** "host:port", the preferred one first. */
  readonly addresses: readonly string[];
  /** Seconds within which it reports again. */
  readonly next?: number | undefined;
  readonly leaving?: boolean | undefined;
  /** False: it wants none. */
  readonly contacts?: boolean | undefined;
}

export async function report(
  context: Context,
  current: MemberCertificate,
  { addresses, next, leaving = false, contacts = true }: ReportInput,
): Promise<readonly ContactRecord[]> {
  requireAddresses(addresses);
  const { id } = await holderOf(context, current);
  const at = context.settings.now();
  await context.state.records.report({ id, addresses, at, dueAt: dueAt(at, next), leaving });
  return contacts && !leaving ? contactsFor(context, id) : [];
}

/**
 * The record of a certificate that was proven in TLS, if it is not revoked. One we do not know was issued by a lost
 * database, or by the thief of an intermediate: ids and serials are no secret, so it must be the same to the byte.
 */
async function holderOf(context: Context, current: MemberCertificate): Promise<CertificateRecord> {
  const record = await context.state.records.certificate(serialToHex(current.serial));
  if (record === undefined || !equalBytes(record.leaf, current.leaf)) {
    throw unauthenticated("This authority has no record of that certificate.");
  }
  const trusted = await context.state.issuers.trusted(); // TLS was judged by what was read up to a minute ago.
  if (!trusted.some(({ certificate }) => equalBytes(certificate, record.issuer))) {
    throw unauthenticated("The intermediate that signed that certificate is retired.");
  }
  await requireUnrevoked(context, record);
  return record;
}

function unauthenticated(why: string): FirefliesError {
  return new FirefliesError("unauthenticated", why, { advice: ENROL_AGAIN });
}

async function requireBudget({ state, settings }: Context, id: MemberId): Promise<void> {
  const windowMs = Math.min(DAY_MS, settings.certificateLifetimeMs);
  const issued = await state.records.issuedSince(id, settings.now() - windowMs);
  if (issued < ISSUED_MAX) return;
  throw new FirefliesError("too-many-requests", `This member already got ${issued} certificates.`, {
    advice: "Try again later.",
  });
}
