/**
 * Taking membership back: of a key (one that was stolen; its principal may enrol again with another one and keeps its
 * id), or of a principal, whose id never comes back. A thrown-out principal is let in again by an operator's act only.
 */
import { FirefliesError, type RevocationReason } from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { noteOf } from "../audit/decision-note.js";
import type { Context } from "../context.js";
import { memberIdOf } from "../policy.js";
import type { CertificateRecord, MemberRecord, NewRevocation, PrincipalRecord } from "../store/store.js";
import { requirePrincipal } from "./applicant.js";
import { publishLists } from "./lists.js";
import { NAMED_AFTER_END_MS } from "./revoked.js";

/** Certificates of one key that are read at once. */
const PAGE = 1_000;

/** Keys that one stolen key may have been renewed to, one after the other: twenty a day, for a year. */
const KEYS_MAX = 10_000;

export interface KeyRevocation {
  readonly reason: RevocationReason;
  /** Not the keys that it was renewed to. */
  readonly keyOnly?: boolean | undefined;
}

/**
 * Revokes the key of a certificate, with all certificates for it that have not ended, and every key that it was renewed
 * to: a thief may have got certificates for a key of its own by the stolen one. Resolves with the certificates of those other
 * keys. Rejects with "ca-unknown" or "ca-revoked-already".
 */
export async function revokeKey(
  context: Context,
  serial: string,
  { reason, keyOnly = false }: KeyRevocation,
): Promise<readonly CertificateRecord[]> {
  const record = await context.state.records.certificate(serial);
  if (record === undefined) throw new FirefliesError("ca-unknown", `No certificate has the serial number ${serial}.`);
  // This certificate first: no further one is then recorded for its key, nor for a key that it vouches for.
  let isNew = await revokeCertificate(context, record, reason);
  for (const sibling of await othersOfKey(context, record)) {
    isNew = (await revokeCertificate(context, sibling, reason)) || isNew;
  }
  const further = keyOnly ? [] : await revokeRenewed(context, record, reason);
  if (!isNew && further.length === 0) throw new FirefliesError("ca-revoked-already");
  await publishLists(context);
  return further;
}

/** The keys behind a revoked one, each revoked before what it was renewed to is asked for: so none is added meanwhile. */
async function revokeRenewed(
  context: Context,
  { spki }: CertificateRecord,
  reason: RevocationReason,
): Promise<CertificateRecord[]> {
  const { records } = context.state;
  const seen = new Map([[toHex(spki), spki]]);
  const revoked: CertificateRecord[] = [];
  for (const key of seen.values()) {
    for (const next of await records.keysRenewedBy(key)) {
      if (seen.has(toHex(next)) || seen.size >= KEYS_MAX) continue;
      seen.set(toHex(next), next);
      for (const certificate of await ofKey(context, next))
        if (await revokeCertificate(context, certificate, reason)) revoked.push(certificate);
    }
  }
  return revoked;
}

/** What lists name, or else the last one: a key is revoked when one certificate for it is. */
async function ofKey({ state, settings }: Context, spki: Uint8Array): Promise<readonly CertificateRecord[]> {
  const validAt = settings.now() - NAMED_AFTER_END_MS;
  const named = await state.records.certificates({ spki, validAt, limit: PAGE });
  return named.length > 0 ? named : (await state.records.certificates({ spki, limit: PAGE })).slice(-1);
}

/** For any name, and as long as lists name them: members still take a certificate that has just ended. */
async function othersOfKey(context: Context, { spki, serial }: CertificateRecord): Promise<CertificateRecord[]> {
  const validAt = context.settings.now() - NAMED_AFTER_END_MS;
  const named = await context.state.records.certificates({ spki, validAt, limit: PAGE });
  return named.filter((each) => each.serial !== serial);
}

async function revokeCertificate(
  context: Context,
  { serial, principal, id }: CertificateRecord,
  reason: RevocationReason,
): Promise<boolean> {
  const target = { kind: "certificate", serial } as const;
  return recordRevocation(context, { target, principal, reason, at: context.settings.now() }, { id, serial });
}

/** Throws a principal out, with all its certificates. Rejects with "ca-unknown" or "ca-revoked-already". */
export async function revokePrincipal(context: Context, principal: string, reason: RevocationReason): Promise<void> {
  const { id } = await memberNamed(context, principal);
  const target = { kind: "principal", id } as const;
  const revocation = { target, principal, reason, at: context.settings.now() };
  if (!(await recordRevocation(context, revocation, { id }))) throw new FirefliesError("ca-revoked-already");
  await publishLists(context);
}

async function recordRevocation(
  { state, settings }: Context,
  revocation: NewRevocation,
  subject: { readonly id: string; readonly serial?: string },
): Promise<boolean> {
  const { principal, reason, at } = revocation;
  const decision = { kind: "revoked", principal, ...subject, reason, at } as const;
  if ((await state.records.revoke(revocation, noteOf(decision))) === "refused") return false;
  settings.onDecision(decision);
  return true;
}

/**
 * The next generation of a principal, with another id: for one that was thrown out, or whose id must not come back. Its
 * old id is revoked, so that never two of them are members. Rejects with "ca-unknown".
 */
export async function readmit(context: Context, principal: string): Promise<PrincipalRecord> {
  const { state, settings } = context;
  const known = await memberNamed(context, principal);
  const at = settings.now();
  const old = { target: { kind: "principal", id: known.id }, principal, reason: "superseded", at } as const;
  await recordRevocation(context, old, { id: known.id });
  const generation = known.generation + 1;
  const id = memberIdOf(state.network.idSecret, principal, generation);
  const decision = { kind: "readmitted", principal, id, generation, at } as const;
  const outcome = await state.records.raiseGeneration({ principal, generation, id }, noteOf(decision));
  if (outcome === "refused") throw new FirefliesError("authority-failed", "Somebody else did so at this moment.");
  settings.onDecision(decision);
  await publishLists(context);
  return { principal, generation, id };
}

async function memberNamed({ state }: Context, principal: string): Promise<MemberRecord> {
  requirePrincipal(principal);
  const known = await state.records.principal(principal);
  if (known === undefined) throw new FirefliesError("ca-unknown", `No principal has the name ${principal}.`);
  return known;
}

/**
 * Rejects with "key-revoked" or "principal-revoked" when a certificate on record is no longer good. Not by its serial
 * number alone: one of the same key that had ended before nobody revoked, and it could still renew.
 */
export async function requireUnrevoked({ state }: Context, record: CertificateRecord): Promise<void> {
  const { serial, id, spki } = record;
  const revocation = await state.records.revocationOf(serial, id);
  if (revocation === undefined && !(await state.records.isKeyRevoked(spki))) return;
  if (revocation === undefined) throw new FirefliesError("key-revoked");
  throw new FirefliesError(revocation.target.kind === "principal" ? "principal-revoked" : "key-revoked");
}
