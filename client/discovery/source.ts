/**
 * One source, asked for ever: when the member starts, again and again with jitter, after growing pauses while it fails, and soon
 * after it has said that something changed. A source that hangs, throws or floods harms no other.
 */
import { FirefliesError, messageOf } from "../../identity/index.js";
import { deadlineIn, withDeadline } from "../../net/index.js";
import { ANSWER_TIMEOUT_MS, CONTACTS_MAX, type Discovery, type DiscoveryInfo, ENTRY_CHARS_MAX } from "./discovery.js";

/** Milliseconds between two questions of an island as a whole: it hears of another island within this time ... */
const SHARED_PAUSE_MS = 1_000;
/** ... and each of them at least and at most so far apart: a few must not hurry, and a source sees no more of many. */
const PAUSE_MIN_MS = 10_000;
const PAUSE_MAX_MS = 300_000;
/** After a failure, milliseconds: the first pause, doubled with each further failure ... */
const FAILED_PAUSE_MS = 1_000;
/** ... up to this; a server that is back is found within it. */
const FAILED_PAUSE_MAX_MS = 60_000;
/** Milliseconds between the beginnings of two calls, at least. */
const ASKED_PAUSE_MIN_MS = 1_000;
/** Entries that are looked at in one answer: more are not even counted. */
const ENTRIES_MAX = 1_024;
/** Bad entries that an alarm shows. */
const SHOWN_MAX = 3;
/** Characters of a bad entry, or of a reason, that an alarm shows. */
const SHOWN_CHARS_MAX = 200;

/** Is it one that can be contacted? `problem` completes the sentence "ENTRY ...". */
export type CheckEntry = (
  entry: string,
) => { readonly ok: true; readonly entry: string } | { readonly ok: false; readonly problem: string };

export interface SourceOptions {
  readonly discovery: Discovery;
  readonly check: CheckEntry;
  /** Of the checked ones: is it this member itself? */
  readonly isMine: (entry: string) => boolean;
  /** Live members, with me. */
  readonly members: () => number;
  /** An answer: those that can be contacted, in their order, and which of them were not in the one before. */
  readonly take: (entries: readonly string[], fresh: ReadonlySet<string>) => void;
  /** A call has ended, whichever way. */
  readonly onEnded: () => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
  /** Monotonic milliseconds, and those of the wall clock. */
  readonly now: () => number;
  readonly wall: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What an answer holds. */
interface Checked {
  readonly entries: readonly string[];
  /** What is wrong with the others. */
  readonly problems: readonly string[];
}

export class Source {
  readonly #options: SourceOptions;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  /** Something has changed since the call under way began. */
  #isStale = false;
  #askedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #last: readonly string[] = [];
  #answeredAt: number | undefined;
  #error: string | undefined;
  #isInvalid = false;
  #trouble: string | undefined;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  get info(): DiscoveryInfo {
    const { discovery } = this.#options;
    const [contacts, failures] = [this.#last.length, this.#failures];
    return { source: discovery.name, contacts, answeredAt: this.#answeredAt, error: this.#error, failures };
  }

  /** It has not answered yet, it failed, or it has named somebody: others may come by it. */
  get isPromising(): boolean {
    return this.#answeredAt === undefined || this.#error !== undefined || this.#last.length > 0;
  }

  start(): void {
    const { discovery } = this.#options;
    try {
      discovery.onChange?.(() => this.#changed());
    } catch (cause) {
      this.#failed(cause);
    }
    this.#ask();
  }

  /** The member is alone: it is asked now, unless it was just now. */
  hurry(): void {
    this.#in(0);
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    clearTimeout(this.#timer);
    try {
      await withDeadline({ deadline: deadlineIn(CLOSE_TIMEOUT_MS) }, async () => {
        await this.#options.discovery.close?.();
      });
    } catch {
      // Nobody is there any more to whom it matters.
    }
  }

  #changed(): void {
    this.#isStale = true;
    this.#in(0);
  }

  /** Asks in `ms` milliseconds, but not too soon after the last time. */
  #in(pauseMs: number): void {
    if (this.#isAsking || this.#ending.signal.aborted) return;
    const soonest = this.#askedAt + ASKED_PAUSE_MIN_MS - this.#options.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), Math.max(pauseMs, soonest, 0));
    this.#timer.unref();
  }

  #ask(): void {
    this.#isAsking = true;
    this.#isStale = false;
    this.#askedAt = this.#options.now();
    let call: Promise<unknown> = Promise.resolve();
    const asked = withDeadline({ deadline: deadlineIn(ANSWER_TIMEOUT_MS), signal: this.#ending.signal }, (signal) => {
      const answer = this.#call(signal);
      call = answer.catch(() => {});
      return answer;
    });
    void asked.then(
      (answer) => this.#answered(answer),
      (cause: unknown) => this.#failed(cause),
    );
    // One that goes on after its signal is not called again before it has ended.
    void asked.then(
      () => this.#ended(),
      () => call.then(() => this.#ended()),
    );
  }

  async #call(signal: AbortSignal): Promise<readonly string[]> {
    const answer: unknown = await this.#options.discovery.contacts(signal);
    if (!Array.isArray(answer)) throw new TypeError("what it gave is no list");
    return answer;
  }

  #ended(): void {
    this.#isAsking = false;
    this.#in(this.#isStale ? 0 : this.#pauseMs());
  }

