/** Changes of the view as events of the feed. */
import type { Change, FailureReason, Member } from "../../../client/types.js";
import type { HistoryEvent, MemberRecord, NewEvent } from "./form.js";
import { pathFacts } from "./record.js";

/** What a failure is called in a member's history. */
const KIND_OF_FAILURE: Readonly<Record<FailureReason, HistoryEvent["kind"]>> = {
  removed: "removed",
  waiting: "removed",
  silent: "removed",
  revoked: "revoked",
  expired: "expired",
  equivocated: "equivocated",
};

/** Undefined for what is no event of the feed. `self`: the id of the member that sees it. */
export function eventOf(
  change: Change,
  self: string,
  recordOf: (member: Member) => MemberRecord,
): NewEvent | undefined {
  const { kind, at } = change;
  if (kind === "dropped") return undefined;
  if (kind === "path") return { event: "path", at, member: change.member.id, ...pathFacts(change.path) };
  if (kind === "isolated" || kind === "back")
    return { event: "history", at, kind, member: self, reason: change.reason };
  if (kind === "moved") return { event: "history", at, kind, member: self, reason: change.addresses.join(", ") };
  const { member } = change;
  const about = { event: "history", at, member: member.id, name: member.name, epoch: String(member.epoch) } as const;
  if (kind === "failed") return { ...about, kind: KIND_OF_FAILURE[change.reason], reason: change.reason };
  if (kind === "joined" || kind === "updated") return { ...about, kind, record: recordOf(member) };
  return { ...about, kind };
}
