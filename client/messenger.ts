/** Signed, answered messages with any member: requesters on sessions that I use, responders for those of others. */
import { FirefliesError, type Identity, type MemberCertificate } from "../identity/index.js";
import { type ByteDuplex, type Destination, deadlineIn, type Links, type Session } from "../net/index.js";
import type { MemberId } from "../rings/index.js";
import { Budget, CONCURRENT_GOSSIP } from "./messages/budget.js";
import type { RequestKind } from "./messages/content.js";
import type { RequestOptions } from "./messages/request.js";
import { Requester } from "./messages/requester.js";
import { type Dispatch, Responder } from "./messages/responder.js";
import { FRAME_BYTES_SOFT } from "./messages/session.js";
import { MESSAGES } from "./protocols.js";

export interface MessengerOptions {
  readonly links: Pick<Links, "usable" | "reach">;
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
}

export class Messenger {
  readonly #options: MessengerOptions;
  readonly #budgets: Readonly<Record<RequestKind, Budget>>;
  /** Two for each session, made when needed: while a large message passes, small ones go by another stream of it. */
  readonly #requesters = { small: new WeakMap<Session, Requester>(), large: new WeakMap<Session, Requester>() };
  readonly #open = new Map<MemberId, Set<{ close(error?: FirefliesError): void }>>();

  constructor(options: MessengerOptions) {
    this.#options = options;
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
    const session = this.#options.links.usable(to);
    if (session === undefined) return this.#dialAndRequest(kind, to, data, options);
    return this.#requesterOf(session, data).request(kind, data, options);
  }

  async #dialAndRequest(kind: RequestKind, to: Destination, data: Uint8Array, options: Question): Promise<Uint8Array> {
    const startedAt = performance.now();
    const session = await this.reach(to, options);
    const timeoutMs = Math.max(1, options.timeoutMs - (performance.now() - startedAt));
    return await this.#requesterOf(session, data).request(kind, data, { ...options, timeoutMs });
  }

  accept(peer: MemberCertificate, duplex: ByteDuplex): void {
    const responder: Responder = new Responder({
      duplex,
      peer,
      identity: this.#options.identity(),
      dispatch: this.#options.dispatch,
      refusal: () => this.#options.refusal(peer),
      budgets: this.#budgets,
      onEnd: () => this.#untrack(peer.id, responder),
    });
    this.#track(peer.id, responder);
  }

  /** Ends all that is open with a member: it has left the view. */
  endAll(id: MemberId, error: FirefliesError): void {
    for (const end of [...(this.#open.get(id) ?? [])]) end.close(error);
  }

  close(error: FirefliesError): void {
    for (const id of [...this.#open.keys()]) this.endAll(id, error);
  }

  #requesterOf(session: Session, { length }: Uint8Array): Requester {
    const requesters = this.#requesters[length > FRAME_BYTES_SOFT ? "large" : "small"];
    const existing = requesters.get(session);
    if (existing && !existing.closed) return existing;
    const requester = new Requester({
      duplex: session.open(MESSAGES),
      peer: session.peer,
      identity: this.#options.identity(),
      refusal: () => this.#options.refusal(session.peer),
    });
    requesters.set(session, requester);
    this.#track(session.peer.id, requester);
    requester.onClose(() => this.#untrack(session.peer.id, requester));
    return requester;
  }

  #track(id: MemberId, end: { close(error?: FirefliesError): void }): void {
    const open = this.#open.get(id) ?? new Set();
    this.#open.set(id, open.add(end));
  }

  #untrack(id: MemberId, end: { close(error?: FirefliesError): void }): void {
    const open = this.#open.get(id);
    open?.delete(end);
    if (open?.size === 0) this.#open.delete(id);
  }
}
