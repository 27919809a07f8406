/** Certificates for members that never meet the authority: `fireflies ca sign`. Recorded like any other. */
import { FirefliesError, generateKeyPair, type Identity, verifyMemberCertificate } from "../../identity/index.js";
import type { Context } from "../context.js";
import type { CertificateRecord } from "../store/store.js";
import { answer, type Issued } from "./answer.js";
import { applicantOf, requirePrincipal } from "./applicant.js";
import { holderNamed, issueAnyway } from "./issuance.js";

export interface OfflineInput {
  readonly principal: string;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
  /** Milliseconds; that of the options when left out. */
  readonly lifetimeMs?: number;
}

export async function signOffline(context: Context, { principal, request, lifetimeMs }: OfflineInput): Promise<Issued> {
  requirePrincipal(principal);
  const { spki } = applicantOf(request, []);
  return answer(context, await issueTo(context, principal, spki, lifetimeMs), []);
}

export async function createIdentity(
  context: Context,
  { principal, lifetimeMs }: Omit<OfflineInput, "request">,
): Promise<Identity> {
  requirePrincipal(principal);
  const pair = generateKeyPair();
  const record = await issueTo(context, principal, pair.spki, lifetimeMs);
  const { root } = context.state;
  const verdict = verifyMemberCertificate(record, { root, now: context.settings.now() });
  if (!verdict.ok) throw new FirefliesError("certificate-invalid", `Issued a certificate that is ${verdict.reason}.`);
  return { certificate: verdict.certificate, privateKey: pair.privateKey, root };
}

async function issueTo(
  context: Context,
  principal: string,
  spki: Uint8Array,
  lifetimeMs: number | undefined,
): Promise<CertificateRecord> {
  const holder = await holderNamed(context, principal);
  return issueAnyway(context, { holder, spki, addresses: [], how: "offline", lifetimeMs });
}
