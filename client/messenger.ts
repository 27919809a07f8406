/** Signed, answered messages with any member: requesters on links that I made, responders on links made to me. */
import { FirefliesError, type Identity, type MemberCertificate } from "../identity/index.js";
import type { MemberId } from "../rings/index.js";
import type { Destination, LinkPool } from "./driver/link-pool.js";
import { withDeadline } from "./guard.js";
import { Budget, CONCURRENT_GOSSIP } from "./messages/budget.js";
import type { RequestKind } from "./messages/content.js";
import type { RequestOptions } from "./messages/request.js";
import { Requester } from "./messages/requester.js";
import { type Dispatch, Responder } from "./messages/responder.js";
import { FRAME_BYTES_SOFT } from "./messages/session.js";
import type { ByteDuplex, Link } from "./transport.js";

export interface MessengerOptions {
  readonly pool: LinkPool;
  readonly identity: () => Identity;
  readonly dispatch: Dispatch;
  /** Why this member may not talk to me now. Asked for every frame. */
  readonly refusal: (peer: MemberCertificate) => FirefliesError | undefined;
  /** Handlers at once. */
  readonly concurrent: number;
}

export interface Patience {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

export interface Question extends Patience {
  readonly onAnswer?: RequestOptions["onAnswer"];
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

export class Messenger {
  readonly #options: MessengerOptions;
  readonly #budgets: Readonly<Record<RequestKind, Budget>>;
  /** Two for each link, made when needed: while a large message passes, small ones go by another stream of the link. */
  readonly #requesters = { small: new WeakMap<Link, Requester>(), large: new WeakMap<Link, Requester>() };
  readonly #open = new Map<MemberId, Set<Requester | Responder>>();
  /** Messages that wait for a link. */
  readonly #dialling = new Set<Promise<void>>();
  /** Told when a responder has ended. */
  readonly #endListeners = new WeakMap<Responder, () => void>();
  #stopping = false;

  constructor(options: MessengerOptions) {
    this.#options = options;
    this.#budgets = {
      message: new Budget({ concurrent: options.concurrent }),
      gossip: new Budget({ concurrent: CONCURRENT_GOSSIP }),
    };
  }

  /** A link, there already or dialled. One dial serves all who wait for it, each with a patience of its own. */
  async link(to: Destination, patience: Patience): Promise<Link> {
    if (patience.signal?.aborted) throw new FirefliesError("cancelled");
    return this.#options.pool.linkTo(to) ?? (await withDeadline(patience, () => this.#options.pool.reach(to)));
  }

  /** `timeoutMs` covers dialling too. Rejects with a FirefliesError. */
  request(kind: RequestKind, to: Destination, data: Uint8Array, options: Question): Promise<Uint8Array> {
    const link = this.#options.pool.linkTo(to);
    if (link !== undefined) return this.#requesterOf(link, data).request(kind, data, options);
    return this.#dialAndRequest(kind, to, data, options);
  }

  async #dialAndRequest(kind: RequestKind, to: Destination, data: Uint8Array, options: Question): Promise<Uint8Array> {
    const startedAt = performance.now();
    const onAsked = kind === "message" ? this.#beginDialling() : () => {};
    try {
      const link = await this.link(to, options);
      if (to.id === undefined) options.found?.(link.peer.id);
      const timeoutMs = Math.max(1, options.timeoutMs - (performance.now() - startedAt));
      return this.#requesterOf(link, data).request(kind, data, { ...options, timeoutMs });
    } finally {
      onAsked();
    }
  }

  /** Returns what to call when the message is its requester's, or has failed. */
  #beginDialling(): () => void {
    let onAsked = () => {};
    const asked = new Promise<void>((resolve) => {
      onAsked = () => {
        this.#dialling.delete(asked);
        resolve();
      };
    });
    this.#dialling.add(asked);
    return onAsked;
  }

  accept(peer: MemberCertificate, duplex: ByteDuplex): void {
    if (this.#stopping) {
      duplex.destroy(new FirefliesError("member-stopping"));
      return;
    }
    const responder: Responder = new Responder({
      duplex,
      peer,
      identity: this.#options.identity(),
      dispatch: this.#options.dispatch,
      refusal: () => this.#options.refusal(peer),
      budgets: this.#budgets,
      onEnd: () => {
        this.#untrack(peer.id, responder);
        this.#endListeners.get(responder)?.();
      },
    });
    this.#track(peer.id, responder);
  }

  /**
   * Takes no new message of others from now on; the program's own are refused above. Resolves when all that was open has its
   * answer, and those who asked me have confirmed that theirs arrived.
   */
  async drain(): Promise<void> {
    this.#stopping = true;
    await Promise.all([this.#answered(), ...this.#ends(Responder).map((responder) => this.#drained(responder))]);
  }

  async #answered(): Promise<void> {
    await Promise.all(this.#dialling);
    await Promise.all(this.#ends(Requester).map((requester) => requester.settled()));
  }

  /** After `drain`: answers what others still wait for with a code, and ends what I wait for with "link-closed". */
  cut(): Cut {
    for (const budget of Object.values(this.#budgets)) budget.stop();
    let handlers = 0;
    for (const responder of this.#ends(Responder)) handlers += responder.cut();
    let messages = this.#dialling.size;
    for (const requester of this.#ends(Requester)) {
      messages += requester.messages;
      requester.close();
    }
    return { handlers, messages };
  }

  #drained(responder: Responder): Promise<void> | undefined {
    if (!responder.drain() || responder.ended) return undefined;
    return new Promise((resolve) => this.#endListeners.set(responder, resolve));
  }

  #ends<End extends Requester | Responder>(kind: abstract new (...args: never[]) => End): End[] {
    return [...this.#open.values()].flatMap((ends) => [...ends]).filter((end): end is End => end instanceof kind);
  }

  /** Ends all that is open with a member: it has left the view. */
  endAll(id: MemberId, error: FirefliesError): void {
    for (const end of [...(this.#open.get(id) ?? [])]) end.close(error);
  }

  close(error: FirefliesError): void {
    for (const id of [...this.#open.keys()]) this.endAll(id, error);
  }

  #requesterOf(link: Link, { length }: Uint8Array): Requester {
    const requesters = this.#requesters[length > FRAME_BYTES_SOFT ? "large" : "small"];
    const existing = requesters.get(link);
    if (existing && !existing.closed) return existing;
    const requester = new Requester({
      duplex: link.open("messages"),
      peer: link.peer,
      identity: this.#options.identity(),
      refusal: () => this.#options.refusal(link.peer),
    });
    requesters.set(link, requester);
    this.#track(link.peer.id, requester);
    requester.onClose(() => this.#untrack(link.peer.id, requester));
    return requester;
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
