/** Signing and recording one certificate: what is not recorded is never returned. */
import { FirefliesError, issueMember, newSerial, validityOfCertificate } from "../identity/index.js";
import type { Context } from "./context.js";
import { memberIdOf, validityAt } from "./policy.js";
import type { CertificateRecord, Condition, HowIssued, PrincipalRecord } from "./store.js";

export interface Order {
  readonly holder: PrincipalRecord;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly how: HowIssued;
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

/** Undefined when the order's condition no longer held: somebody else was first. */
export async function issue(context: Context, order: Order): Promise<CertificateRecord | undefined> {
  const { state, settings } = context;
  const record = await signed(context, order);
  const { condition, addresses } = order;
  const outcome = await state.records.recordCertificate({ certificate: record, condition, addresses });
  if (outcome !== "recorded") return undefined;
  const { principal, id, serial, how, issuedAt } = record;
  settings.onDecision({ kind: "issued", how, principal, id, serial, at: issuedAt });
  return record;
}

/** As `issue`, for orders without a condition. */
export async function issueAnyway(context: Context, order: Omit<Order, "condition">): Promise<CertificateRecord> {
  const record = await issue(context, { ...order, condition: { kind: "none" } });
  if (record === undefined) throw new FirefliesError("authority-failed");
  return record;
}

async function signed({ state, settings }: Context, order: Order): Promise<CertificateRecord> {
  const { network, sign } = state;
  const { certificate } = state.issuer;
  const { holder, spki, how, lifetimeMs = settings.certificateLifetimeMs } = order;
  const now = settings.now();
  const serial = newSerial(now);
  const leaf = await issueMember({
    id: holder.id,
    spki,
    network,
    serial,
    issuer: { certificate, sign },
    validity: validityAt(now, lifetimeMs),
  });
  const { notBefore, notAfter } = validityOfCertificate(leaf)!;
  return { ...holder, serial, spki, leaf, issuer: certificate, notBefore, notAfter, issuedAt: now, how };
}
