/**
 * How names become addresses: by the hosts file, by DNS over c-ares, and as a last resort by the system. Answers and
 * failures are remembered, look-ups shared; what one member's names cost is bounded, whatever they are.
 */
import { lookup } from "node:dns";
import { isIP } from "node:net";
import { FirefliesError } from "../../identity/index.js";
import { type Deadline, withDeadline } from "../deadline.js";
import { DialError } from "../transports/dial-error.js";
import { NameMemory } from "./name-memory.js";
import { type Answer, interleaved, type Outcome, queryName, TRY_MS } from "./name-query.js";
import { SYSTEM_FILES, type SystemFiles, SystemNames } from "./system-names.js";
import { type Job, Turns } from "./turns.js";

/** Names being looked up by DNS: a query holds a socket, and a silent one four seconds. */
const QUERY_LIMITS = { runningMax: 16, perAskerMax: 2, waitingPerAskerMax: 16, waitingMax: 512 };
/** By the system: each holds a thread of the four that file operations need, for ten seconds when nobody answers. */
const SYSTEM_LIMITS = { runningMax: 1, perAskerMax: 1, waitingPerAskerMax: 4, waitingMax: 32 };
/** How long the system's answer is used, which comes without a time of its own, milliseconds. */
const SYSTEM_TTL_MS = 30_000;
/** With an answer at hand that is merely old, a new one is waited for no longer than this, milliseconds. */
const OLD_ANSWER_MS = 500;
/** The asker of names of the configuration. */
const SELF = "";

export interface LookUpOptions extends Deadline {
  /** On whose account: what one member's names cost is bounded. Undefined for names of the configuration. */
  readonly asker?: string | undefined;
}

/** Looks names up. */
export interface Resolver {
  /**
   * The IP addresses of a host, IPv6 and IPv4 in turn, never empty; of an IP address itself. Rejects with a DialError
   * ("unresolved", "backoff", "timeout" or "cancelled").
   */
  addresses(host: string, options: LookUpOptions): Promise<readonly string[]>;
  /**
   * What is known now, without waiting; undefined when nothing is. An old or missing answer is looked up in the
   * background, within the same bounds.
   */
  known(host: string, asker?: string): readonly string[] | undefined;
}

/** The system's look-up: all addresses of a name, or an empty list. Never rejects. */
export type SystemLookUp = (name: string) => Promise<readonly string[]>;

export interface NameResolverOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** DNS servers, "address" or "address:port"; undefined for the system's. */
  readonly servers?: readonly string[] | undefined;
  /**
   * How long a server is waited for at first, milliseconds; a silent one keeps a name for about three times as long.
   */
  readonly tryMs?: number | undefined;
  readonly files?: SystemFiles | undefined;
  /** The last resort: mDNS, NIS and whatever else the system asks. Undefined for getaddrinfo. */
  readonly system?: SystemLookUp | undefined;
}

/** A look-up under way, shared by all who ask. */
interface Pending {
  readonly promise: Promise<readonly string[]>;
  readonly job: Job;
}

export class NameResolver implements Resolver {
  readonly #options: NameResolverOptions;
  readonly #names: SystemNames;
  readonly #memory: NameMemory;
  readonly #queries: Turns;
  readonly #system: Turns;
  readonly #pending = new Map<string, Pending>();
  readonly #closing = new AbortController();

  constructor(options: NameResolverOptions) {
    this.#options = options;
    this.#names = new SystemNames(options.files ?? SYSTEM_FILES, options.now);
    this.#memory = new NameMemory(options.now, SELF);
    this.#queries = new Turns(QUERY_LIMITS, SELF, options.now);
    this.#system = new Turns(SYSTEM_LIMITS, SELF, options.now);
  }

