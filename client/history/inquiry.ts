/** Gathers what there is of a member, live, gone or oneself, for an explanation and for evidence. */
import type { Machine } from "../../gossip/index.js";
import { FirefliesError, wrongType } from "../../identity/index.js";
import { type MemberId, parseMemberId } from "../../rings/index.js";
import type { Departed, Isolated, Member, MemberPath } from "../types.js";
import { type Called, meantBy } from "../view/meant.js";
import type { ExplainedAccusation, ExplainedStanding, Explanation } from "./explanation.js";
import { explanationOf } from "./explanation.js";
import type { History } from "./history.js";

export interface InquiryParts {
  readonly self: Called & { readonly id: MemberId };
  readonly machine: Pick<Machine, "inspect" | "certificateOf">;
  readonly members: readonly Member[];
  readonly departed: readonly Departed[];
  readonly history: Pick<History, "of" | "by" | "members">;
  readonly nameOf: (id: MemberId) => string | undefined;
  readonly pathTo: (id: MemberId) => MemberPath;
  readonly isolated: Isolated | undefined;
  /** For how long an accusation stands before its target is removed, milliseconds. */
  readonly removalMs: number;
  /** Unix, and monotonic milliseconds, of one moment. */
  readonly wall: number;
  readonly now: number;
}

/** Names and ids shown when several are meant. */
const SHOWN_MAX = 5;

/**
 * The member that a word means: its id, its name or a beginning of its id, live, gone or heard of. The live come first: a name
 * is given anew after a revocation. Throws "peer-unknown" or "id-ambiguous", and a TypeError for no text.
 */
export function inquiredFor(
  { self, members, departed, history, nameOf }: InquiryParts,
  word: string,
): Called & { id: MemberId } {
  if (typeof word !== "string") throw wrongType("A member's id or name is text.");
  const live: Called[] = [self, ...members];
  const gone: Called[] = departed.map(({ member }) => member);
  const heard: Called[] = history.members().map((id) => ({ id, name: nameOf(id as MemberId) }));
  for (const group of [live, gone, heard]) {
    const found = new Map(meantBy(word.trim(), group).map((each) => [each.id, each]));
    if (found.size > 1) throw ambiguous(word, [...found.values()]);
    for (const { id, name } of found.values()) return { id: id as MemberId, name };
  }
  const id = parseMemberId(word.trim().toLowerCase());
  if (id !== undefined) return { id, name: nameOf(id) };
  throw new FirefliesError("peer-unknown", `No member that is there, or was in the last day, is called "${word}".`, {
    advice: "See `fireflies members --all` for who was there.",
  });
}

function ambiguous(word: string, found: readonly Called[]): FirefliesError {
  const shown = found.slice(0, SHOWN_MAX).map(({ id, name }) => `${name ?? "without a name"} (${id.slice(0, 16)})`);
  return new FirefliesError("id-ambiguous", `"${word}" means ${found.length} members: ${shown.join(", ")}.`);
}

/** Throws as `inquiredFor`. */
export function explain(parts: InquiryParts, word: string): Explanation {
  const { machine, history, self, isolated } = parts;
  const { id, name } = inquiredFor(parts, word);
  const isSelf = id === self.id;
  const { standing, epoch, waitsUntil } = machine.inspect(id);
  const said = history.by(id).filter(({ kind, member }) => kind === "accused" && member !== id);
  const accused = [...new Set(said.map(({ member }) => member))];
  const answers = accused.flatMap((member) =>
    history.of(member).filter(({ kind, epoch }) => kind === "rebutted" && epoch),
  );
  const found: ExplainedStanding = isSelf ? (isolated ? "isolated" : "live") : standing;
  return explanationOf({
    ...{ member: id, name, isSelf, standing: found, said, answers },
    epoch: epoch === undefined ? undefined : String(epoch),
    accusations: accusationsOf(parts, id),
    path: isSelf ? undefined : parts.pathTo(id),
    certificateEnds: machine.certificateOf(id)?.notAfter,
    isolated: isSelf ? isolated : undefined,
    waitsUntil: waitsUntil === undefined ? undefined : unixOf(parts, waitsUntil),
    events: history.of(id),
  });
}

function accusationsOf(parts: InquiryParts, id: MemberId): ExplainedAccusation[] {
  const { machine, nameOf, removalMs } = parts;
  return machine.inspect(id).accusations.map(({ by, ring, epoch, since, blocker }) => {
    const at = since === undefined ? undefined : unixOf(parts, since);
    return {
      ...{ by, byName: nameOf(by), ring, epoch: String(epoch), stands: blocker === undefined, since: at },
      removedAt: at === undefined ? undefined : at + removalMs,
      blockedBy: blocker,
    };
  });
}

function unixOf({ wall, now }: InquiryParts, monotonic: number): number {
  return Math.round(wall + monotonic - now);
}
