/** The network at one instant: a snapshot, and what each event changes in it. */
import type { FeedEvent, HistoryEvent, MemberRecord, PathChange, Plan, Snapshot } from "../feed/forms.js";

/** Accusations of one member that are kept: one per ring suffices for a picture. */
const ACCUSATIONS_MAX = 255;

export interface Accusation {
  /** The accuser's id. */
  readonly by: string;
  readonly ring: number;
  readonly epoch: string;
  readonly at: number;
}

export type Phase = "live" | "suspected" | "accused" | "failed" | "left" | "revoked";
/** What has a shape of its own in pictures and lists. */
export type Mark = Exclude<Phase, "live"> | "rebutted" | "self";

export interface MemberNow {
  readonly record: MemberRecord;
  readonly phase: Phase;
  /** The word of the member that tells it, which may say more than the phase: "expired", "contradicted". */
  readonly state: string;
  /** Unix ms of the last change of phase. */
  readonly since: number;
  /** That stand, oldest first. */
  readonly accusations: readonly Accusation[];
  /** That the last rebuttal answered, and when that was. */
  readonly answered: readonly Accusation[];
  readonly rebuttedAt: number | undefined;
}

/** Changed in place by `apply`; everything in it is replaced, never changed. */
export interface World {
  at: number;
  readonly self: string;
  readonly rings: number;
  readonly deltaMs: number;
  readonly planned: Plan | undefined;
  readonly members: Map<string, MemberNow>;
  /** Rises each time that somebody comes or goes: two worlds of a timeline with one turnover have the same members in them. */
  turnover: number;
  /** Since when the member that tells all this hears nobody; unix ms. */
  isolatedSince: number | undefined;
}

export function worldOf(snapshot: Snapshot): World {
  const { at, self, rings, deltaMs, planned } = snapshot;
  const members = new Map(snapshot.members.map((record) => [record.id, memberOf(record, at)]));
  return { at, self, rings, deltaMs, planned, members, turnover: 0, isolatedSince: undefined };
}

export function copyOf(world: World): World {
  return { ...world, members: new Map(world.members) };
}

function memberOf(record: MemberRecord, at: number): MemberNow {
  const { state } = record;
  return {
    ...{ record, state, phase: phaseOf(state), since: record.since || at },
    ...{ accusations: [], answered: [], rebuttedAt: undefined },
  };
}

const PHASES: Readonly<Record<string, Phase>> = {
  suspected: "suspected",
  unreachable: "suspected",
  accused: "accused",
  failed: "failed",
  removed: "failed",
  left: "left",
  revoked: "revoked",
  expired: "revoked",
  equivocated: "revoked",
  contradicted: "revoked",
};

function phaseOf(state: string): Phase {
  return PHASES[state] ?? "live";
}

/** In the view: live, or under a suspicion that nothing has decided yet. */
export function isThere({ phase }: MemberNow): boolean {
  return phase === "live" || phase === "suspected" || phase === "accused";
}

/** Brings the world to what it is after the event. */
export function apply(world: World, event: FeedEvent): void {
  world.at = Math.max(world.at, event.at);
  if (event.event === "path") reach(world, event);
  if (event.event !== "history") return;
  if (event.member === world.self) turnSelf(world, event);
  const before = world.members.get(event.member);
  const after = before === undefined ? newcomer(event) : changed(before, event);
  if (after === undefined) return;
  world.members.set(event.member, after);
  if (before === undefined || isThere(before) !== isThere(after)) world.turnover++;
}

function reach(world: World, { member, path, via, rttMs }: PathChange): void {
  const before = world.members.get(member);
  if (before !== undefined) world.members.set(member, { ...before, record: { ...before.record, path, via, rttMs } });
}

function turnSelf(world: World, { kind, at }: HistoryEvent): void {
  if (kind === "isolated") world.isolatedSince = at;
  if (kind === "back") world.isolatedSince = undefined;
}

function newcomer({ record, kind, at }: HistoryEvent): MemberNow | undefined {
  if (record === undefined || (kind !== "joined" && kind !== "updated")) return undefined;
  return { ...memberOf(record, at), since: at };
}

function changed(before: MemberNow, event: HistoryEvent): MemberNow {
  const { at, kind } = event;
  const record = renewed(before.record, event.record);
  const live = (more: Partial<MemberNow> = {}): MemberNow => {
    const since = before.phase === "live" ? before.since : at;
    return { ...before, record, phase: "live", state: "live", since, accusations: [], ...more };
  };
  const gone = (phase: Phase, state: string): MemberNow => ({ ...before, record, phase, state, since: at });
  switch (kind) {
    case "joined":
    case "back":
      return live();
    case "updated":
      return { ...before, record };
    case "moved":
      return event.path === "" || event.record !== undefined
        ? { ...before, record }
        : { ...before, record: { ...record, path: event.path } };
    case "suspected":
      return before.phase === "live" ? gone("suspected", "suspected") : before;
    case "accused":
      return accused(before, event);
    case "rebutted":
      // It may be told twice: the second time nothing stands that it could answer.
      return live({ answered: before.accusations.length > 0 ? before.accusations : before.answered, rebuttedAt: at });
    case "removed":
      return gone("failed", "failed");
    case "left":
      return { ...gone("left", "left"), accusations: [] };
    case "revoked":
      return gone("revoked", "revoked");
    case "expired":
      return gone("revoked", "expired");
    case "equivocated":
      return gone("revoked", "contradicted");
    case "missed":
    case "summoned":
    case "isolated":
    case "rejected":
      return before;
  }
}

/** Only the snapshot says when a certificate ends. */
function renewed(before: MemberRecord, record: MemberRecord | undefined): MemberRecord {
  return record === undefined ? before : { ...record, certificateEnd: record.certificateEnd ?? before.certificateEnd };
}

function accused(before: MemberNow, { by, ring, epoch, at }: HistoryEvent): MemberNow {
  const others = before.accusations.filter((each) => each.by !== by || each.ring !== ring);
  const accusations = [...others, { by, ring: ring ?? 0, epoch, at }].slice(-ACCUSATIONS_MAX);
  if (!isThere(before)) return { ...before, accusations };
  const since = before.phase === "live" ? at : before.since;
  return { ...before, phase: "accused", state: "accused", since, accusations };
}

export interface Counts {
  readonly there: number;
  readonly live: number;
  readonly doubted: number;
  readonly gone: number;
}

export function countsOf(world: World): Counts {
  let [live, doubted, gone] = [0, 0, 0];
  for (const { phase } of world.members.values()) {
    if (phase === "live") live++;
    else if (phase === "suspected" || phase === "accused") doubted++;
    else gone++;
  }
  return { there: live + doubted, live, doubted, gone };
}
