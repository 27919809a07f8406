/** How a member that listens gets in among the others: whom it asks first, when it is in, and new contacts while it is alone. */
import { FirefliesError } from "../../identity/index.js";
import { asFirefliesError, onAbort } from "../../net/index.js";
import type { Contact } from "../authority/authority.js";
import type { DiscoveryInfo } from "../discovery/discovery.js";
import type { Sources } from "../discovery/sources.js";
import type { Node } from "../node.js";
import { type Memory, remembered } from "../state/recollection.js";
import { recipients } from "../view/certificates.js";
import { Company } from "./company.js";
import { chosen, URGENT_MAX } from "./contacts.js";
import type { Reports } from "./reports.js";

/**
 * How long a start waits for company that there should be, milliseconds: for four or five more questions to the authority, and
 * not so long that a program which can do something alone stands still for it.
 */
const PATIENCE_MS = 5_000;

/** Contacts that are kept until the protocol runs: what several sources may name. */
const EARLY_MAX = 256;

export interface EntryOptions {
  readonly member: Node;
  readonly reports: Reports;
  /** Where it hears of others, besides the authority. */
  readonly sources: Pick<Sources, "start" | "hurry" | "stop" | "infos" | "isPromising">;
  /** There is an authority to ask. */
  readonly hasAuthority: boolean;
  /** Members to contact first, from the configuration: addresses alone. */
  readonly entryAddrs: readonly string[];
  /** Fires when the client stops. */
  readonly ending: AbortSignal;
  /** The protocol runs from now on. */
  readonly onStarted: () => void;
  /** These will be asked; before they are. */
  readonly onContacts: (contacts: readonly Contact[]) => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

export class Entry {
  readonly #options: EntryOptions;
  #company: Company | undefined;
  /** How the last question to the authority ended: how many it named, or why it did not. */
  #asked: number | FirefliesError = 0;
  /** In a row. */
  #failures = 0;
  #answeredAt: number | undefined;
  /** What sources named before the protocol ran. */
  readonly #early: string[] = [];
  /** Asked now, and whenever something happens that may have changed the answer. */
  #look: () => void = () => {};
  #isReady = false;
  #isLate = false;

  constructor(options: EntryOptions) {
    this.#options = options;
  }

  /**
   * Starts the protocol; resolves when I am in among the others, when there is nobody to be expected, or when that took too
   * long: then an alarm says so, and the search goes on. Rejects with the signal's reason.
   */
  async join(memory: Memory, signal: AbortSignal): Promise<void> {
    const { member, sources, onStarted } = this.#options;
    sources.start();
    const asked = this.#askAuthority(signal);
    // Whoever remembers members need not wait for the authority to name some.
    const { others, departed } = remembered(memory.statements, member.id);
    const contacts = others > 0 ? [] : await asked;
    signal.throwIfAborted();
    member.start(memory, contacts);
    onStarted();
    member.machine.addContacts(departed);
    this.discovered(this.#early.splice(0), new Set());
    if (others > 0) void asked.then((late) => this.#meet(late));
    this.#company = new Company({
      isAlone: () => this.#isAlone,
      find: async (until) => {
        sources.hurry();
        this.#meet(await this.#askAuthority(until));
      },
      random: Math.random,
    });
    await this.#arrival(() => this.#isExpected(others), signal);
    if (this.#isAlone) this.#tellAlone(memory, others);
  }

  /** The machine says that it has joined as far as anyone could be reached. */
  ready(): void {
    if (!this.#isReady && this.#isAlone) this.#company?.hurry();
    this.#isReady = true;
    this.#look();
  }

  /** Somebody is in the view. */
  joined(): void {
    this.#look();
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#company?.stop();
    await this.#options.sources.stop();
  }

  /** A source has answered, or failed. */
  heard(): void {
    this.#look();
  }

  /** A source names these; `fresh` of them were not in its answer before. */
  discovered(entries: readonly string[], fresh: ReadonlySet<string>): void {
    const { member, ending } = this.#options;
    if (ending.aborted || entries.length === 0) return;
    if (!member.isInMotion) this.#early.push(...entries.slice(0, EARLY_MAX - this.#early.length));
    else {
      const { recipients, urgent } = chosen(entries, fresh, {
        isAlone: this.#isAlone,
        isLive: (to) => member.isLive(to),
      });
      member.contact(recipients, urgent);
    }
  }

  /** The authority names these though nobody is looked for: among them may be members of another island. */
  named(contacts: readonly Contact[]): void {
    const { member } = this.#options;
    this.#answered(contacts.length);
    const strange = contacts.filter(({ certificate }) => !member.isLive({ id: certificate.id, addresses: [] }));
    this.#meet(strange);
    if (strange.length > 0) member.contact([], recipients(strange.slice(0, URGENT_MAX)));
  }

  /** Where it hears of others, the authority first. */
  get infos(): readonly DiscoveryInfo[] {
    const { hasAuthority, sources } = this.#options;
    const [contacts, error] = typeof this.#asked === "number" ? [this.#asked, undefined] : [0, this.#asked.message];
    const authority = { source: "authority", contacts, answeredAt: this.#answeredAt, error, failures: this.#failures };
    return [...(hasAuthority ? [authority] : []), ...sources.infos];
  }

  get #isAlone(): boolean {
    return this.#options.member.machine.members().length === 0;
  }

  /** Others should be there, and asking again may find them. */
  #isExpected(others: number): boolean {
    const { hasAuthority, entryAddrs, sources } = this.#options;
    return sources.isPromising || (hasAuthority && (this.#asked !== 0 || others > 0 || entryAddrs.length > 0));
  }

  #arrival(isExpected: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        unwatch();
        this.#look = () => {};
      };
      const unwatch = onAbort(signal, () => {
        end();
        reject(signal.reason);
      });
      this.#look = () => {
        if (!this.#isReady || (this.#isAlone && isExpected() && !this.#isLate)) return;
        end();
        resolve();
      };
      const timer = setTimeout(() => {
        this.#isLate = true;
        this.#look();
      }, PATIENCE_MS);
      this.#look();
    });
  }

