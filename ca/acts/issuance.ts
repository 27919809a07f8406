/** Signing and recording one certificate: what is not recorded is never returned. */
import { FirefliesError, issueMember, newSerial, validityOfCertificate } from "../../identity/index.js";
import { noteOf } from "../audit/decision-note.js";
import type { Context } from "../context.js";
import { memberIdOf, validityAt } from "../policy.js";
import type { CertificateOutcome, CertificateRecord, Condition, HowIssued, PrincipalRecord } from "../store/store.js";

/** A rotation in between makes a second one necessary. */
const ATTEMPTS_MAX = 3;
/** What helps a member whose certificate no longer counts here. */
export const ENROL_AGAIN = "Enrol again with a new token.";
const GENERATION_CHANGED = "This principal has another id by now.";

export interface Order {
  readonly holder: PrincipalRecord;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly how: HowIssued;
  /** For the audit: who vouched for it. */
  readonly subject?: string | undefined;
  readonly condition: Condition;
  /** Milliseconds; that of the settings when left out. */
  readonly lifetimeMs?: number | undefined;
  /** Where the member is reached; none when it did not say. */
  readonly addresses: readonly string[];
}

/** The record of a name, or what it will be once a certificate is recorded. */
export async function holderNamed({ state }: Context, principal: string): Promise<PrincipalRecord> {
  const { records, network } = state;
  const known = await records.principal(principal);
  if (known !== undefined) return known;
  const generation = 0;
  return { principal, generation, id: memberIdOf(network.idSecret, principal, generation) };
}

/**
 * Undefined when the order's condition no longer held: somebody else was first. Rejects with "principal-revoked",
 * "key-revoked", or "principal-taken" for a name that differs from another one in case alone.
 */
export async function issue(context: Context, order: Order): Promise<CertificateRecord | undefined> {
  const { state, settings } = context;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const record = await signed(context, order);
    const { condition, addresses } = order;
    const decision = decisionOf(record, order.subject);
    const note = noteOf(decision);
    const outcome = await state.records.recordCertificate({ certificate: record, condition, addresses, note });
    if (outcome === "issuer-inactive") {
      state.issuers.forget();
      continue;
    }
    if (outcome !== "recorded") return refused(outcome, record.principal);
    settings.onDecision(decision);
    return record;
  }
  throw new FirefliesError("authority-failed", "The issuing certificate changes faster than it can sign.");
}

function decisionOf({ principal, id, serial, how, issuedAt }: CertificateRecord, subject: string | undefined) {
  return {
    kind: "issued",
    how,
    principal,
    id,
    serial,
    ...(subject !== undefined && { subject }),
    at: issuedAt,
  } as const;
}

function refused(outcome: Exclude<CertificateOutcome, "recorded" | "issuer-inactive">, principal: string): undefined {
  if (outcome === "principal-revoked" || outcome === "key-revoked") throw new FirefliesError(outcome);
  if (outcome === "generation-changed")
    throw new FirefliesError("unauthenticated", GENERATION_CHANGED, { advice: ENROL_AGAIN });
  if (outcome === "name-alike") {
    throw new FirefliesError(
      "principal-taken",
      `The name ${principal} differs from that of another member in upper and lower case alone.`,
      { advice: "Choose another name: people and host names do not tell such names apart." },
    );
  }
  return undefined;
}

/** As `issue`, for orders without a condition. */
export async function issueAnyway(context: Context, order: Omit<Order, "condition">): Promise<CertificateRecord> {
  const record = await issue(context, { ...order, condition: { kind: "none" } });
  if (record === undefined) throw new FirefliesError("authority-failed");
  return record;
}

async function signed({ state, settings }: Context, order: Order): Promise<CertificateRecord> {
  const { network, issuers } = state;
  const issuer = await issuers.active();
  const { holder, spki, how, lifetimeMs = settings.certificateLifetimeMs } = order;
  const now = settings.now();
  const serial = newSerial(now);
  const leaf = await issueMember({
    id: holder.id,
    name: holder.principal,
    spki,
    network,
    serial,
    issuer,
    validity: validityAt(now, lifetimeMs),
  });
  const { notBefore, notAfter } = validityOfCertificate(leaf)!;
  return { ...holder, serial, spki, leaf, issuer: issuer.certificate, notBefore, notAfter, issuedAt: now, how };
}
