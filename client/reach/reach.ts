/**
 * How a member finds out how it is reached: it asks its ring predecessors from where they see it come, and has those dial it
 * who have made no connection to it yet. From that follow whether others can dial it, which address outside of a NAT may
 * stand in its note, and where it is to be met in punches. docs/reach.md tells it in full.
 */
import type { FirefliesError } from "../../identity/index.js";
import { type Address, rangeOf } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { isEvidence, notDialable, privateAdvice } from "./advice.js";
import type { DialledBack, Seen } from "./codec.js";
import { candidatesOf, hostOf, type NatKind, natOf, type Observed, observedOf } from "./observations.js";
import { OuterAddresses, outerTargets } from "./outer-addresses.js";
import {
  afterVerdict,
  type Dialable,
  DOUBT_MS,
  guessed,
  isVouchedFor,
  type Standing,
  UNKNOWN,
  verdictOf,
  type Witness,
  witnessesOf,
  YES_MS,
} from "./verdict.js";
import { Words } from "./words.js";

/** Members asked at once: each question costs them a dial. */
const ASKED_AT_ONCE = 4;
/**
 * What a member has said holds for so long, milliseconds, while others can dial me: the first rounds follow each other within
 * seconds, and are for the neighbours that are new. Less than the pause between later ones, in which all are asked.
 */
const HOLDS_MS = YES_MS / 2;

export interface ReachOptions {
  /** t: predecessors that may lie. */
  readonly tolerance: number;
  /** Mine, ring by ring. */
  readonly predecessors: () => readonly (MemberId | undefined)[];
  /** Has it made a connection to me that nobody relays and no punch opened? */
  readonly hasDialledMe: (id: MemberId) => boolean;
  /** Members that I have dialled, and have a session with: they answer at once. */
  readonly near: () => readonly MemberId[];
  /** Undefined when it does not answer. */
  readonly observe: (id: MemberId) => Promise<Seen | undefined>;
  /** In the order of the addresses; undefined when it does not answer. */
  readonly dialBack: (id: MemberId, addresses: readonly string[]) => Promise<readonly DialledBack[] | undefined>;
  /** What my note names and can be dialled: no relays. */
  readonly advertised: () => readonly string[];
  /** Where I listen; an outer host with these ports may be mine. */
  readonly listeners: () => readonly Address[];
  /**
   * "IP:port" from which relays of mine see me come: all predecessors may be behind NATs, and say nothing. It names addresses
   * that predecessors are asked to dial, and vouches for none.
   */
  readonly relaySights?: (() => readonly { readonly id: MemberId; readonly observed: string }[]) | undefined;
  /** May outer addresses that are found stand in my note? */
  readonly isAuto: () => boolean;
  /** The addresses of this machine. */
  readonly hosts: () => ReadonlySet<string>;
  readonly udpPort: () => number | undefined;
  /** It was configured that nobody can dial me: that it is so is no news. */
  readonly isToldHidden?: boolean | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Outer addresses, or candidates for punches, are others than before. */
  readonly onFound: () => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

/** What is known, for info and metrics. */
export interface Reachability {
  readonly dialable: Dialable;
  readonly nat: NatKind;
  readonly observed: readonly Observed[];
  readonly candidates: readonly string[];
}

export class Reach {
  readonly #options: ReachOptions;
  readonly #words: Words;
  readonly #listeners = new Set<(dialable: Dialable) => void>();
  readonly #outer = new OuterAddresses();
  #standing: Standing;
  #nat: NatKind = "unknown";
  #candidates: readonly string[] = [];
  #round: Promise<void> | undefined;
  /** What others were asked to dial in the last round. */
  #targets = "";
  /** When the last round began, monotonic milliseconds. */
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Addresses have changed while a round was under way: what it found is of no use. */
  #isStale = false;
  readonly #told = new Set<string>();
  /** Where others than predecessors see me come from, while nothing is known: "IP:port". */
  readonly #hints = new Map<MemberId, string | undefined>();
  /** Asked to dial in this round, without an answer. */
  readonly #silent = new Set<MemberId>();

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#words = new Words(options.now);
    // Members that start together do not ask together.
    this.#standing = { ...UNKNOWN, askAt: options.now() + options.random() * 1_000 };
  }

