/**
 * One member of several does a job: the leader, by rendezvous hashing over the view. A view is no lock: while views differ two
 * members may lead, for seconds after a crash, for as long as a partition lasts. What must not be done twice is guarded by the
 * resource: each term has a fencing token that is higher than those before, and a `Fence` refuses the lower ones.
 */
import { requireName } from "../../client/offers/name.js";
import type { Member, Sender } from "../../client/types.js";
import { FirefliesError, outOfRange, ReplyError } from "../../identity/index.js";
import { pause } from "../../net/index.js";
import { isAllowed, parseAccess } from "../access.js";
import { ASK_MS, Candidacy, type ElectionOutput, type Instant, type TermEnd } from "./candidacy.js";
import { parseToken } from "./token.js";
import { type CoordinationClient, endOf, guarded, inOrder, type Taking, takingPart, watchView } from "./view.js";

/** A leader whose `lead` failed lets others lead for so long, milliseconds. */
export const ASIDE_MS = 10_000;

/** How often somebody is told a token that it does not acknowledge, a second apart and more: the way to it is found by then, or it is gone. */
const TELLS_MAX = 10;

/** Trouble of one kind is told at most so often, milliseconds: a liar must not fill a log. */
const TOLD_MS = 60_000;
/** By its rules I may not stand: another try changes nothing. */
const NOT_A_CANDIDATE = "not-a-candidate";

/** What a leader is told. */
export interface Leading {
  /** Of this term: text that is higher, compared as text, with each term of the job. */
  readonly token: string;
  /** Fires when the term is over; its reason says why. Stop then: another member may lead already. */
  readonly signal: AbortSignal;
}

export interface ElectOptions {
  /**
   * Does the job, each time that this member begins to lead. When it returns the member leads on, with nothing to do; when it
   * throws or rejects, the member stands aside for ten seconds, and others lead. A later term waits until it has returned. Without
   * it this member never leads, and only sees who does.
   */
  readonly lead?: ((leading: Leading) => Promise<void> | void) | undefined;
  /** Who may lead, by the rules of forwards: `["worker-*"]`. All members must be given the same ones. Everybody by default. */
  readonly allow?: readonly string[] | undefined;
  /**
   * Leads only while so many of those that may lead are live, itself included: with more than half of all that there are, a smaller
   * part of a parted network has no leader. 1 by default.
   */
  readonly atLeast?: number | undefined;
  /** What `lead` throws. Without it that is an unhandled rejection of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * Told of what the election survives, each kind at most once a minute: "election-refused" when another one's `allow` keeps me out,
   * "election-disbelieved" when somebody names a term far ahead of this clock, "name-taken" when this member cannot stand again.
   * Without it each is a warning of the process.
   */
  readonly onTrouble?: ((error: FirefliesError) => void) | undefined;
  /** Ends it, as `close` does. */
  readonly signal?: AbortSignal | undefined;
}

/** An election that this member takes part in, or watches. */
export interface Election extends AsyncDisposable {
  /** Who leads, in this member's view; undefined when nobody may. */
  readonly leader: Member | undefined;
  /** Those that stand, in the order in which they would lead. */
  readonly candidates: readonly Member[];
  /** The token of my term; undefined while I do not lead. */
  readonly token: string | undefined;
  /** A resource has refused my token, as it has seen this higher one: my term ends, and the next one has a higher token. */
  outranked(token: string): void;
  /** Stands no more. Resolves when `lead` has returned. */
  close(): Promise<void>;
}

/**
 * `elect(client, "nightly-report", { lead: async ({ token, signal }) => { ... } })` on each member that may do it. All that have the
 * same view see the same leader. Throws "not-started", "name-invalid", "name-taken", "access-invalid", and a RangeError for `atLeast`.
 */
export function elect(client: CoordinationClient, job: string, options: ElectOptions = {}): Election {
  requireName(job, "job");
  void client.self; // Throws before the client has started.
  const { atLeast = 1 } = options;
  if (!Number.isInteger(atLeast) || atLeast < 1) throw outOfRange(`atLeast is 1 or more, not ${atLeast}.`);
  return new RunningElection(client, job, options);
}

class RunningElection implements Election {
  readonly #client: CoordinationClient;
  readonly #job: string;
  readonly #options: ElectOptions;
  readonly #taking: Taking;
  readonly #closing = new AbortController();
  readonly #watching: Promise<void>;
  #candidacy: Candidacy | undefined;
  /** Takes the handler out, and me out of those that stand. */
  #offering: AbortController | undefined;
  #isCutOff = false;
  #term: AbortController | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #aside: NodeJS.Timeout | undefined;
  /** Trouble, by its code. */
  readonly #toldAt = new Map<string, number>();

