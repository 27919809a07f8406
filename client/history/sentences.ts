/** Events of the history as sentences, in order of time. */
import type { HistoryEvent, HistoryKind } from "./event.js";

/** The last of them are told: what an operator reads in a terminal. All are in the facts. */
const SENTENCES_MAX = 24;
/** Digits of an id that people see. */
const SHORT_DIGITS = 12;

export function title({ id, name }: { readonly id: string; readonly name: string | undefined }): string {
  const short = id.slice(0, SHORT_DIGITS);
  return name === undefined ? short : `${name} (${short})`;
}

/** To the millisecond, UTC: order matters within a second. */
export function when(ms: number): string {
  return new Date(ms).toISOString();
}

interface Told {
  readonly events: readonly HistoryEvent[];
  readonly isSelf: boolean;
}

export function timelineOf({ events, isSelf }: Told): string[] {
  const runs = runsOf(events);
  const sentences = runs.slice(-SENTENCES_MAX).map((run) => runSentence(run, isSelf));
  const left = runs.length - sentences.length;
  return left > 0 ? [`${left} earlier events are left out; --json has them.`, ...sentences] : sentences;
}

/** Events of one kind by one other that follow each other are told together. */
function runsOf(events: readonly HistoryEvent[]): HistoryEvent[][] {
  const runs: HistoryEvent[][] = [];
  for (const event of events) {
    const last = runs.at(-1)?.at(-1);
    const follows = last?.kind === event.kind && last.by === event.by && last.ring === event.ring;
    if (follows) runs.at(-1)!.push(event);
    else runs.push([event]);
  }
  return runs;
}

function runSentence(run: readonly HistoryEvent[], isSelf: boolean): string {
  const [first, last] = [run[0]!, run.at(-1)!];
  const text = sentenceOf(last, isSelf);
  if (run.length === 1) return `${when(first.at)}  ${text}`;
  return `${when(first.at)}  ${run.length} times until ${when(last.at)}, at last: ${text}`;
}

/** Without its time. */
export function sentenceOf(event: HistoryEvent, isSelf: boolean): string {
  const who = isSelf ? "this member" : (event.name ?? event.member.slice(0, SHORT_DIGITS));
  const by = event.by === undefined ? "somebody" : title({ id: event.by, name: event.byName });
  const on = event.ring === undefined ? "" : ` on ring ${event.ring}`;
  const of = event.epoch === undefined ? "" : `, of epoch ${event.epoch}`;
  const from =
    event.from === undefined || event.from === event.by ? "" : ` ${event.from.slice(0, SHORT_DIGITS)} brought it.`;
  const why = event.reason === undefined ? "" : ` (${event.reason})`;
  const path = event.path === undefined ? "" : ` Path: ${event.path.replace(/\.$/, "")}.`;
  const texts: Readonly<Record<HistoryKind, string>> = {
    joined: `${who} joined the view.`,
    updated: `${who} said something new of itself.`,
    moved: `${who} is reached at ${event.reason ?? "other addresses"} now.`,
    left: `${who} left.`,
    accused: `${by} accused ${who}${on}${of}.${from}`,
    suspected: `${who} is suspected: the accusation of ${by}${on} stands.`,
    rebutted:
      event.reason === undefined
        ? `${who} answered with the note of epoch ${event.epoch}.${from}`
        : `${who} is suspected no more: ${event.reason}.`,
    removed: `${who} is out of the view: ${event.reason ?? "removed"}${event.by === undefined ? "" : `, by ${by}${on}`}.`,
    revoked: `${who} is revoked.`,
    expired: `The certificate of ${who} has ended.`,
    equivocated: `${who} contradicted itself${why}.${from}`,
    summoned: `${by} told ${who} that it stands accused${on}${of}.`,
    missed: `${who} did not answer a ping${on}${why}.${path}`,
    "told-out": `${by} says that it ${event.reason ?? "holds this member as removed"}.`,
    isolated: `${who} is isolated${why}.`,
    back: `${who} is among the others again${why}.`,
    rejected: `${who} sent what was not taken${why}.`,
  };
  return texts[event.kind];
}