  /** "unknown" until enough members have said something. */
  get dialable(): Dialable {
    return this.#standing.dialable;
  }

  /** Addresses outside of a NAT at which enough members have reached me. */
  get outer(): readonly string[] {
    return this.#outer.all;
  }

  get state(): Reachability {
    const observed = observedOf(this.#words.observations);
    return { dialable: this.dialable, nat: this.#nat, observed, candidates: this.#candidates };
  }

  /** Calls `listener` when `dialable` changes. Returns the way to stop. */
  onChange(listener: (dialable: Dialable) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** My addresses have changed: what is known is of the old ones. */
  moved(): void {
    this.#words.clear();
    this.#outer.clear();
    this.#told.clear();
    this.#isStale = this.#round !== undefined;
    this.#stand({ ...UNKNOWN, askAt: this.#options.now() });
  }

  /** To be called about once a second: asks when it is time. Resolves when the round is over; never rejects. */
  async look(): Promise<void> {
    const now = this.#options.now();
    const ids = [...new Set(this.#options.predecessors())].filter((id) => id !== undefined);
    const isDue = now >= this.#standing.askAt || (now - this.#askedAt >= DOUBT_MS && this.#hasNewTarget(ids.length));
    if (this.#round !== undefined || ids.length === 0 || !isDue) return;
    this.#isStale = false;
    this.#askedAt = now;
    this.#round = this.#ask(ids);
    try {
      await this.#round;
    } finally {
      this.#round = undefined;
    }
  }

  async #ask(ids: readonly MemberId[]): Promise<void> {
    this.#words.keep(ids, this.#dialsHoldMs);
    this.#silent.clear();
    const own = this.#options.hosts();
    const near = this.#options.near();
    const hinting = this.#askForHints(near.filter((id) => !ids.includes(id)).slice(0, ASKED_AT_ONCE), own);
    await inTurns([...ids.filter((id) => near.includes(id)), ...ids.filter((id) => !near.includes(id))], async (id) => {
      if (!this.#doesSightHold(id) && !this.#isSeenOnLoopback(own)) await this.#observe(id);
      this.#guess(own);
    });
    await hinting;
    if (this.#isStale) return;
    this.#see(ids);
    const targets = [...new Set([...this.#options.advertised(), ...this.#outerTargets(ids.length)])];
    // Who has dialled me may have done so at an outer address, and vouches for it by dialling it again.
    const isOuter = targets.some((address) => !this.#isMine(address) || this.#outer.has(address));
    const asked = shuffled(ids, this.#options.random).filter(
      (id) => (isOuter || !this.#options.hasDialledMe(id)) && !this.#words.hasDialled(id, targets),
    );
    await inTurns(asked, async (id) => {
      if (!this.#isStale && !this.#isDecided(targets)) await this.#dialBack(id, targets);
    });
    if (!this.#isStale) this.#conclude(targets);
  }

  /** Of a newcomer behind a NAT all predecessors may be behind NATs as well, and then nobody says anything. */
  async #askForHints(ids: readonly MemberId[], own: ReadonlySet<string>): Promise<void> {
    this.#hints.clear();
    if (this.dialable !== "unknown") return;
    await inTurns(ids, async (id) => {
      const seen = await this.#options.observe(id);
      if (seen !== undefined && !this.#isStale) this.#hints.set(id, seen.address);
      this.#guess(own);
    });
  }

  async #observe(id: MemberId): Promise<void> {
    const seen = await this.#options.observe(id);
    if (seen !== undefined) this.#words.saw(id, seen);
  }

  async #dialBack(id: MemberId, targets: readonly string[]): Promise<void> {
    const results = await this.#options.dialBack(id, targets);
    if (results === undefined) this.#silent.add(id);
    else this.#words.dialled(id, targets, results);
  }

  /** Is it not asked again in this round from where it sees me come? */
  #doesSightHold(id: MemberId): boolean {
    return this.dialable !== "no" && this.#words.hasSeen(id, HOLDS_MS);
  }

  /** How long dials are not asked for again. Where others cannot dial me, or one round has said so, all dial anew. */
  get #dialsHoldMs(): number {
    const { dialable, contrary } = this.#standing;
    return dialable === "yes" && contrary === 0 ? HOLDS_MS : 0;
  }

  /** On loopback there are no others but those of this machine, and no NAT: it takes no more than it takes to believe it. */
  #isSeenOnLoopback(own: ReadonlySet<string>): boolean {
    const { advertised, tolerance } = this.#options;
    const mine = advertised();
    if (mine.length === 0 || mine.some((text) => rangeOf(hostOf(text) ?? "") !== "loopback")) return false;
    const seen = this.#witnesses((id) => (own.has(hostOf(this.#words.observation(id)?.tcp) ?? "") ? "yes" : undefined));
    return verdictOf(seen, tolerance) === "yes";
  }

  /** "IP:port" from which my sessions come, for each member that has said it. */
  get seen(): readonly (readonly [MemberId, string])[] {
    return this.#words.seen;
  }

  /** "IP:port" from which my datagrams come, likewise. */
  get seenUdp(): readonly (readonly [MemberId, string])[] {
    return this.#words.seenUdp;
  }

  /** What follows from where others see me, before anybody has dialled. */
  #see(ids: readonly MemberId[]): void {
    const { hosts, udpPort, onFound } = this.#options;
    const own = hosts();
    this.#nat = natOf(this.#words.observations, { hosts: own, udpPort: udpPort() });
    // Where no NAT is between, there is nothing to punch. Who does not see me there dials back what my note names.
    const punched = this.#nat === "none" ? [] : candidatesOf(this.#words.observations, ids.length);
    const candidates = [...punched, ...this.#outerTargets(ids.length)];
    const isNew = candidates.join(" ") !== this.#candidates.join(" ");
    this.#candidates = candidates;
    if (isNew) onFound();
    this.#guess(own);
  }

  /**
   * One who sees me come from an address that is not mine is enough, if no more see one of mine, as those behind the same NAT
   * do: without relays nobody behind another NAT reaches me. It costs a few reservations, until the verdict of this round.
   */
  #guess(own: ReadonlySet<string>): void {
    if (this.#isStale || this.dialable !== "unknown" || !this.#areAllOwn(own)) return;
    const sights = this.#words.observations.map(({ by, tcp }) => [by, tcp] as const);
    const says = [...sights, ...this.#hints].flatMap(([id, tcp]) => {
      const host = hostOf(tcp);
      if (this.#options.hasDialledMe(id)) return true;
      return host === undefined ? [] : own.has(host);
    });
    const isHere = says.filter((is) => is).length;
    if (says.length > isHere && says.length - isHere >= isHere) this.#stand(guessed(this.#options.now()));
  }

  /** I name nothing but addresses of this machine. */
  #areAllOwn(own: ReadonlySet<string>): boolean {
    return this.#options.advertised().every((text) => own.has(hostOf(text) ?? ""));
  }

  #witnesses(says: (id: MemberId) => Witness["says"]): readonly Witness[] {
    return witnessesOf(this.#options.predecessors(), says);
  }

  /** At any address: it has made a connection, or says that it could. */
  #reaches(id: MemberId, targets: readonly string[]): Witness["says"] {
    // An outer address that does not stand in my note leads nobody here: without relays I would be reached by nobody.
    const named = targets.filter((address) => this.#isMine(address) || this.#outer.has(address));
    return this.#options.hasDialledMe(id) ? "yes" : this.#words.says(id, named);
  }

  #verdict(targets: readonly string[]): "yes" | "no" | undefined {
    const witnesses = this.#witnesses((id) => this.#reaches(id, targets));
    return verdictOf(witnesses, this.#options.tolerance);
  }

  /**
   * Beside one that says no, those who do not answer count as well: where nobody reaches anybody, as behind two NATs,
   * nobody would ever say enough.
   */
  #presumed(targets: readonly string[]): "presumed" | undefined {
    const witnesses = this.#witnesses((id) => this.#reaches(id, targets) ?? (this.#silent.has(id) ? "no" : undefined));
    const isHeard = witnesses.some(({ id, says }) => says === "no" && !this.#silent.has(id));
    return isHeard && verdictOf(witnesses, this.#options.tolerance) === "no" ? "presumed" : undefined;
  }

  #isVouchedFor(address: string): boolean {
    return isVouchedFor(
      this.#witnesses((id) => this.#words.says(id, [address])),
      this.#options.tolerance,
    );
  }

  #isDecided(targets: readonly string[]): boolean {
    const open = targets.filter((address) => !this.#isMine(address) || this.#outer.has(address));
    return this.#verdict(targets) !== undefined && open.every((address) => this.#isVouchedFor(address));
  }

  #isMine(address: string): boolean {
    return this.#options.advertised().includes(address);
  }

  #outerTargets(others: number): readonly string[] {
    const { isAuto, hosts, listeners, relaySights = () => [] } = this.#options;
    if (!isAuto()) return [];
    const { observations } = this.#words;
    return outerTargets({ observations, relays: relaySights(), hosts: hosts(), listeners: listeners(), others });
  }

  /** An outer address that nobody was asked to dial in the last round. */
  #hasNewTarget(count: number): boolean {
    const before = this.#targets.split(" ");
    return this.#targets !== "" && this.#outerTargets(count).some((target) => !before.includes(target));
  }

  #conclude(targets: readonly string[]): void {
    const { now, onFound, isAuto } = this.#options;
    const before = this.outer.join(" ");
    for (const address of new Set([...targets, ...this.outer])) {
      if (this.#isMine(address) && !this.#outer.has(address)) continue;
      this.#outer.judged(address, isAuto() && this.#isVouchedFor(address));
    }
    if (this.outer.join(" ") !== before) onFound();
    const next = afterVerdict(this.#standing, this.#verdict(targets) ?? this.#presumed(targets), now());
    // What was asked for the first time may not have been in the note yet that others hold.
    const isNew = targets.join(" ") !== this.#targets && !(next.dialable === "yes" && this.#isDecided(targets));
    this.#targets = targets.join(" ");
    this.#stand(isNew ? { ...next, askAt: Math.min(next.askAt, now() + DOUBT_MS) } : next);
    this.#advise();
  }

  #stand(standing: Standing): void {
    const before = this.dialable;
    this.#standing = standing;
    if (standing.dialable === before) return;
    for (const listener of [...this.#listeners]) listener(standing.dialable);
  }

  /** Says each thing once, until it is over. */
  #advise(): void {
    const { hosts, listeners, isToldHidden = false, onAlarm } = this.#options;
    const ports = listeners()
      .map(({ scheme, port }) => `${scheme} ${port}`)
      .join(", ");
    const reports = this.#words.reports(this.#options.advertised());
    const facts = { reports, observations: this.#words.observations, hosts: hosts(), ports };
    const hasTried = facts.reports.some(({ results }) => results.some(({ outcome }) => isEvidence(outcome)));
    const isHidden = this.dialable === "no" && hasTried;
    const alarm = isHidden ? (isToldHidden ? undefined : notDialable(facts)) : privateAdvice(facts);
    if (alarm === undefined) this.#told.clear();
    else if (!this.#told.has(alarm.code)) {
      this.#told.add(alarm.code);
      onAlarm(alarm);
    }
  }
}

/** ASKED_AT_ONCE at a time, in order. */
async function inTurns<T>(values: readonly T[], run: (value: T) => Promise<void>): Promise<void> {
  const left = [...values];
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await run(next);
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, worker));
}

function shuffled<T>(values: readonly T[], random: () => number): readonly T[] {
  const keyed = values.map((value) => ({ value, key: random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ value }) => value);
}
