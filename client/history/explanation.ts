/** Why a member stands as it does in this view: sentences for people, and the facts behind them. A function of values. */
import type { FailureReason, Isolated, MemberPath } from "../types.js";
import type { HistoryEvent } from "./event.js";
import { timelineOf, title, when } from "./sentences.js";

/** An accusation that is held now of the member's present note. */
export interface ExplainedAccusation {
  readonly by: string;
  readonly byName: string | undefined;
  readonly ring: number;
  readonly epoch: string;
  /** Nobody who is there stands between accuser and accused, so it counts (docs/protocol.md, R5). */
  readonly stands: boolean;
  /** Unix milliseconds since when it has stood without a break, and when the member is removed if it does not answer. */
  readonly since: number | undefined;
  readonly removedAt: number | undefined;
  /** Of one that does not stand: who stands between. */
  readonly blockedBy: string | undefined;
}

/** What the member has said of another one in the last day. */
export interface ExplainedAccuser {
  readonly member: string;
  readonly name: string | undefined;
  readonly accusations: number;
  /** Number of them that the accused answered. */
  readonly answered: number;
}

/** How a member stands in a view; "isolated" is said of the asked member alone, when it is not among the others. */
export type ExplainedStanding = "live" | "suspected" | "left" | "isolated" | FailureReason;

/** Why a member stands as it does in the view of the member that is asked. */
export interface Explanation {
  readonly member: string;
  readonly name: string | undefined;
  /** It is about the member that is asked. */
  readonly isSelf: boolean;
  readonly standing: ExplainedStanding;
  /** The answer first, then what led to it, in order of time. */
  readonly sentences: readonly string[];
  /** Of its latest note, decimal; undefined when none is held. */
  readonly epoch: string | undefined;
  readonly accusations: readonly ExplainedAccusation[];
  /** Whom it has accused itself. */
  readonly accuses: readonly ExplainedAccuser[];
  /** How it is reached now; undefined for the member that is asked. */
  readonly path: MemberPath | undefined;
  /** Unix milliseconds. */
  readonly certificateEnds: number | undefined;
  readonly isolated: Isolated | undefined;
  /** What is kept about it, oldest first. */
  readonly events: readonly HistoryEvent[];
}

export type ExplanationFacts = Omit<Explanation, "sentences" | "accuses"> & {
  /** Accusations of others by it. */
  readonly said: readonly HistoryEvent[];
  /** Answers of those. */
  readonly answers: readonly HistoryEvent[];
  /** When a wait ends, unix milliseconds. */
  readonly waitsUntil: number | undefined;
};

/** So many false accusations by one are no accident any more: a member that cannot reach another one is answered, and stops. */
const LIAR_ANSWERED = 3;

export function explanationOf({ said, answers, waitsUntil, ...facts }: ExplanationFacts): Explanation {
  const accuses = accusesOf(said, answers);
  const sentences = [
    answerOf(facts, waitsUntil),
    ...accusationSentences(facts.accusations),
    ...accuses.map((each) => accuserSentence(facts, each)),
    ...patternOf(facts),
    ...timelineOf(facts),
    ...pathSentence(facts),
  ];
  return { ...facts, accuses, sentences };
}

function accusesOf(said: readonly HistoryEvent[], answers: readonly HistoryEvent[]): ExplainedAccuser[] {
  const byMember = Map.groupBy?.(said, ({ member }) => member) ?? grouped(said);
  return [...byMember].map(([member, accusations]) => {
    const answered = accusations.filter(({ sequence, epoch }) =>
      answers.some((each) => each.member === member && each.sequence > sequence && Number(each.epoch) > Number(epoch)),
    );
    return { member, name: accusations[0]?.name, accusations: accusations.length, answered: answered.length };
  });
}

/** As Map.groupBy, which Node.js 20 has not. */
function grouped(events: readonly HistoryEvent[]): Map<string, HistoryEvent[]> {
  const groups = new Map<string, HistoryEvent[]>();
  for (const event of events) groups.set(event.member, [...(groups.get(event.member) ?? []), event]);
  return groups;
}

function answerOf(
  facts: Omit<ExplanationFacts, "said" | "answers" | "waitsUntil">,
  waitsUntil: number | undefined,
): string {
  const { standing, accusations, isSelf, isolated, certificateEnds, events } = facts;
  const who = isSelf ? "This member" : title({ id: facts.member, name: facts.name });
  if (isSelf && isolated) return `${who} is isolated since ${when(isolated.since)}: ${isolationText(isolated)}`;
  if (isSelf) return `${who} is among the others.`;
  const last = (kind: HistoryEvent["kind"]) => events.findLast((event) => event.kind === kind);
  switch (standing) {
    case "live":
      return accusations.length === 0
        ? `${who} is live: nothing stands against it.`
        : `${who} is live: what is said against it does not stand.`;
    case "suspected": {
      const standingOnes = accusations.filter(({ stands }) => stands);
      const first = Math.min(...standingOnes.map(({ removedAt }) => removedAt ?? Number.POSITIVE_INFINITY));
      const end = Number.isFinite(first) ? ` Without an answer it is removed at ${when(first)}.` : "";
      return `${who} is live and suspected: ${standingOnes.length === 1 ? "an accusation stands" : `${standingOnes.length} accusations stand`} against it.${end}`;
    }
    case "removed": {
      const removed = last("removed");
      const by = removed?.by && ` that of ${title({ id: removed.by, name: removed.byName })} on ring ${removed.ring}`;
      const at = removed ? ` at ${when(removed.at)}` : "";
      return `${who} was removed${at}: an accusation stood for too long without an answer${by ? `,${by}` : ""}. It is back with its next note.`;
    }
    case "waiting":
      return `${who} came back too often and must wait${waitsUntil === undefined ? "" : ` until ${when(waitsUntil)}`} (docs/protocol.md, R13).`;
    case "left": {
      const left = last("left");
      return `${who} has left by its own will${left ? ` at ${when(left.at)}` : ""}: it said so itself.`;
    }
    case "revoked":
      return `${who} is revoked by the authority: nothing that it signs is taken any more.`;
    case "expired":
      return `${who} has a certificate that ended${certificateEnds === undefined ? "" : ` at ${when(certificateEnds)}`}, and has shown no newer one.`;
    case "equivocated":
      return `${who} has signed two notes of one epoch that contradict each other: its identity is in use twice, or it lies. It is back with a newer certificate.`;
    default:
      return `${who} is not in the view: no note of it is held.`;
  }
}