  #pauseMs(): number {
    const { members, random } = this.#options;
    if (this.#failures === 0) return pauseOf(members(), random());
    const longest = Math.min(FAILED_PAUSE_MAX_MS, FAILED_PAUSE_MS * 2 ** (this.#failures - 1));
    return longest * (0.5 + random() / 2);
  }

  #answered(answer: readonly unknown[]): void {
    if (this.#ending.signal.aborted) return;
    const { discovery, take, onAlarm, onEnded, wall } = this.#options;
    const { entries, problems } = this.#checked(answer);
    const before = new Set(this.#last);
    this.#last = entries;
    this.#answeredAt = wall();
    this.#error = undefined;
    if (this.#failures > 0) onAlarm(restored(discovery.name, entries.length));
    this.#failures = 0;
    if (problems.length > 0 && !this.#isInvalid) onAlarm(invalid(discovery.name, problems, entries.length));
    this.#isInvalid = problems.length > 0;
    this.#tellTrouble();
    take(entries, new Set(entries.filter((entry) => !before.has(entry))));
    onEnded();
  }

  /** What is said once is not said again in other words. */
  #tellTrouble(): void {
    const { discovery, onAlarm } = this.#options;
    const before = this.#trouble;
    this.#trouble = discovery.trouble?.();
    if (before === undefined && this.#trouble !== undefined) onAlarm(degraded(discovery.name, this.#trouble));
    if (before !== undefined && this.#trouble === undefined) onAlarm(restored(discovery.name, this.#last.length));
  }

  #checked(answer: readonly unknown[]): Checked {
    const { check, isMine } = this.#options;
    const entries = new Set<string>();
    const problems: string[] = [];
    for (const raw of answer.slice(0, ENTRIES_MAX)) {
      const text = typeof raw === "string" && raw.length <= ENTRY_CHARS_MAX ? raw : undefined;
      const checked = text === undefined ? { ok: false as const, problem: "is no text of an address" } : check(text);
      if (!checked.ok) problems.push(`${shown(raw)} ${checked.problem}`);
      else if (entries.size < CONTACTS_MAX && !isMine(checked.entry)) entries.add(checked.entry);
    }
    return { entries: [...entries], problems };
  }

  #failed(cause: unknown): void {
    if (this.#ending.signal.aborted) return;
    const { discovery, onAlarm, onEnded } = this.#options;
    this.#error = messageOf(cause).slice(0, SHOWN_CHARS_MAX);
    this.#failures += 1;
    if (this.#failures === 1) onAlarm(failed(discovery.name, this.#error, cause));
    onEnded();
  }
}

/** For `close`, milliseconds: a stop does not wait for a source. */
const CLOSE_TIMEOUT_MS = 1_000;

/** How long one of `members` waits before it asks again, milliseconds; `chance` in [0, 1) spreads them. */
export function pauseOf(members: number, chance: number): number {
  return Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, members * SHARED_PAUSE_MS)) * (0.5 + chance);
}

function shown(raw: unknown): string {
  const text =
    typeof raw === "string" ? JSON.stringify(raw.slice(0, SHOWN_CHARS_MAX)) : `a value of type ${typeof raw}`;
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX)}…`;
}

function failed(name: string, reason: string, cause: unknown): FirefliesError {
  const message = `The source ${name} named no contacts: ${reason.replace(/[.!]$/, "")}. It is asked again, after growing pauses.`;
  const advice = cause instanceof FirefliesError ? cause.advice : undefined;
  return new FirefliesError("discovery-failed", message, { advice, cause });
}

function degraded(name: string, trouble: string): FirefliesError {
  return new FirefliesError(
    "discovery-degraded",
    `The source ${name} answers, but ${trouble.slice(0, SHOWN_CHARS_MAX)}`,
  );
}

function restored(name: string, count: number): FirefliesError {
  return new FirefliesError("discovery-restored", `The source ${name} answers again: ${contactsText(count)}.`);
}

function invalid(name: string, problems: readonly string[], used: number): FirefliesError {
  const some = problems.slice(0, SHOWN_MAX).join("; ");
  const more = problems.length > SHOWN_MAX ? `; and ${problems.length - SHOWN_MAX} more` : "";
  return new FirefliesError(
    "discovery-invalid",
    `The source ${name} named what cannot be contacted: ${some}${more}. Of the others it named, ${contactsText(used)} will be used.`,
  );
}

function contactsText(count: number): string {
  return count === 1 ? "1 contact" : `${count} contacts`;
}
