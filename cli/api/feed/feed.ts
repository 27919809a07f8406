/**
 * What one member of the agent tells its readers: a snapshot of its view, events with numbers, and figures while somebody looks.
 * Readers share what is kept: a slow one has a place in it and no queue of its own, and is told when it was overtaken.
 */

import type { HistoryEvent } from "../../../client/history/event.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { messageOf } from "../../../identity/files/files.js";
import { onAbort } from "../../../net/abort.js";
import type { AgentClient } from "../../agent-client.js";
import { FigureClock } from "./figures.js";
import type { Figures, MemberRecord, NewEvent, PathFacts, RecordingHead, Snapshot } from "./form.js";
import { type Begin, KEPT_MS, KeptEvents } from "./kept.js";
import { Positions, pathFacts, recordOf } from "./record.js";
import { recordsOf, snapshotOf } from "./snapshot.js";

/** Events that a reader may be behind: with more, a new snapshot is less than what it missed. */
const BACKLOG_MAX = 4_096;

/** Of events of the history, by their numbers: none of those before. By their times it would go wrong when the clock is set. */
const NOW = Number.MAX_SAFE_INTEGER;
/** Of the figures that somebody has looked at, one in five is kept for recordings: every ten seconds of an hour. */
const FIGURES_KEPT_EVERY = 5;
const FIGURES_KEPT_MAX = 360;

export type FeedClient = Pick<
  AgentClient,
  "self" | "member" | "members" | "departed" | "paths" | "info" | "changes" | "history" | "topics"
>;

/** What a reader is handed: the event's name, its number if it has one, and its JSON. */
export interface Told {
  readonly event: string;
  readonly sequence: number | undefined;
  readonly text: string;
}

export interface FollowOptions {
  /** The number of the last event that the reader has; undefined begins now. */
  readonly since?: number | undefined;
  readonly figures?: boolean;
  readonly signal: AbortSignal;
}

/** What there is once the feed has begun. */
interface Begun {
  readonly kept: KeptEvents;
  readonly positions: Positions;
  /** How members are reached, by their ids: asking the client for one is asking it for all. */
  readonly paths: Map<string, PathFacts>;
  /** A source has thrown: readers have all that came before, and the next one begins it anew. */
  isFailed: boolean;
}

export class Feed {
  readonly #client: FeedClient;
  readonly #now: () => number;
  readonly #onFailed: (alarm: FirefliesError) => void;
  #begun: Begun | undefined;
  #isOver = false;
  readonly #wakers = new Set<() => void>();
  #figures: { readonly value: Figures; readonly number: number } | undefined;
  #figureReaders = 0;
  readonly #figuresKept: { readonly at: number; readonly text: string }[] = [];
  #figureClock: FigureClock | undefined;

  /** Nothing is kept before `begin`, or the first reader. `now`: unix milliseconds. `onFailed`: is told "feed-failed", and may tell it here. */
  constructor(
    client: FeedClient,
    now: () => number = Date.now,
    onFailed: (alarm: FirefliesError) => void = (alarm) => this.alarm(alarm),
  ) {
    this.#client = client;
    this.#now = now;
    this.#onFailed = onFailed;
  }

  /** Keeps events from now on. The client must have started. */
  begin(): void {
    this.#ensure();
  }