  constructor(client: CoordinationClient, job: string, options: ElectOptions) {
    this.#client = client;
    this.#job = job;
    this.#options = options;
    this.#taking = { service: `election/${job}`, rules: parseAccess(options.allow ?? ["*"]) };
    if (options.lead) this.#stand();
    const ending = endOf(client, this.#closing.signal, options.signal, () => this.close());
    this.#watching = watchView(client, ending, (reason) => {
      // Who hears nobody may be the only one left: `atLeast` says what that is worth. Otherwise the others have another leader.
      this.#isCutOff = reason !== undefined && reason !== "nobody";
      this.#viewed();
    });
    this.#watching.catch(() => {}); // Not started yet, or stopped: `close` tells nobody anything new.
  }

  get candidates(): readonly Member[] {
    return inOrder(this.#job, takingPart(this.#client, this.#taking, this.#mayLead));
  }

  get leader(): Member | undefined {
    const { candidates } = this;
    return candidates.length >= (this.#options.atLeast ?? 1) ? candidates[0] : undefined;
  }

  get token(): string | undefined {
    return this.#candidacy?.token;
  }

  outranked(token: string): void {
    this.#input((candidacy, at) => candidacy.heard(token, at));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#aside);
    this.#offering?.abort();
    this.#input((candidacy, at) => candidacy.standing([], at));
    clearTimeout(this.#timer);
    await this.#work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #mayLead(): boolean {
    return (
      this.#offering?.signal.aborted === false && !this.#isCutOff && isAllowed(this.#taking.rules, this.#client.self)
    );
  }

  #stand(): void {
    const offering = new AbortController();
    const { signal } = offering;
    this.#client.serve(this.#taking.service, (data, { from }) => this.#answer(data, from), { signal });
    this.#offering = offering;
  }

  /** Asked or told by another one that stands: it names the highest token that it knows, and so do I. */
  #answer(data: Uint8Array, from: Sender): Uint8Array {
    const member = this.#client.member(from.id);
    if (member === undefined) throw new ReplyError("You are not in my view.", { code: "not-in-view" });
    if (!isAllowed(this.#taking.rules, member))
      throw new ReplyError("You may not stand for this job.", { code: NOT_A_CANDIDATE });
    this.outranked(new TextDecoder().decode(data));
    return new TextEncoder().encode(this.#candidacy?.highest ?? "");
  }

  #viewed(): void {
    if (this.#offering === undefined) return;
    this.#candidacy ??= new Candidacy(this.#client.id);
    const { candidates } = this;
    const order = candidates.length >= (this.#options.atLeast ?? 1) ? candidates.map(({ id }) => id) : [];
    this.#input((candidacy, at) => candidacy.standing(order, at));
  }

  #input(tell: (candidacy: Candidacy, at: Instant) => void): void {
    if (this.#candidacy === undefined) return;
    tell(this.#candidacy, { now: performance.now(), wall: Date.now() });
    for (const output of this.#candidacy.takeOutputs()) this.#carryOut(output);
    clearTimeout(this.#timer);
    const { deadline } = this.#candidacy;
    if (deadline === undefined) return;
    const waitMs = Math.max(1, deadline - performance.now());
    this.#timer = setTimeout(() => this.#input((candidacy, at) => candidacy.tick(at)), waitMs).unref();
  }

  #carryOut(output: ElectionOutput): void {
    if (output.kind === "began") this.#began(output.token);
    else if (output.kind === "ended") this.#ended(output.reason);
    else if (output.kind === "disbelieved") this.#trouble(disbelieved(this.#job, output.token));
    else void this.#send(output);
  }

  async #send({ kind, to, token }: Extract<ElectionOutput, { kind: "ask" | "tell" }>): Promise<void> {
    const { signal } = this.#closing;
    const options = { service: this.#taking.service, timeout: ASK_MS, signal };
    const said = new TextEncoder().encode(token);
    let reply: Uint8Array | undefined;
    // Right after a split the way to the other one may not be there yet. Who was asked says so by its silence.
    for (let tries = kind === "tell" ? TELLS_MAX : 1; reply === undefined && tries > 0; tries--) {
      const answer = await this.#client.sendToId(to, said, options).catch((error: unknown) => error);
      if (answer instanceof Uint8Array) reply = answer;
      else if (answer instanceof ReplyError && answer.code === NOT_A_CANDIDATE) {
        this.#trouble(refused(this.#job, this.#client.member(to)?.name ?? to));
        break;
      }
      if (reply === undefined && tries > 1) await pause(ASK_MS, signal);
      if (signal.aborted || this.#client.member(to) === undefined) break;
    }
    this.#input((candidacy, at) => {
      if (reply !== undefined) candidacy.heard(new TextDecoder().decode(reply), at);
      candidacy.answered(to, at);
    });
  }

  #began(token: string): void {
    const term = new AbortController();
    this.#term = term;
    const { lead, onError } = this.#options;
    this.#work = this.#work.then(async () => {
      if (term.signal.aborted) return;
      const isDone = await guarded(() => lead?.({ token, signal: term.signal }), onError);
      if (!isDone && !term.signal.aborted) this.#standAside();
    });
  }

  #ended(reason: TermEnd): void {
    this.#term?.abort(new Error(`The term is over: ${reason}.`));
  }

  #standAside(): void {
    if (this.#closing.signal.aborted) return;
    this.#offering?.abort();
    this.#viewed();
    this.#standLater();
  }

  #standLater(): void {
    this.#aside = setTimeout(() => {
      try {
        this.#stand();
        this.#viewed();
      } catch (error) {
        // The program has served the name itself meanwhile.
        this.#trouble(error instanceof FirefliesError ? error : new FirefliesError("handler-failed", String(error)));
        this.#standLater();
      }
    }, ASIDE_MS).unref();
  }

  #trouble(error: FirefliesError): void {
    const now = performance.now();
    if (now - (this.#toldAt.get(error.code) ?? Number.NEGATIVE_INFINITY) < TOLD_MS) return;
    this.#toldAt.set(error.code, now);
    const { onTrouble } = this.#options;
    if (onTrouble) onTrouble(error);
    else process.emitWarning(`${error.message} ${error.advice}`, { code: error.code });
  }
}

function disbelieved(job: string, token: string): FirefliesError {
  const leader = parseToken(token)?.leader.slice(0, 12);
  return new FirefliesError(
    "election-disbelieved",
    `For the job ${job} somebody named a term of ${leader} that is far ahead.`,
  );
}

function refused(job: string, title: string): FirefliesError {
  return new FirefliesError("election-refused", `${title} refuses this member as a candidate for the job ${job}.`);
}
