/** Admission of members: by a token, by a JWT of an issuer in the policy, or by name where the authority is open. */
import { FirefliesError } from "../../identity/index.js";
import { matchesPattern } from "../../rings/index.js";
import type { Context } from "../context.js";
import { drawnName, isOpenPattern } from "../name-pattern.js";
import type { CertificateRecord, Condition, HowIssued, TokenRecord } from "../store/store.js";
import { CANCELLED_AT } from "../store/tokens.js";
import { answer, type Issued } from "./answer.js";
import { type Applicant, applicantOf, requirePrincipal } from "./applicant.js";
import { holderNamed, issue } from "./issuance.js";
import { requireUnrevoked } from "./revocation.js";
import { tokenHash } from "./token.js";

/** How a member proves that it may enrol. */
export type Admission =
  | {
      readonly kind: "token";
      readonly secret: Uint8Array;
      /** The name that it wants, of those that the token admits. */
      readonly principal?: string | undefined;
    }
  /** A JWT. Its claims say the name. A request for another name is refused. */
  | { readonly kind: "jwt"; readonly jwt: string; readonly principal?: string | undefined }
  | { readonly kind: "open"; readonly principal: string };

export interface EnrollInput {
  readonly admission: Admission;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
  readonly addresses: readonly string[];
}

export async function enroll(context: Context, { admission, request, addresses }: EnrollInput): Promise<Issued> {
  const applicant = applicantOf(request, addresses);
  const record = await admitted(context, admission, applicant);
  return answer(context, record, addresses);
}

function admitted(context: Context, admission: Admission, applicant: Applicant): Promise<CertificateRecord> {
  switch (admission.kind) {
    case "token":
      return enrollByToken(context, admission, applicant);
    case "jwt":
      return enrollByJwt(context, admission, applicant);
    case "open":
      return enrollByName(context, admission.principal, applicant);
  }
}

async function enrollByToken(
  context: Context,
  { secret, principal: wanted }: Extract<Admission, { readonly kind: "token" }>,
  applicant: Applicant,
): Promise<CertificateRecord> {
  const { records } = context.state;
  const hash = tokenHash(secret);
  const token = await records.token(hash);
  if (token === undefined) throw new FirefliesError("token-invalid");
  const principal = nameBy(token, wanted, applicant.spki);
  const bought = await boughtBefore(context, token, principal, applicant.spki);
  if (bought !== undefined) return bought;
  requireUse(context, token);
  const isForNewNames = isOpenPattern(token.principal);
  const record = await admit(context, principal, applicant, "token", { kind: "token", hash, isForNewNames });
  if (record !== undefined) return record;
  // Another call was faster, with this key, with the last use, or with the name; or the operator was.
  const since = await records.token(hash);
  const won = since && (await boughtBefore(context, since, principal, applicant.spki));
  if (won !== undefined) return won;
  if (since !== undefined) requireUse(context, since);
  throw since === undefined ? new FirefliesError("token-invalid") : taken(principal);
}

/** The name that a token admits: what the member asks for, else the token's own, else one drawn from the key. */
function nameBy({ principal: pattern }: TokenRecord, wanted: string | undefined, spki: Uint8Array): string {
  const principal = wanted ?? (isOpenPattern(pattern) ? drawnName(pattern, spki) : pattern);
  requirePrincipal(principal);
  if (matchesPattern(principal, pattern)) return principal;
  throw new FirefliesError("principal-refused", `This token admits ${pattern}, not ${principal}.`);
}

function requireUse({ settings }: Context, { uses, used, expiresAt }: TokenRecord): void {
  if (used >= uses) throw uses === 1 ? new FirefliesError("token-used") : allUsed(uses);
  if (expiresAt === CANCELLED_AT) throw new FirefliesError("token-cancelled");
  if (expiresAt <= settings.now()) throw new FirefliesError("token-expired");
}

function allUsed(uses: number): FirefliesError {
  const advice = "Get a new one with `fireflies ca token`. If they are not all yours, the token was stolen.";
  return new FirefliesError("token-used", `All ${uses} uses of the token are used.`, { advice });
}

function taken(principal: string): FirefliesError {
  const advice = `Choose another name, or give ${principal} a token of its own: \`fireflies ca token ${principal}\`.`;
  return new FirefliesError("principal-taken", `A token for many admits new names, and ${principal} is none.`, {
    advice,
  });
}

/**
 * What a token has bought for this key: a lost answer costs no further use. When that certificate has ended, a token
 * with uses left buys the next one.
 */
async function boughtBefore(
  context: Context,
  token: TokenRecord,
  principal: string,
  spki: Uint8Array,
): Promise<CertificateRecord | undefined> {
  const valid = await validBefore(context, token.hash, principal, spki);
  if (valid !== undefined || token.used < token.uses) return valid;
  const ended = await context.state.records.certificateOfToken(token.hash, principal, spki);
  if (ended !== undefined) throw new FirefliesError("token-expired");
  return undefined;
}

async function validBefore(
  context: Context,
  hash: Uint8Array,
  principal: string,
  spki: Uint8Array,
): Promise<CertificateRecord | undefined> {
  const record = await context.state.records.certificateOfToken(hash, principal, spki);
  if (record === undefined) return undefined;
  await requireUnrevoked(context, record);
  return record.notAfter > context.settings.now() ? record : undefined;
}

/**
 * The JWT says who it is. Each instance of a subject enrols one key, by whichever of its JWTs, and gets the same certificate
 * again for it; a later instance gets the name with another key. Names that were admitted in another way it never gets.
 */
async function enrollByJwt(
  context: Context,
  { jwt, principal: wanted }: Extract<Admission, { readonly kind: "jwt" }>,
  applicant: Applicant,
): Promise<CertificateRecord> {
  const { principal, issuer: source, subject, hash, keptUntil } = await context.jwts.introduce(jwt);
  requirePrincipal(principal);
  if (wanted !== undefined && wanted !== principal)
    throw new FirefliesError("principal-refused", `The JWT is of ${principal}, not of ${wanted}.`);
  const bought = await validBefore(context, hash, principal, applicant.spki);
  if (bought !== undefined) return bought;
  const condition = { kind: "jwt", hash, source, keptUntil } as const;
  const holder = await holderNamed(context, principal);
  const order = { holder, ...applicant, how: "jwt", subject: `${source} ${subject}`, condition } as const;
  const record = (await issue(context, order)) ?? (await validBefore(context, hash, principal, applicant.spki));
  if (record !== undefined) return record;
  if ((await context.state.records.token(hash)) !== undefined) throw instanceUsed(principal);
  throw new FirefliesError("principal-taken", `${principal} was admitted in another way than by JWTs of ${source}.`);
}

function instanceUsed(principal: string): FirefliesError {
  const advice =
    "Keep the member's directory where it outlives the process, or give it a token: `fireflies ca token`. If no other " +
    "process of yours enrolled, the JWT was stolen.";
  return new FirefliesError("token-used", `This instance of ${principal} has enrolled another key by its JWT.`, {
    advice,
  });
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
