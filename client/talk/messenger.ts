/** Signed, answered messages with any member: requesters on sessions that I use, responders for those of others. */
import { type ErrorCode, FirefliesError, type Identity, type MemberCertificate } from "../../identity/index.js";
import {
  type ByteDuplex,
  type Deadline,
  type Destination,
  deadlineIn,
  type Links,
  msUntil,
  RELAY_SCHEME,
  type Session,
  withDeadline,
} from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { Budget, CONCURRENT_GOSSIP } from "../messages/budget.js";
import type { RequestKind } from "../messages/content.js";
import { EarlyLinks } from "../messages/early-links.js";
import { LostLinks } from "../messages/lost-links.js";
import type { Request, RequestOptions } from "../messages/request.js";
import { Requester } from "../messages/requester.js";
import { type Dispatch, Responder } from "../messages/responder.js";
import { FRAME_BYTES_SOFT } from "../messages/session.js";
import { MESSAGES } from "../protocols.js";
import { codeOf } from "../traffic/tally.js";
import { Traffic } from "../traffic/traffic.js";
import { isUntried, isWay, persistently } from "./persistence.js";

/** How a session ends that does not let me in. */
const REFUSALS: ReadonlySet<string> = new Set<ErrorCode>(["peer-refused", "peer-removed"]);

export interface MessengerOptions {
  readonly links: Pick<Links, "usable" | "reach">;
  readonly identity: () => Identity;
  readonly dispatch: Dispatch;
  /** Why this member may not talk to me now. Asked for every frame. */
  readonly refusal: (peer: MemberCertificate) => FirefliesError | undefined;
  /** Handlers at once. */
  readonly concurrent: number;
  /** Where a member of the view is reached. */
  readonly destination: (id: MemberId) => Destination | undefined;
  readonly traffic?: Traffic | undefined;
}

export interface Patience {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

export interface Question extends Patience {
  readonly onAnswer?: RequestOptions["onAnswer"];
  readonly service?: string | undefined;
  readonly trace?: RequestOptions["trace"];
  readonly tally?: RequestOptions["tally"];
  /** Who proved itself at an address that was given without an id. Throws when nothing may be sent to it. */
  readonly found?: ((id: MemberId) => void) | undefined;
}

/** What was open when a stop could not wait any longer. */
export interface Cut {
  /** Handlers that had not answered. */
  readonly handlers: number;
  /** Messages of mine without an answer. */
  readonly messages: number;
}

/** A message that waits for a session. */
interface Dialling {
  /** With whom, if that is known. */
  readonly id: MemberId | undefined;
  /** A stop waits for it: it is no gossip. */
  readonly isAwaited: boolean;
  readonly asked: Promise<void>;
  readonly onAsked: () => void;
  /** One that is being made, whose other end is proven. */
  readonly ahead: Promise<Session>;
  readonly goAhead: (session: Session) => void;
  /** The dial under way. */
  dial: Promise<Session> | undefined;
}

export class Messenger {
  readonly #options: MessengerOptions;
  readonly #traffic: Traffic;
  readonly #budgets: Readonly<Record<RequestKind, Budget>>;
  /** Two for each session, made when needed: while a large message passes, small ones go by another stream of it. */
  readonly #requesters = { small: new WeakMap<Session, Requester>(), large: new WeakMap<Session, Requester>() };
  readonly #open = new Map<MemberId, Set<Requester | Responder>>();
  /** Messages that wait for a session. */
  readonly #dialling = new Set<Dialling>();
  /** Told when a responder has ended. */
  readonly #endListeners = new WeakMap<Responder, () => void>();
  readonly #lost = new LostLinks();
  /** Sessions that messages went over before the other end had let this member in, and the dial that they are of. */
  readonly #ahead = new WeakMap<Session, Promise<Session> | undefined>();
  readonly #early = new EarlyLinks(() => performance.now());
  readonly #over = new AbortController();
  #stopping = false;

  constructor(options: MessengerOptions) {
    this.#options = options;
    this.#traffic = options.traffic ?? new Traffic();
    this.#budgets = {
      message: new Budget({ concurrent: options.concurrent }),
      gossip: new Budget({ concurrent: CONCURRENT_GOSSIP }),
    };
  }

