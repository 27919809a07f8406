/**
 * Taking away what nobody needs any more: certificates that ended long ago, tokens, and the audit's oldest entries, which
 * go into a signed file first. The chain goes on in the records: an entry says up to where it was cut, and with which hash.
 */
import { resolve } from "node:path";
import { FirefliesError } from "../../../identity/index.js";
import { verifyAudit } from "../../audit/audit.js";
import { auditEntry, exportAudit } from "../../audit/audit-access.js";
import { linesOfFile, writeAuditFile } from "../../audit/audit-file.js";
import type { Context } from "../../context.js";
import { invalid } from "../../options.js";
import { AUDIT_PRUNED, lastPruned } from "../../store/audit-chain.js";
import { PRUNE_START } from "../../store/prune.js";
import type { AuditHead, PruneCursor, PruneMoment } from "../../store/store.js";

/** Three months, milliseconds: longer than anybody asks what became of a certificate. */
const AGE_MS = 90 * 86_400_000;

export interface PruneOptions {
  /** What ended longer ago than this goes, milliseconds (90 days). */
  readonly ageMs?: number | undefined;
  /** Also entries of the audit that are older, of all networks: into this new file, signed. They stay when left out. */
  readonly auditFile?: string | undefined;
  /** Say only what would go. */
  readonly dryRun?: boolean | undefined;
}

export interface Pruned {
  readonly certificates: number;
  readonly tokens: number;
  /** Entries of the audit. */
  readonly entries: number;
  /** The last of them: the exported file ends with it, and what is left goes on from it. */
  readonly upTo: AuditHead | undefined;
}

/** Rejects with "output-failed", also when the file is there already, or "audit-broken". */
export async function prune(context: Context, options: PruneOptions = {}): Promise<Pruned> {
  const { ageMs = AGE_MS, auditFile, dryRun = false } = options;
  if (!Number.isFinite(ageMs) || ageMs < 0)
    throw invalid(`An age is a number of milliseconds from 0 on, not ${ageMs}.`);
  const now = context.settings.now();
  const moment = { now, before: now - ageMs };
  const { records, store } = context.state;
  const upTo = auditFile === undefined ? undefined : await auditEnd(context, moment);
  const { sequence: first = 0 } = (await store.audit({ after: 0, limit: 1 }))[0] ?? {};
  const entries = upTo === undefined ? 0 : upTo.sequence - first + 1;
  if (dryRun) return { ...(await records.countPrunable(moment)), entries, upTo };
  // The file first: what cannot be written is not taken away.
  if (upTo !== undefined) await exported(context, resolve(auditFile!), upTo);
  const certificates = await pruneCertificates(context, moment);
  const tokens = await pruneTokens(context, moment);
  if (upTo !== undefined) await cutAudit(context, upTo, entries);
  return { certificates, tokens, entries, upTo };
}

async function auditEnd({ state }: Context, { before }: PruneMoment): Promise<AuditHead | undefined> {
  const sequence = await state.store.prunableAudit(before);
  if (sequence === 0) return undefined;
  const { hash } = await auditEntry(state.store, sequence);
  return { sequence, hash };
}

/** Written, synced, and read again: it must hold, and go on from the file of the last time. */
async function exported(context: Context, path: string, upTo: AuditHead): Promise<void> {
  await writeAuditFile(path, exportAudit(context, 0, upTo));
  const since = await lastPruned(context.state.store);
  const verdict = await verifyAudit(linesOfFile(path), { root: context.state.root, since });
  const problem = verdict.ok ? isOther(verdict.head, upTo) : verdict.problem;
  if (problem === undefined) return;
  throw new FirefliesError("audit-broken", `The audit does not hold, so nothing was taken away: ${problem}.`);
}

function isOther(head: AuditHead, upTo: AuditHead): string | undefined {
  return head.sequence === upTo.sequence && head.hash === upTo.hash ? undefined : `it ends with entry ${head.sequence}`;
}

async function pruneCertificates({ state, settings }: Context, moment: PruneMoment): Promise<number> {
  const noteOf = (certificates: number) => ({ kind: "pruned", at: settings.now(), fields: { certificates } });
  let total = 0;
  let after: PruneCursor | undefined = PRUNE_START;
  while (after !== undefined) {
    const { count, next }: { count: number; next: PruneCursor | undefined } = await state.records.pruneCertificates(
      { moment, after },
      noteOf,
    );
    total += count;
    after = next;
  }
  return total;
}

async function pruneTokens({ state, settings }: Context, moment: PruneMoment): Promise<number> {
  const noteOf = (tokens: number) => ({ kind: "pruned", at: settings.now(), fields: { tokens } });
  let total = 0;
  for (;;) {
    const count = await state.records.pruneTokens(moment, noteOf);
    if (count === 0) return total;
    total += count;
  }
}

/** After a crash in between the entries that are left are the youngest, and the next time takes the others. */
async function cutAudit({ state, settings }: Context, { sequence, hash }: AuditHead, entries: number): Promise<void> {
  const note = { kind: AUDIT_PRUNED, at: settings.now(), fields: { upTo: sequence, hash, entries } };
  let count = await state.store.pruneAudit(sequence, note);
  while (count > 0) count = await state.store.pruneAudit(sequence);
}