const ISOLATIONS: Readonly<Record<Isolated["reason"], string>> = {
  removed:
    "the others have removed it, because they accused it and heard no answer in time. It answers, and is back when they take its note.",
  waiting: "the others make it wait, because it came back too often.",
  nobody: "nobody else is live in its view any more.",
  revoked: "the authority has revoked it or its certificate; a new token lets it in again.",
  expired: "its certificate has ended; `fireflies renew` gets the next one.",
  equivocated: "its identity is in use twice; once the other process has ended, `fireflies renew` brings it back.",
  refused: "everybody who is called refuses its certificate: its identity was in use twice, or it is revoked.",
};

function isolationText({ reason, until }: Isolated): string {
  return `${ISOLATIONS[reason]}${until === undefined ? "" : ` That ends at ${when(until)}.`}`;
}

/** What one member accuses it of on several rings is said once: after a death that is all of them. */
function accusationSentences(accusations: readonly ExplainedAccusation[]): string[] {
  const alike = new Map<string, ExplainedAccusation[]>();
  for (const each of accusations) {
    const key = `${each.by} ${each.epoch} ${each.stands} ${each.blockedBy}`;
    alike.set(key, [...(alike.get(key) ?? []), each]);
  }
  return [...alike.values()].map(accusationSentence);
}

/** `alike` is not empty. */
function accusationSentence(alike: readonly ExplainedAccusation[]): string {
  const { by, byName, epoch, stands, blockedBy } = alike[0]!;
  const on = ringsText(alike.map(({ ring }) => ring).sort((a, b) => a - b));
  const who = `Held now: ${title({ id: by, name: byName })} accuses it on ${on}, of epoch ${epoch}.`;
  const [it, them] = alike.length === 1 ? ["It stands", "It does not stand"] : ["They stand", "They do not stand"];
  if (!stands)
    return `${who} ${them}: ${blockedBy?.slice(0, 12) ?? "somebody"} is between the two there, and is alive.`;
  const since = alike.flatMap((each) => each.since ?? []).sort((a, b) => a - b)[0];
  return `${who} ${it}${since === undefined ? "" : ` since ${when(since)}`}.`;
}

function ringsText(rings: readonly number[]): string {
  if (rings.length === 1) return `ring ${rings[0]}`;
  return `rings ${rings.slice(0, -1).join(", ")} and ${rings.at(-1)}`;
}

function accuserSentence(
  { isSelf }: Pick<Explanation, "isSelf">,
  { member, name, accusations, answered }: ExplainedAccuser,
): string {
  const times = accusations === 1 ? "once" : `${accusations} times`;
  const then =
    answered === 0 ? "No answer followed." : `An answer followed ${answered === 1 ? "once" : `${answered} times`}.`;
  return `${isSelf ? "This member" : "It"} has accused ${title({ id: member, name })} ${times}. ${then}`;
}

/** One accuser whom nobody bears out is the first thing that an operator wants to know. */
function patternOf({ events, isSelf }: Pick<Explanation, "events" | "isSelf">): string[] {
  const accused = events.filter(({ kind, by }) => kind === "accused" && by !== undefined);
  const accusers = new Set(accused.map(({ by }) => by));
  const rebutted = events.filter(({ kind }) => kind === "rebutted");
  const [one] = accused;
  const hasMissed = events.some(({ kind }) => kind === "missed");
  if (one?.by === undefined || accusers.size !== 1 || hasMissed || rebutted.length < LIAR_ANSWERED) return [];
  const who = title({ id: one.by, name: one.byName });
  return [
    `All ${accused.length} accusations come from ${who}, and were answered${isSelf ? "" : ", while this member missed none of its pings"}: ${who} cannot reach it, or lies. \`fireflies evidence export\` writes down what was signed.`,
  ];
}

function pathSentence({ path }: Pick<Explanation, "path">): string[] {
  if (path === undefined) return [];
  const { path: kind, address, via, whyNotBetter } = path;
  if (kind === undefined) return [`There is no connection with it now.${whyNotBetter ? ` ${whyNotBetter}` : ""}`];
  const through = via.length > 0 ? ` through ${via.map((id) => id.slice(0, 12)).join(", ")}` : "";
  const at = kind === "relayed" || address === undefined ? "" : ` at ${address}`;
  return [`It is reached now by a ${kind} connection${at}${through}.`];
}
