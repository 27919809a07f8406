/**
 * What a member tells the authority: that it is there and where, again and again, and that it leaves. So the authority names
 * those who are there to newcomers. The answers bring the revocation list (rule R17), so that gossip has something to spread.
 * A network reports about once a second as a whole, however large it is: members that hear of a new list first tell the others.
 */
import { type FirefliesError, fingerprintOf, type Identity } from "../../identity/index.js";
import { asFirefliesError } from "../../net/index.js";
import {
  type Contact,
  fetchRevocations,
  Line,
  type Reported,
  type ReportOptions,
  report,
} from "../authority/authority.js";
import { byEitherClock, type Clocks } from "../standing/clocks.js";
import type { RevocationWatch } from "./revocation-watch.js";

/** Reports of the whole network lie this far apart, milliseconds ... */
const SHARED_PAUSE_MS = 1_000;
/** ... those of one member at least and at most this far: a few members must not hurry, many not forget. */
const PAUSE_MIN_MS = 5_000;
const PAUSE_MAX_MS = 900_000;
/**
 * With shorter pauses on average the connection is kept, milliseconds: the authority closes one that is idle for 80 s, and
 * in larger networks few members report at the same time, but all would hold a connection.
 */
const KEPT_PAUSE_MS = 50_000;
/** One report in this number asks for contacts, so that members of islands which started apart hear of each other. */
const REPORTS_PER_CONTACTS = 4;
/** After a step of my clock I ask within this, milliseconds, drawn by chance: a whole site may have woken up. */
const SOON_MS = 1_000;
/** For one report, milliseconds, at each address of the authority: nobody waits for it ... */
const TIMEOUT_MS = 5_000;
/** ... but for one that is to bring contacts: a start does not wait long for an authority that is away. */
const CONTACTS_TIMEOUT_MS = 3_000;
/** For the last one, at all addresses together, milliseconds: a stop does not wait long either. */
const GOODBYE_TIMEOUT_MS = 1_500;
/** The authority was not heard, or had no time: what it would have said is not known. */
const UNHEARD: ReadonlySet<string> = new Set([
  ...["authority-unreachable", "authority-untrusted", "authority-answer-invalid"],
  ...["overloaded", "too-many-requests", "cancelled", "timeout"],
]);

