/**
 * The operator's word that members do not come back with what they hold, as jobs that ran once: a rotation does not wait for
 * them, and nobody is told of them. Nothing is revoked: a member that reports again counts again.
 */
import { FirefliesError } from "../../../identity/index.js";
import { matchesPattern } from "../../../rings/index.js";
import { noteOf } from "../../audit/decision-note.js";
import type { Context } from "../../context.js";
import { isOpenPattern } from "../../name-pattern.js";
import type { MemberRecord } from "../../store/store.js";
import { listMembers } from "../register.js";

/** Names, or patterns as `job-*`. Resolves with those that were meant. Rejects with "ca-unknown" for what means nobody. */
export async function declareGone(context: Context, names: readonly string[]): Promise<readonly MemberRecord[]> {
  const meant = new Map<string, MemberRecord>();
  for (const name of names) for (const member of await membersMeant(context, name)) meant.set(member.principal, member);
  for (const member of meant.values()) await declareOne(context, member);
  return [...meant.values()];
}

async function membersMeant(context: Context, name: string): Promise<readonly MemberRecord[]> {
  if (!isOpenPattern(name)) {
    const known = await context.state.records.principal(name);
    if (known !== undefined) return [known];
    throw new FirefliesError("ca-unknown", `No member on record has the name "${name}".`);
  }
  const found: MemberRecord[] = [];
  for await (const member of listMembers(context)) if (matchesPattern(member.principal, name)) found.push(member);
  if (found.length > 0) return found;
  throw new FirefliesError("ca-unknown", `No member on record has a name like "${name}".`);
}

async function declareOne({ state, settings }: Context, { principal, id }: MemberRecord): Promise<void> {
  const decision = { kind: "gone", principal, id, at: settings.now() } as const;
  await state.records.declareGone(principal, decision.at, noteOf(decision));
  settings.onDecision(decision);
}
