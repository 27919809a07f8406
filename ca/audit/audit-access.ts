/** The audit of a running or resting authority: read, exported with a signed end, verified where it lies. */
import type { Context } from "../context.js";
import { lastPruned } from "../store/audit-chain.js";
import type { AuditEntry, AuditHead, Store } from "../store/store.js";
import type { AuditVerdict } from "./audit.js";
import { Anchor, auditBroken, auditLine, ChainReader, headLine } from "./audit.js";

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

/** The lines of an export: the entries after the number `after`, then a signed head: `head` if given, else that of now. */
export async function* exportAudit(context: Context, after = 0, upTo?: AuditHead): AsyncIterable<string> {
  let head: AuditHead = upTo ?? (await context.state.store.auditHead());
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

/** The entry with this number. Rejects with "audit-broken" when there is none. */
export async function auditEntry(store: Store, sequence: number): Promise<AuditEntry> {
  const [entry] = await store.audit({ after: sequence - 1, limit: 1 });
  if (entry?.sequence === sequence) return entry;
  throw auditBroken(`entry ${sequence} is missing`);
}

/**
 * Follows the chain in the store from its first entry to its head; `since` as in `verifyAudit`. Where it does not begin with
 * entry 1, an entry of it must say that those before were taken away, and with which hash they ended.
 */
export async function verifyStoredAudit(context: Context, since?: AuditHead): Promise<AuditVerdict> {
  const { store } = context.state;
  const head = await store.auditHead();
  const pruned = await lastPruned(store);
  const chain = new ChainReader();
  const anchors = [new Anchor(since), new Anchor(pruned)];
  for await (const entry of auditEntries(context)) {
    if (entry.sequence > head.sequence) break;
    if (chain.entries === 0) {
      const problem = beginProblem(entry, pruned);
      if (problem !== undefined) return { ok: false, problem };
      for (const anchor of anchors) anchor.see({ sequence: entry.sequence - 1, hash: entry.previous });
    }
    const problem = chain.add(entry);
    if (problem !== undefined) return { ok: false, problem };
    for (const anchor of anchors) anchor.see(chain.head);
  }
  if (chain.head.sequence !== head.sequence || chain.head.hash !== head.hash) {
    return { ok: false, problem: `it ends with entry ${chain.head.sequence}, but its head is entry ${head.sequence}` };
  }
  const [problem] = [cutProblem(since, pruned), ...anchors.map((anchor) => anchor.problem())].filter(Boolean);
  return problem === undefined ? { ok: true, head, entries: chain.entries } : { ok: false, problem };
}

/** An earlier export that ended in what was taken away: the file of the pruning goes on from it, and the records from that. */
function cutProblem(since: AuditHead | undefined, pruned: AuditHead | undefined): string | undefined {
  if (since === undefined || pruned === undefined || since.sequence >= pruned.sequence) return undefined;
  const { sequence } = pruned;
  return `entry ${since.sequence} was pruned. Verify the file that ends with entry ${sequence} since it, and this since that file`;
}

/** Pruning takes the oldest first, so after a crash more may be left than it meant to leave, but never less. */
function beginProblem({ sequence }: AuditEntry, pruned: AuditHead | undefined): string | undefined {
  if (sequence === 1) return undefined;
  if (pruned === undefined) return `it begins with entry ${sequence}, and none says that those before were pruned`;
  if (sequence <= pruned.sequence + 1) return undefined;
  return `it begins with entry ${sequence}, but those up to ${pruned.sequence} were pruned, and no further ones`;
}