export interface ReportsOptions {
  /** Of the moment: a renewal changes it. */
  readonly identity: () => Identity;
  /** Of the authority; empty when there is none to speak to. */
  readonly urls: readonly string[];
  /** A proxy ends TLS in front of the authority: which roots vouch for it. */
  readonly proxyRoots?: string | undefined;
  /** Where I am reached. */
  readonly addresses: () => readonly string[];
  /** Live members, with me. */
  readonly members: () => number;
  readonly clocks: () => Clocks;
  /** What time it is to the authority, unix milliseconds: it decides after a step of the wall clock (rule R18). */
  readonly onTime: (time: number) => void;
  /** In [0, 1). */
  readonly random: () => number;
  readonly watch: RevocationWatch;
  /** Members that the authority names beside what it was asked for. */
  readonly onContacts: (contacts: readonly Contact[]) => void;
  /** A list to take in; it is checked like anyone's. */
  readonly learn: (statement: Uint8Array) => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

export class Reports {
  readonly #options: ReportsOptions;
  readonly #abort = new AbortController();
  readonly #line = new Line();
  /** The certificate that the kept connection was made with. */
  #lineOf: Identity | undefined;
  /** Reports go one after the other: the last word of a life must be its goodbye. Never rejects. */
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = PAUSE_MIN_MS;
  #isRunning = false;
  #untilContacts = REPORTS_PER_CONTACTS;
  /** The authority holds me as there. */
  #isKnown = false;
  /** The clock has stepped, and the authority has not said yet what time it is. */
  #isInDoubt = false;
  /** A list that came before the protocol ran. */
  #early: Uint8Array | undefined;
  /** What the authority refused me with, told once. */
  #refusal: string | undefined;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  /**
   * Reports now, and asks for members to talk to; none when there is no authority. Rejects with the codes of `report`. The
   * signal has to fire before `goodbye` is called.
   */
  async contacts(signal: AbortSignal): Promise<readonly Contact[]> {
    if (this.#options.urls.length === 0 || this.#abort.signal.aborted) return [];
    const { contacts } = await this.#report({ contacts: true, timeoutMs: CONTACTS_TIMEOUT_MS, signal });
    return contacts;
  }

  /** The protocol runs: from now on lists are taken in, and reports go on. */
  start(): void {
    if (this.#options.urls.length === 0 || this.#abort.signal.aborted) return;
    this.#isRunning = true;
    if (this.#early) this.#options.learn(this.#early);
    this.#early = undefined;
    this.#schedule(this.#pauseMs);
  }

  /** Reports soon, as when my addresses have changed. */
  soon(): void {
    if (this.#isRunning) this.#schedule(0);
  }

  /** My clock has stepped: the authority is asked for the time at once, and often until it answers. */
  doubt(): void {
    const isKnown = this.#isInDoubt;
    this.#isInDoubt = this.#isRunning;
    if (this.#isInDoubt && !isKnown) this.#schedule(SOON_MS * this.#options.random());
  }

  /** The last report: I am no longer to be named to newcomers. An authority that is away is not waited for. Never rejects. */
  async goodbye(): Promise<void> {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    this.#abort.abort();
    await this.#turn;
    if (this.#isKnown) await this.#leave().catch(() => {});
    this.#line.close();
  }

  async #leave(): Promise<void> {
    const { identity, urls, proxyRoots, addresses, clocks } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), GOODBYE_TIMEOUT_MS);
    try {
      const options = { addresses: addresses(), signal: late.signal, proxyRoots, line: this.#lineFor(identity()) };
      const goodbye = { ...options, leaving: true, contacts: false };
      await byEitherClock(clocks(), (now) => report(urls, identity(), { ...goodbye, now }));
    } finally {
      clearTimeout(timer);
    }
  }

  #schedule(pauseMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#again(), pauseMs);
    this.#timer.unref();
  }

  async #again(): Promise<void> {
    this.#untilContacts = this.#untilContacts > 1 ? this.#untilContacts - 1 : REPORTS_PER_CONTACTS;
    const contacts = this.#untilContacts === REPORTS_PER_CONTACTS;
    try {
      const reported = await this.#report({ contacts, timeoutMs: TIMEOUT_MS, signal: this.#abort.signal });
      this.#refusal = undefined;
      if (contacts && !this.#abort.signal.aborted) this.#options.onContacts(reported.contacts);
    } catch (cause) {
      if (this.#abort.signal.aborted) return;
      const error = asFirefliesError(cause, "authority-failed");
      if (UNHEARD.has(error.code)) this.#options.watch.asked(error);
      else await this.#refused(error);
    }
  }

  /** Told once; and who is refused, as one who is revoked, still hears why: the list is for everybody. */
  async #refused(error: FirefliesError): Promise<void> {
    const { identity, urls, proxyRoots, clocks, watch, onAlarm } = this.#options;
    if (this.#refusal !== error.code) onAlarm(error);
    this.#refusal = error.code;
    const place = { urls, fingerprint: fingerprintOf(identity().root) };
    const options = {
      proxyRoots,
      signal: this.#abort.signal,
      timeoutMs: TIMEOUT_MS,
      onTime: (time: number) => this.#heard(time),
    };
    try {
      this.#learn(await byEitherClock(clocks(), (now) => fetchRevocations(place, watch.number, { ...options, now })));
      watch.asked();
    } catch (cause) {
      if (!this.#abort.signal.aborted) watch.asked(asFirefliesError(cause, "authority-failed"));
    }
  }

  #report(how: Pick<ReportOptions, "contacts" | "timeoutMs" | "signal">): Promise<Reported> {
    const reported = this.#turn.then(() => this.#once(how));
    this.#turn = reported.catch(() => {});
    return reported;
  }

  async #once(how: Pick<ReportOptions, "contacts" | "timeoutMs" | "signal">): Promise<Reported> {
    how.signal?.throwIfAborted();
    const { identity, urls, proxyRoots, addresses, members, clocks, random, watch } = this.#options;
    const mine = identity();
    this.#pauseMs = pauseOf(this.#isInDoubt ? 1 : members(), random());
    if (this.#isRunning) this.#schedule(this.#pauseMs);
    const line = meanPauseOf(members()) <= KEPT_PAUSE_MS ? this.#lineFor(mine) : undefined;
    const onTime = (time: number) => this.#heard(time);
    const said = { addresses: addresses(), nextMs: this.#pauseMs, after: watch.number, line, onTime, proxyRoots };
    const reported = await byEitherClock(clocks(), (now) => report(urls, mine, { ...said, ...how, now }));
    this.#isKnown = true;
    this.#learn(reported.revocations);
    watch.asked();
    return reported;
  }

  #heard(time: number): void {
    if (this.#abort.signal.aborted) return;
    this.#isInDoubt = false;
    this.#options.onTime(time);
  }

  #learn(statement: Uint8Array | undefined): void {
    if (statement === undefined || this.#abort.signal.aborted) return;
    if (this.#isRunning) this.#options.learn(statement);
    else this.#early = statement;
  }

  /** A connection proves the certificate that it was made with. */
  #lineFor(identity: Identity): Line {
    if (this.#lineOf !== identity) this.#line.close();
    this.#lineOf = identity;
    return this.#line;
  }
}

/** How long one of `members` waits before it reports again, milliseconds; `chance` in [0, 1) spreads them. */
export function pauseOf(members: number, chance: number): number {
  return meanPauseOf(members) * (0.5 + chance);
}

function meanPauseOf(members: number): number {
  return Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, members * SHARED_PAUSE_MS));
}
