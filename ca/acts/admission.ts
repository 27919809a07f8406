/** Admission of members: by a one-time token, or by name where the authority is open. */
import { FirefliesError } from "../../identity/index.js";
import { equalBytes } from "../../rings/index.js";
import type { Context } from "../context.js";
import type { CertificateRecord, Condition, HowIssued } from "../store/store.js";
import { CANCELLED_AT } from "../store/tokens.js";
import { answer, type Issued } from "./answer.js";
import { type Applicant, applicantOf, requirePrincipal } from "./applicant.js";
import { holderNamed, issue } from "./issuance.js";
import { requireUnrevoked } from "./revocation.js";
import { tokenHash } from "./token.js";

/** How a member proves that it may enrol. */
export type Admission =
  | { readonly kind: "token"; readonly secret: Uint8Array }
  | { readonly kind: "open"; readonly principal: string };

export interface EnrollInput {
  readonly admission: Admission;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
  readonly addresses: readonly string[];
}

export async function enroll(context: Context, { admission, request, addresses }: EnrollInput): Promise<Issued> {
  const applicant = applicantOf(request, addresses);
  const record =
    admission.kind === "token"
      ? await enrollByToken(context, tokenHash(admission.secret), applicant)
      : await enrollByName(context, admission.principal, applicant);
  return answer(context, record, addresses);
}

async function enrollByToken(context: Context, hash: Uint8Array, applicant: Applicant): Promise<CertificateRecord> {
  const { state, settings } = context;
  const token = await state.records.token(hash);
  if (token === undefined) throw new FirefliesError("token-invalid");
  if (token.serial !== undefined) return boughtBefore(context, token.serial, applicant.spki);
  if (token.expiresAt === CANCELLED_AT) throw new FirefliesError("token-cancelled");
  if (token.expiresAt <= settings.now()) throw new FirefliesError("token-expired");
  const record = await admit(context, token.principal, applicant, "token", { kind: "token", hash });
  if (record !== undefined) return record;
  const burnt = await state.records.token(hash); // Another call was faster, or the operator.
  if (burnt?.serial === undefined) throw new FirefliesError("token-cancelled");
  return boughtBefore(context, burnt.serial, applicant.spki);
}

/** Of a used token: its certificate, for the key that it was issued to. */
async function boughtBefore(context: Context, serial: string, spki: Uint8Array): Promise<CertificateRecord> {
  const record = await context.state.records.certificate(serial);
  if (record === undefined || !equalBytes(record.spki, spki)) throw new FirefliesError("token-used");
  if (record.notAfter <= context.settings.now()) throw new FirefliesError("token-expired");
  await requireUnrevoked(context, record);
  return record;
}

async function enrollByName(context: Context, principal: string, applicant: Applicant): Promise<CertificateRecord> {
  const { state, settings } = context;
  if (!settings.open) throw new FirefliesError("token-required");
  requirePrincipal(principal);
  const earlier = await state.records.certificateOfKey(principal, applicant.spki);
  if (earlier !== undefined) await requireUnrevoked(context, earlier);
  if (earlier !== undefined && earlier.notAfter > settings.now()) return earlier;
  const record = await admit(context, principal, applicant, "open", { kind: "free-name" });
  if (record === undefined) throw new FirefliesError("principal-taken");
  return record;
}

async function admit(
  context: Context,
  principal: string,
  applicant: Applicant,
  how: HowIssued,
  condition: Condition,
): Promise<CertificateRecord | undefined> {
  const holder = await holderNamed(context, principal);
  return issue(context, { holder, ...applicant, how, condition });
}