  alarm({ code, message, advice }: Pick<FirefliesError, "code" | "message" | "advice">): void {
    if (this.#begun !== undefined) this.#add({ event: "alarm", at: this.#now(), code, message, advice });
  }

  snapshot(): Snapshot {
    const { kept, positions } = this.#ensure();
    const at = this.#now();
    return snapshotOf(this.#client, { sequence: kept.last, at, members: recordsOf(this.#client, positions, at) });
  }

  /** Of the last milliseconds: the head's line, then one for each event. What happens meanwhile is not in it. */
  recording(lastMs: number = KEPT_MS): readonly string[] {
    const { kept } = this.#ensure();
    const now = this.#now();
    const { at, sequence, members, events } = kept.since(now - lastMs, now);
    const head: RecordingHead = { recording: 1, snapshot: snapshotOf(this.#client, { at, sequence, members }) };
    const figures = this.#figuresKept.filter((each) => each.at > now - lastMs);
    return [JSON.stringify(head), ...[...events, ...figures].sort((a, b) => a.at - b.at).map(({ text }) => text)];
  }

  /** Events, until the signal fires or the member has stopped. */
  async *follow({ since, figures = false, signal }: FollowOptions): AsyncGenerator<Told, void> {
    const begun = this.#ensure();
    const { kept } = begun;
    const waiting = new Waiting();
    const unwatch = onAbort(signal, waiting.wake);
    this.#wakers.add(waiting.wake);
    if (figures) this.#look(1);
    let place = since ?? kept.last;
    let shown = 0;
    try {
      while (!signal.aborted) {
        const latest = this.#figures;
        if (isLost(place, kept)) {
          yield gap(place, kept, this.#now());
          place = kept.last;
        } else if (place < kept.last) {
          const next = kept.after(place)!;
          place = next.sequence;
          yield next;
        } else if (figures && latest !== undefined && latest.number > shown) {
          shown = latest.number;
          yield { event: "figures", sequence: undefined, text: textOf(latest.value) };
        } else if (this.#isOver || begun.isFailed) return;
        else await waiting.wait();
      }
    } finally {
      unwatch();
      this.#wakers.delete(waiting.wake);
      if (figures) this.#look(-1);
    }
  }

  #ensure(): Begun {
    this.#begun ??= this.#start();
    if (this.#begun.isFailed) this.#startAgain(this.#begun);
    return this.#begun;
  }

  #start(): Begun {
    const positions = new Positions(this.#client.info().rings);
    const kept = new KeptEvents(this.#beginning(positions));
    const begun = { kept, positions, paths: new Map<string, PathFacts>(), isFailed: false };
    this.#watch(begun);
    return begun;
  }

  /** What was missed meanwhile, nobody counts: readers begin anew. */
  #startAgain(begun: Begun): void {
    begun.isFailed = false;
    begun.paths.clear();
    this.#restart(begun, 1);
    this.#watch(begun);
  }

  #watch(begun: Begun): void {
    for (const path of this.#client.paths()) begun.paths.set(path.id, pathFacts(path));
    const ending = new AbortController();
    const { signal } = ending;
    Promise.all([this.#watchHistory(begun, signal), this.#watchPaths(begun, signal)]).then(
      () => this.#end(),
      (cause: unknown) => {
        ending.abort();
        this.#failed(begun, cause);
      },
    );
  }

  #failed(begun: Begun, cause: unknown): void {
    const message = `The feed of this member's events has failed: ${messageOf(cause)}.`;
    this.#onFailed(new FirefliesError("feed-failed", message, { cause }));
    begun.isFailed = true;
    this.#wake();
  }

  #beginning(positions: Positions): Begin {
    const at = this.#now();
    return { at, members: recordsOf(this.#client, positions, at) };
  }

  /** Until the client stops. What happened before the feed began is in the members before the events. */
  async #watchHistory(begun: Begun, signal: AbortSignal): Promise<void> {
    for await (const event of this.#client.history({ since: NOW, signal })) {
      if (event.kind === "dropped") this.#restart(begun, event.count);
      else this.#addTo(begun.kept, { ...event, event: "history", ...this.#recordAfter(event, begun) });
    }
  }

  #recordAfter({ kind, member }: HistoryEvent, { positions, paths }: Begun): { readonly record?: MemberRecord } {
    const found = kind === "joined" || kind === "updated" ? this.#client.member(member) : undefined;
    return found === undefined ? {} : { record: { ...recordOf(found, positions), ...paths.get(member) } };
  }

  async #watchPaths(begun: Begun, signal: AbortSignal): Promise<void> {
    const { paths, kept } = begun;
    for await (const change of this.#client.changes({ paths: true, signal })) {
      if (change.kind === "left" || change.kind === "failed") paths.delete(change.member.id);
      if (change.kind === "dropped") this.#restart(begun, change.count);
      if (change.kind !== "path") continue;
      const facts = pathFacts(change.path);
      paths.set(change.member.id, facts);
      this.#addTo(kept, { event: "path", at: change.at, member: change.member.id, ...facts });
    }
  }

  /** More came at once than this member's client holds for a reader: readers begin anew, with the members as they are. */
  #restart({ kept, positions }: Begun, missed: number): void {
    kept.restart(this.#beginning(positions), missed);
    this.#wake();
  }

  #add(event: NewEvent): void {
    if (this.#begun !== undefined) this.#addTo(this.#begun.kept, event);
  }

  #addTo(kept: KeptEvents, event: NewEvent): void {
    kept.add(event, this.#now());
    this.#wake();
  }

  #end(): void {
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }

  #keep(figures: Figures): void {
    this.#figuresKept.push({ at: figures.at, text: textOf(figures) });
    if (this.#figuresKept.length > FIGURES_KEPT_MAX) this.#figuresKept.shift();
  }

  /** Figures are read while somebody wants them. */
  #look(more: 1 | -1): void {
    this.#figureReaders += more;
    if (this.#figureReaders === 0) {
      this.#figureClock?.close();
      this.#figureClock = undefined;
      this.#figures = undefined;
    }
    if (this.#figureReaders > 0) {
      this.#figureClock ??= new FigureClock(this.#client, this.#now, (value) => {
        const number = (this.#figures?.number ?? 0) + 1;
        this.#figures = { value, number };
        if (number % FIGURES_KEPT_EVERY === 1) this.#keep(value);
        this.#wake();
      });
    }
  }
}

function textOf(figures: Figures): string {
  return JSON.stringify({ event: "figures", ...figures });
}

/** A wait that remembers being woken before. */
class Waiting {
  #isWoken = false;
  #resolve: (() => void) | undefined;

  readonly wake = () => {
    this.#isWoken = true;
    this.#resolve?.();
  };

  async wait(): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.#isWoken = false;
    this.#resolve = undefined;
  }
}

/** No resume is possible: the events are gone, a snapshot is shorter, or the number is of another life of the agent. */
function isLost(place: number, { begin, last }: KeptEvents): boolean {
  return place < begin || place > last || last - place > BACKLOG_MAX;
}

/** Numbers of another life of the agent do not tell how many are missing. */
function gap(place: number, { start, last }: KeptEvents, at: number): Told {
  const missed = place >= start && place <= last ? last - place : null;
  return { event: "gap", sequence: last, text: JSON.stringify({ event: "gap", sequence: last, at, missed }) };
}
