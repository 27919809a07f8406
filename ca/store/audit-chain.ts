/** The audit's chain: each entry's hash covers the entry and the hash before it, so that nothing can be changed or left out unseen. */
import { sha256Hex } from "../../identity/index.js";
import type { AuditEntry, AuditHead, AuditNote, Store } from "./store.js";

/** Before the first entry. */
export const AUDIT_START: AuditHead = { sequence: 0, hash: "0".repeat(64) };

/** SHA-256 of the JSON array of all fields but the hash itself, in the order of the interface; hexadecimal. */
export function auditHash({ sequence, at, network, kind, fields, previous }: Omit<AuditEntry, "hash">): string {
  return sha256Hex(new TextEncoder().encode(JSON.stringify([sequence, at, network, kind, fields, previous])));
}

/** The entry that follows `head`. `network` in hexadecimal, empty for the whole authority. */
export function entryAfter(head: AuditHead, network: string, { kind, at, fields }: AuditNote): AuditEntry {
  const entry = {
    sequence: head.sequence + 1,
    at,
    network,
    kind,
    fields: JSON.stringify(fields),
    previous: head.hash,
  };
  return { ...entry, hash: auditHash(entry) };
}

/** The kind of the entry that says up to where older ones were taken away. */
export const AUDIT_PRUNED = "audit-pruned";

/** Up to where entries were taken away the last time, as an entry says that stayed; undefined when none ever were. */
export async function lastPruned(store: Pick<Store, "newestAudit">): Promise<AuditHead | undefined> {
  const entry = await store.newestAudit(AUDIT_PRUNED);
  if (entry === undefined) return undefined;
  const { upTo, hash } = JSON.parse(entry.fields) as { readonly upTo: number; readonly hash: string };
  return { sequence: upTo, hash };
}