  /** A session, there already or dialled. One dial serves all who wait for it, each with a patience of its own. */
  async reach(to: Destination, { signal, timeoutMs }: Patience): Promise<Session> {
    if (signal?.aborted) throw new FirefliesError("cancelled");
    return (
      this.#options.links.usable(to) ??
      (await this.#options.links.reach(to, { signal, deadline: deadlineIn(timeoutMs) }))
    );
  }

  /** `timeoutMs` covers dialling too. Rejects with a FirefliesError. */
  request(kind: RequestKind, to: Destination, data: Uint8Array, options: Question): Promise<Uint8Array> {
    options.tally?.began(data.length);
    const session = this.#options.links.usable(to);
    if (session !== undefined) return this.#requesterOf(session, data).request(kind, data, options);
    return this.#dialAndRequest(kind, to, data, options);
  }

  async #dialAndRequest(kind: RequestKind, to: Destination, data: Uint8Array, options: Question): Promise<Uint8Array> {
    const since = performance.now();
    const waiting = this.#beginDialling(to.id, kind);
    const asked = new AbortController();
    try {
      const session = await this.#sessionWith(to, options, waiting, asked.signal).catch((error: unknown) => {
        options.tally?.failed(codeOf(error), performance.now() - since);
        throw error;
      });
      const timeoutMs = Math.max(1, options.timeoutMs - (performance.now() - since));
      return this.#requesterOf(session, data).request(kind, data, { ...options, timeoutMs, since });
    } finally {
      waiting.onAsked();
      asked.abort();
    }
  }

  async #sessionWith(to: Destination, options: Question, waiting: Dialling, asked: AbortSignal): Promise<Session> {
    const dial = this.#reachPatiently(to, options, waiting, asked);
    const session = await Promise.race([dial, waiting.ahead]);
    if (to.id === undefined) options.found?.(session.peer.id);
    return session;
  }

  /**
   * Relays that failed with a member a moment ago are left alone. Their word is no evidence, so a message to a member that has
   * relays waits for them.
   */
  #reachPatiently(
    to: Destination,
    { signal, timeoutMs }: Patience,
    waiting: Dialling,
    asked: AbortSignal,
  ): Promise<Session> {
    const until = { deadline: deadlineIn(timeoutMs), signals: [signal, asked, this.#over.signal] };
    const newest = () => (to.id === undefined ? to : (this.#options.destination(to.id) ?? to));
    const reach = () => {
      waiting.dial = this.reach(newest(), { signal, timeoutMs: msUntil(until.deadline) });
      return waiting.dial;
    };
    const goesOn = (failure: unknown) => waiting.isAwaited && isUntried(failure) && isRelayed(newest());
    return persistently(reach, until, goesOn);
  }

  /** `onAsked` is to be called when the message is its requester's, or has failed. */
  #beginDialling(id: MemberId | undefined, kind: RequestKind): Dialling {
    let [onAsked, goAhead] = [() => {}, (_: Session) => {}];
    const asked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    const ahead = new Promise<Session>((resolve) => {
      goAhead = resolve;
    });
    const isAwaited = kind === "message";
    const dialling: Dialling = { id, asked, ahead, goAhead, onAsked, isAwaited, dial: undefined };
    asked.then(() => this.#dialling.delete(dialling));
    this.#dialling.add(dialling);
    return dialling;
  }

  /**
   * The other end of a session that is being made is proven, and will let this member in within a round trip, or refuse it. What
   * waits for it goes ahead: with TLS's last word. What is lost with it is asked again over the one that there is then.
   */
  greet(session: Session): void {
    const { peer } = session;
    const waiting = [...this.#dialling].filter(({ id }) => id === peer.id);
    if (waiting.length === 0 || this.#options.refusal(peer) !== undefined) return;
    const [dial] = waiting.flatMap((each) => each.dial ?? []);
    this.#ahead.set(session, dial);
    for (const { goAhead } of waiting) goAhead(session);
  }

  accept(peer: MemberCertificate, duplex: ByteDuplex): void {
    if (this.#stopping && !this.isAskedAgain(peer.id)) {
      duplex.destroy(new FirefliesError("member-stopping"));
      return;
    }
    const traffic = this.#traffic;
    const responder: Responder = new Responder({
      duplex,
      peer,
      identity: this.#options.identity(),
      dispatch: this.#options.dispatch,
      refusal: () => this.#options.refusal(peer),
      budgets: this.#budgets,
      traffic: { message: traffic.messages.answered, gossip: traffic.gossip.answered },
      checks: traffic.signatures.frame,
      lost: {
        add: (link, lost) => this.#lost.add(peer.id, link, lost),
        get: (link) => this.#lost.get(peer.id, link) ?? this.#responderOf(peer.id, link),
        came: (link) => this.#early.came(peer.id, link),
        neverCame: (link, begunAt) => this.#early.neverCame(peer.id, link, begunAt),
      },
      onEnd: () => {
        this.#untrack(peer.id, responder);
        this.#endListeners.get(responder)?.();
      },
    });
    if (this.#stopping) responder.takeNoNew();
    this.#track(peer.id, responder);
  }

  /** While a stop waits for what runs: may this member ask again for what a lost link of its had brought? */
  isAskedAgain(id: MemberId): boolean {
    return this.#stopping && this.#lost.isOpen(id);
  }

  /**
   * Takes no new message of others from now on; the program's own are refused above. Resolves when all that was open has its
   * answer, and those who asked me have confirmed that theirs arrived.
   */
  async drain(): Promise<void> {
    this.#stopping = true;
    const drained = () => this.#ends(Responder).map((responder) => this.#drained(responder));
    await Promise.all([this.#answered(), ...drained()]);
    // Of links that were lost, maybe meanwhile, and then those over which was asked again.
    while (this.#lost.isBusy) {
      await this.#lost.idle();
      await Promise.all(drained());
    }
  }

  async #answered(): Promise<void> {
    await Promise.all([...this.#dialling].flatMap(({ asked, isAwaited }) => (isAwaited ? asked : [])));
    await Promise.all(this.#ends(Requester).map((requester) => requester.settled()));
  }

  /** After `drain`: answers what others still wait for with a code, and ends what I wait for with "link-closed". */
  cut(): Cut {
    for (const budget of Object.values(this.#budgets)) budget.stop();
    let handlers = this.#lost.cut();
    for (const responder of this.#ends(Responder)) handlers += responder.cut();
    let messages = [...this.#dialling].filter(({ isAwaited }) => isAwaited).length;
    for (const requester of this.#ends(Requester)) {
      messages += requester.messages;
      requester.close();
    }
    return { handlers, messages };
  }

  #drained(responder: Responder): Promise<void> | undefined {
    if (responder.ended || !responder.drain() || responder.ended) return undefined;
    return new Promise((resolve) => this.#endListeners.set(responder, resolve));
  }

  #ends<End extends Requester | Responder>(kind: abstract new (...args: never[]) => End): End[] {
    return [...this.#open.values()].flatMap((ends) => [...ends]).filter((end): end is End => end instanceof kind);
  }

  /** Ends all that is open with a member: it has left the view. */
  endAll(id: MemberId, error: FirefliesError): void {
    for (const end of [...(this.#open.get(id) ?? [])]) end.close(error);
    this.#lost.endAll(id);
  }

  close(error: FirefliesError): void {
    this.#over.abort();
    for (const id of [...this.#open.keys()]) this.endAll(id, error);
    this.#lost.close();
  }

  #requesterOf(session: Session, { length }: Uint8Array): Requester {
    const requesters = this.#requesters[length > FRAME_BYTES_SOFT ? "large" : "small"];
    const existing = requesters.get(session);
    if (existing && !existing.closed) return existing;
    const requester = new Requester({
      duplex: session.open(MESSAGES),
      peer: session.peer,
      identity: this.#options.identity(),
      isEarly: this.#ahead.has(session),
      refusal: () => this.#options.refusal(session.peer),
      checks: this.#traffic.signatures.frame,
      onLost: (requests, error) => {
        const dial = this.#ahead.get(session);
        for (const request of requests) void this.#askAgain(request, session.peer.id, error, dial);
      },
    });
    requesters.set(session, requester);
    this.#track(session.peer.id, requester);
    const unwatch = session.onSuperseded(() => requester.retire());
    requester.onClose(() => {
      unwatch();
      this.#untrack(session.peer.id, requester);
    });
    return requester;
  }

  /**
   * The link was lost before the answer came: the message goes over another one, and is handled once. `dial`: of a link that was
   * begun before the other end had let me in.
   */
  async #askAgain(request: Request, id: MemberId, error: FirefliesError, dial?: Promise<Session>): Promise<void> {
    const { deadline, signal } = request;
    const { onAsked } = this.#beginDialling(id, "message");
    try {
      const refusal = await refusalOf(dial, request);
      if (refusal !== undefined && request.isUngreeted) {
        request.reject(refusal);
        return;
      }
      const until = { deadline, signals: [signal, this.#over.signal] };
      const goesOn = (failure: unknown) => failure !== error && isWay(failure);
      await persistently(() => this.#resume(request, id, error), until, goesOn, request.askedAgain++);
    } catch (failure) {
      // Whether it was handled is not known; why there was no other way is the cause.
      const lost = new FirefliesError(error.code, error.message, { cause: failure, advice: error.advice });
      request.reject(signal?.aborted ? new FirefliesError("cancelled") : lost);
    } finally {
      onAsked();
    }
  }

  /** Throws `error` when the member has left the view. */
  async #resume(request: Request, id: MemberId, error: FirefliesError): Promise<void> {
    const { destination, links } = this.#options;
    const to = destination(id);
    if (to === undefined) throw error;
    const session = links.usable(to) ?? (await links.reach(to, request));
    this.#requesterOf(session, request.payload).resume(request);
  }

  #responderOf(id: MemberId, link: string): Responder | undefined {
    for (const end of this.#open.get(id) ?? []) if (end instanceof Responder && end.link === link) return end;
    return undefined;
  }

  #track(id: MemberId, end: Requester | Responder): void {
    const open = this.#open.get(id) ?? new Set();
    this.#open.set(id, open.add(end));
  }

  #untrack(id: MemberId, end: Requester | Responder): void {
    const open = this.#open.get(id);
    open?.delete(end);
    if (open?.size === 0) this.#open.delete(id);
  }
}

/** Of a session that did not let me in: what had gone ahead over it was not handled. */
async function refusalOf(dial: Promise<Session> | undefined, until: Deadline): Promise<FirefliesError | undefined> {
  try {
    if (dial !== undefined) await withDeadline(until, () => dial);
  } catch (failure) {
    const isRefusal = failure instanceof FirefliesError && REFUSALS.has(failure.code);
    return isRefusal ? failure : undefined;
  }
  return undefined;
}

function isRelayed({ addresses }: Destination): boolean {
  return addresses.some((address) => address.startsWith(`${RELAY_SCHEME}:`));
}