  /** An authority that is away is an alarm, and no contacts; told once for as long as it says the same. */
  async #askAuthority(signal: AbortSignal): Promise<readonly Contact[]> {
    const { reports, onAlarm } = this.#options;
    const before = this.#asked;
    try {
      const contacts = await reports.contacts(signal);
      this.#answered(contacts.length);
      this.#options.onContacts(contacts);
      return contacts;
    } catch (error) {
      if (signal.aborted) return [];
      this.#asked = asFirefliesError(error, "authority-failed");
      this.#failures += 1;
      const isNews = typeof before === "number" || before.code !== this.#asked.code;
      if (isNews) onAlarm(this.#asked);
      return [];
    } finally {
      this.#look();
    }
  }

  #answered(count: number): void {
    this.#asked = count;
    this.#failures = 0;
    this.#answeredAt = Date.now();
  }

  #meet(contacts: readonly Contact[]): void {
    const { member, ending } = this.#options;
    if (!ending.aborted && contacts.length > 0) member.meet(contacts);
  }

  /** Nothing is wrong with the first member of a network: the authority knows of nobody, and neither does it. */
  #tellAlone(memory: Memory, others: number): void {
    const { entryAddrs, hasAuthority, sources, onAlarm } = this.#options;
    const asked = sources.infos.filter(({ source }) => source !== "list");
    // One that says that there is nobody else has nothing wrong with it: this is the first member.
    const named = asked.filter(({ contacts, answeredAt, error }) => contacts > 0 || answeredAt === undefined || error);
    const reasons = [
      ...(typeof this.#asked === "number" ? [] : [`the authority named nobody (${this.#asked.code})`]),
      ...(typeof this.#asked === "number" && this.#asked > 0
        ? [unanswered(this.#asked, "that the authority named")]
        : []),
      ...(entryAddrs.length > 0 ? [`none of entry_addrs answered (${entryAddrs.join(", ")})`] : []),
      ...named.map(silence),
      ...(others > 0 ? [unanswered(others, "known from before")] : []),
      ...(memory.isLost && !hasAuthority ? ["those known from before are lost with the file members"] : []),
    ];
    const places = [
      ...(hasAuthority ? ["the authority"] : []),
      ...(asked.length > 0 ? ["its sources of contacts"] : []),
    ];
    if (reasons.length > 0) onAlarm(alone(reasons, places));
  }
}

function unanswered(count: number, which: string): string {
  return count === 1 ? `the member ${which} did not answer` : `none of the ${count} members ${which} answered`;
}

/** Why nobody was met by a source. */
function silence({ source, contacts, answeredAt, error }: DiscoveryInfo): string {
  if (error !== undefined) return `${source} failed (${error.replace(/\.$/, "")})`;
  if (answeredAt === undefined) return `${source} has not answered yet`;
  return unanswered(contacts, `that ${source} named`);
}

function alone(reasons: readonly string[], places: readonly string[]): FirefliesError {
  const next =
    places.length > 0
      ? `It goes on asking ${places.join(", ")} and those it knows.`
      : "It goes on trying those it knows.";
  const advice =
    places.length > 0 ? undefined : "Name members that run in entry_addrs (--entry), or the authority (ca_addr, --ca).";
  return new FirefliesError("alone", `This member has started and sees nobody: ${reasons.join("; ")}. ${next}`, {
    advice,
  });
}