  /** Look-ups under way and waiting, and names remembered. */
  get figures(): { readonly running: number; readonly waiting: number; readonly remembered: number } {
    return { ...this.#queries.figures, remembered: this.#memory.size };
  }

  async addresses(host: string, { deadline, signal, asker = SELF }: LookUpOptions): Promise<readonly string[]> {
    const local = this.#local(host);
    if (local?.length === 0)
      throw new DialError("unresolved", host, { detail: "it is neither an IP address nor a name" });
    const name = host.toLowerCase();
    const ready = local ?? this.#memory.fresh(name);
    if (ready !== undefined) return ready;
    const old = this.#memory.usable(name);
    const patience = old === undefined ? deadline : Math.min(deadline, performance.now() + OLD_ANSWER_MS);
    try {
      return await withDeadline({ deadline: patience, signal }, () => this.#lookUp(name, asker));
    } catch (error) {
      const instead = signal?.aborted ? undefined : this.#memory.usable(name);
      if (instead !== undefined) return instead;
      throw asDialError(host, error);
    }
  }

  known(host: string, asker: string = SELF): readonly string[] | undefined {
    const local = this.#local(host);
    if (local !== undefined) return local.length > 0 ? local : undefined;
    const name = host.toLowerCase();
    const fresh = this.#memory.fresh(name);
    if (fresh !== undefined) return fresh;
    this.#lookUp(name, asker).catch(() => {}); // The next one who asks finds it, or the failure.
    return this.#memory.usable(name);
  }

  /** Ends everything that is under way. */
  close(): void {
    this.#closing.abort();
    this.#queries.clear();
    this.#system.clear();
  }

  /** What needs no look-up: IP addresses, names of this machine. Empty for what is no name. */
  #local(host: string): readonly string[] | undefined {
    if (isIP(host) !== 0) return [host];
    const name = host.toLowerCase().replace(/\.$/, "");
    // As URLs have it: "127.1" and "0x7f000001" are ways to write an address, which getaddrinfo takes as such.
    if (ENDS_IN_NUMBER.test(name)) return [];
    const found = this.#names.addresses(name);
    if (found !== undefined) return interleaved([6, 4].map((family) => found.filter((each) => isIP(each) === family)));
    // RFC 6761, section 6.3: these never leave the machine.
    return name === "localhost" || name.endsWith(".localhost") ? ["127.0.0.1", "::1"] : undefined;
  }

  /** The look-up that is under way, or a new one. Rejects with a DialError. */
  async #lookUp(name: string, asker: string): Promise<readonly string[]> {
    const pending = this.#pending.get(name);
    if (pending !== undefined) {
      // It may wait in the turn of somebody with many names: then it need not.
      if (!pending.job.started) this.#queries.add(asker, pending.job);
      return await pending.promise;
    }
    if (this.#closing.signal.aborted) throw new DialError("cancelled", name);
    const refusal = this.#memory.refusal(name, asker);
    if (refusal !== undefined) throw new DialError("backoff", name, { cause: refusal });
    return await this.#start(name, asker);
  }

  async #start(name: string, asker: string): Promise<readonly string[]> {
    let settle!: Settle;
    const promise = new Promise<readonly string[]>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const job: Job = { started: false, run: (by) => this.#query(name, by, settle) };
    this.#pending.set(name, { promise, job });
    if (!this.#queries.add(asker, job)) {
      settle.reject(new DialError("unresolved", name, { detail: "too many names are being looked up" }));
    }
    try {
      return await promise;
    } finally {
      this.#pending.delete(name);
    }
  }

  async #query(name: string, asker: string, settle: Settle): Promise<boolean> {
    const found = (answer: Answer) => this.#learn(name, asker, answer, settle);
    const names = this.#names.candidates(name);
    const { servers, tryMs = TRY_MS } = this.#options;
    const outcome = await queryName({ names, servers, tryMs, found, signal: this.#closing.signal });
    if (outcome === "found") return true;
    const isAsked = this.#maySystemSay(asker, outcome) && this.#askSystem(name, asker, outcome, settle);
    if (!isAsked) this.#fail(name, asker, outcome, settle);
    return false;
  }

  /** Names of others only when DNS has answered: where it is silent, the system would hold its thread for nothing. */
  #maySystemSay(asker: string, outcome: Outcome): boolean {
    if (this.#closing.signal.aborted) return false;
    return asker === SELF || (outcome !== "silent" && !this.#system.isBad(asker));
  }

  /** False when too many wait for it. */
  #askSystem(name: string, asker: string, outcome: Outcome, settle: Settle): boolean {
    const { system = getaddrinfo } = this.#options;
    const run = async () => {
      const addresses = await system(name);
      if (addresses.length > 0) this.#learn(name, asker, { addresses, ttlMs: SYSTEM_TTL_MS }, settle);
      else this.#fail(name, asker, outcome, settle);
      return addresses.length > 0;
    };
    return this.#system.add(asker, { started: false, run });
  }

  #learn(name: string, asker: string, answer: Answer, settle: Settle): void {
    this.#memory.learn(name, asker, answer);
    settle.resolve(answer.addresses);
  }

  #fail(name: string, asker: string, outcome: Outcome, settle: Settle): void {
    const error = new DialError("unresolved", name, { detail: WHY[outcome] });
    this.#memory.fail(name, asker, error);
    settle.reject(error);
  }
}

interface Settle {
  readonly resolve: (addresses: readonly string[]) => void;
  readonly reject: (error: DialError) => void;
}

/** WHATWG URL, section 3.5, "ends in a number". */
const ENDS_IN_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)$/;

const WHY: Readonly<Record<Outcome, string>> = {
  found: "",
  none: "there is no such name, or it has no address",
  failed: "the DNS servers could not say",
  silent: "the DNS servers did not answer",
};

function asDialError(host: string, error: unknown): DialError {
  if (error instanceof DialError) return error;
  const isCancelled = error instanceof FirefliesError && error.code === "cancelled";
  return new DialError(isCancelled ? "cancelled" : "timeout", host, { cause: error, detail: "looking its name up" });
}

function getaddrinfo(name: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    lookup(name, { all: true }, (error, found) => {
      const addresses = error === null ? found : [];
      resolve(
        interleaved(
          [6, 4].map((each) => addresses.filter(({ family }) => family === each).map(({ address }) => address)),
        ),
      );
    });
  });
}
