/** The audit of a running or resting authority: read, exported with a signed end, verified where it lies. */

import type { Context } from "../context.js";
import type { AuditEntry, AuditHead } from "../store/store.js";
import type { AuditVerdict } from "./audit.js";
import { Anchor, auditLine, ChainReader, headLine } from "./audit.js";

/** Entries read at once: about 400 kB. */
const PAGE = 1_000;

/** All entries after the number `after`, in order. */
export async function* auditEntries({ state }: Context, after = 0): AsyncIterable<AuditEntry> {
  let last = after;
  for (;;) {
    const page = await state.store.audit({ after: last, limit: PAGE });
    if (page.length === 0) return;
    yield* page;
    last = page.at(-1)!.sequence;
  }
}

/** The lines of an export: the entries after the number `after`, and the head as it is then. */
export async function* exportAudit(context: Context, after = 0): AsyncIterable<string> {
  let head: AuditHead = await context.state.store.auditHead();
  const end = head.sequence;
  for await (const entry of auditEntries(context, after)) {
    if (entry.sequence > end) break; // Decided since.
    head = entry;
    yield auditLine(entry);
  }
  const { state, settings } = context;
  const { certificate, sign } = await state.issuers.active();
  const { networkId } = state.network;
  yield await headLine(head, { certificate, sign, networkId, at: settings.now() });
}

/** Follows the chain in the store from its first entry to its head; `since` as in `verifyAudit`. */
export async function verifyStoredAudit(context: Context, since?: AuditHead): Promise<AuditVerdict> {
  const head = await context.state.store.auditHead();
  const chain = new ChainReader();
  const anchor = new Anchor(since);
  anchor.see(chain.head);
  for await (const entry of auditEntries(context)) {
    if (entry.sequence > head.sequence) break;
    const first = chain.entries === 0 && entry.sequence !== 1;
    const problem = first ? `it begins with entry ${entry.sequence}` : chain.add(entry);
    if (problem !== undefined) return { ok: false, problem };
    anchor.see(chain.head);
  }
  if (chain.head.sequence !== head.sequence || chain.head.hash !== head.hash) {
    return { ok: false, problem: `it ends with entry ${chain.head.sequence}, but its head is entry ${head.sequence}` };
  }
  const problem = anchor.problem();
  return problem === undefined ? { ok: true, head, entries: chain.entries } : { ok: false, problem };
}
