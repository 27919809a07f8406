/**
 * Streams of the application: counted per member, cut when a member leaves the view, and with handlers that cannot take
 * the process down. The bytes themselves are the session's duplexes (net/session/session.ts): back-pressure and half-close are
 * theirs.
 */
import { FirefliesError, type MemberCertificate, ReplyError } from "../../identity/index.js";
import type { ByteDuplex, Session } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { LastingStreams } from "../lasting/lasting-streams.js";
import { mayBegin, type Places } from "../messages/shares.js";
import { nameShown } from "../offers/name.js";
import { ASKED_STREAM, STREAM } from "../protocols.js";
import type { Followed } from "../traffic/following.js";
import { codeOf, OK, type Tally } from "../traffic/tally.js";
import { traceText } from "../traffic/trace-context.js";
import { Traffic, type Ways } from "../traffic/traffic.js";
import { inOrder } from "./stream-end.js";

/**
 * Streams of one protocol that one member may have open here, unless its handler says otherwise; of those without a protocol,
 * either way. A reader that has stopped holds about 2 MiB at each end; what all hold together has a bound of its own
 * (net/session/budget.ts).
 */
export const STREAMS_PER_PEER_MAX = 32;
/** Streams of all protocols open at once with one member, either way: the connections of two busy browsers. */
export const STREAMS_OF_PEER_MAX = 256;
/**
 * Streams open at once with all members: eight that use all theirs, and as many streams again for members that have few
 * or none (shares.ts).
 */
const STREAMS: Places = { shared: 2048, reserved: 2048 };

export interface StreamLimits {
  /** Of those without a protocol. */
  readonly perPeerMax: number;
  readonly ofPeerMax: number;
  readonly places: Places;
}

/** What takes the streams of one protocol. */
export interface Offered {
  readonly handler: StreamHandler;
  /** Streams of it that one member may have open here. */
  readonly perPeerMax: number;
  /** The handler says itself when it has taken a stream; else it has when it is called. */
  readonly acceptsLater?: boolean | undefined;
}

export interface OpenStreamOptions {
  /** Destroys the stream with "cancelled". */
  readonly signal?: AbortSignal | undefined;
  /** Of the protocol; empty for none. */
  readonly name?: string | undefined;
  /** Its first message is empty, and says that the other side has taken it. */
  readonly isAsked?: boolean | undefined;
  /** Told how it ends. Its context goes along. */
  readonly followed?: Followed | undefined;
  /** For a stream that outlives its connections: a session with the member. Rejects with a FirefliesError. */
  readonly reach?: ((signal: AbortSignal) => Promise<Session>) | undefined;
}

export interface StreamContext {
  readonly from: MemberCertificate;
  /** Fires when the stream has ended, in whatever way. */
  readonly signal: AbortSignal;
  /** Tells an opener that waits for it that the stream was taken; once, and before anything is written. */
  accept(): void;
  /** What the opener says of a trace. */
  readonly trace: string;
}

/** A `ReplyError` that it throws ends the stream, there too; anything else ends it with "handler-failed". */
export type StreamHandler = (stream: ByteDuplex, context: StreamContext) => Promise<void> | void;

interface About {
  readonly protocol: string;
  readonly openedHere: boolean;
}

/** Streams of one protocol with one member. */
export interface OpenStreams {
  /** "" for those without a protocol. */
  readonly protocol: string;
  /** This member opened them. */
  readonly openedHere: boolean;
  readonly count: number;
}

export class Streams {
  readonly #open = new Map<MemberId, Set<ByteDuplex>>();
  /** How many are open by member and protocol: of those without one all, of others those that the member opened. */
  readonly #counts = new Map<string, number>();
  /** What each open one is. */
  readonly #about = new Map<ByteDuplex, About>();
  readonly #limits: StreamLimits;
  readonly #traffic: Ways;
  readonly #lasting = new LastingStreams();
  /** Handlers that run, some of them longer than their stream. */
  readonly #handlers = new Map<ByteDuplex, Promise<void>>();
  /** While the member stops: what is waited for. */
  readonly #awaited = new Set<ByteDuplex>();
  #size = 0;
  #stopping = false;

  constructor(limits: Partial<StreamLimits> = {}, traffic: Pick<Traffic, "streams"> = new Traffic()) {
    this.#traffic = traffic.streams;
    this.#limits = { perPeerMax: STREAMS_PER_PEER_MAX, ofPeerMax: STREAMS_OF_PEER_MAX, places: STREAMS, ...limits };
  }

  /** Streams open now, with everyone. */
  get size(): number {
    return this.#size;
  }

  /** Those that are open with this member, by protocol and by who opened them. */
  with(id: MemberId): readonly OpenStreams[] {
    const found = new Map<string, OpenStreams>();
    for (const stream of this.#open.get(id) ?? []) {
      const { protocol = "", openedHere = false } = this.#about.get(stream) ?? {};
      const key = `${openedHere} ${protocol}`;
      found.set(key, { protocol, openedHere, count: (found.get(key)?.count ?? 0) + 1 });
    }
    return [...found.values()];
  }

  /** Is a stream open with this member? */
  isOpenWith(id: MemberId): boolean {
    return this.#open.has(id);
  }

  /** Opens a stream to the member at the other end of a session. Throws "overloaded" when too many are open, or "member-stopping". */
  open(session: Session, { signal, name = "", isAsked = false, followed, reach }: OpenStreamOptions = {}): ByteDuplex {
    const { id } = session.peer;
    if (this.#stopping) throw new FirefliesError("member-stopping", "stop() was called: no new stream is opened.");
    if (this.#full(id) || (name === "" && this.#isUsedUp(id, name, this.#limits.perPeerMax))) throw tooMany();
    const trace = traceText(followed?.context);
    const stream = reach
      ? this.#lasting.open(session, { reach, signal, name, trace })
      : session.open(isAsked ? ASKED_STREAM : STREAM, { signal, name, trace });
    if (followed) stream.once("close", () => followed.end(codeOfEnd(stream)));
    this.#track(id, stream, { protocol: name, openedHere: true }, this.#traffic.asked.own(name));
    if (name === "") this.#count(id, name, stream);
    return stream;
  }

  /** Hands an incoming stream to its handler, or ends it with why there is none. `isAsked`: it waits for a first word. */
  accept(
    peer: MemberCertificate,
    stream: ByteDuplex,
    name: string,
    offered: Offered | FirefliesError,
    { isAsked = false, trace = "" }: { readonly isAsked?: boolean; readonly trace?: string } = {},
  ): void {
    const taken = this.#taken(peer.id, name, offered);
    if (taken instanceof FirefliesError) {
      const tally = this.#traffic.answered.of(name || undefined);
      tally.came(0);
      tally.failed(taken.code, 0);
      stream.destroy(taken);
      return;
    }
    this.#count(peer.id, name, stream);
    const context = new HandlerContext(peer, stream, isAsked, trace);
    if (!taken.acceptsLater) context.accept();
    this.#handle(stream, taken.handler, context, name);
  }

  /** What takes a stream that comes, or why nothing does. */
  #taken(id: MemberId, name: string, offered: Offered | FirefliesError): Offered | FirefliesError {
    if (this.#stopping) return new FirefliesError("member-stopping");
    if (offered instanceof FirefliesError) return offered;
    if (this.#full(id)) return tooMany();
    return this.#isUsedUp(id, name, offered.perPeerMax) ? tooManyOf(name, offered.perPeerMax) : offered;
  }

  /** A connection of a stream that outlives connections: of a new one, or the next one of one that is there. */
  acceptLasting(
    peer: MemberCertificate,
    duplex: ByteDuplex,
    name: string,
    offered: Offered | FirefliesError,
    trace = "",
  ): void {
    this.#lasting.accept(peer.id, duplex, (stream) => this.accept(peer, stream, name, offered, { trace }));
  }

  /** Ends all streams with a member: it has left the view. What it had sent to the end is read first. */
  endAll(id: MemberId, error = new FirefliesError("peer-removed")): void {
    for (const stream of [...(this.#open.get(id) ?? [])]) stream.giveUp(error);
  }

  /** Ends all streams. */
  close(error = new FirefliesError("link-closed")): void {
    for (const streams of [...this.#open.values()]) for (const stream of [...streams]) stream.destroy(error);
    this.#lasting.close();
  }

  /**
   * Takes no new stream, neither mine nor others'. Resolves when those that are open have ended, each by its program and in
   * order, and so have their handlers: what was written is with the other side then.
   */
  async drain(): Promise<void> {
    this.#stopping = true;
    const open = [...this.#open.values()].flatMap((streams) => [...streams]);
    await Promise.all([...new Set([...open, ...this.#handlers.keys()])].map((stream) => this.#await(stream)));
  }

  /** Ends what is open after `drain` with "member-stopping". How many streams and handlers that cuts. */
  cut(): number {
    const { size } = this.#awaited;
    this.close(new FirefliesError("member-stopping"));
    return size;
  }

  async #await(stream: ByteDuplex): Promise<void> {
    this.#awaited.add(stream);
    await this.#handlers.get(stream); // It may begin to read yet.
    await inOrder(stream);
    this.#awaited.delete(stream);
  }

  #handle(stream: ByteDuplex, handler: StreamHandler, context: HandlerContext, protocol: string): void {
    const tally = this.#traffic.answered.of(protocol || undefined);
    this.#track(context.from.id, stream, { protocol, openedHere: false }, tally);
    const running = run(handler, stream, context).then(() => {
      this.#handlers.delete(stream);
    });
    this.#handlers.set(stream, running);
  }

  #full(id: MemberId): boolean {
    const { ofPeerMax, places } = this.#limits;
    const mine = this.#open.get(id)?.size ?? 0;
    return mine >= ofPeerMax || !mayBegin(places, this.#size, mine);
  }

  #isUsedUp(id: MemberId, name: string, max: number): boolean {
    return (this.#counts.get(`${id} ${name}`) ?? 0) >= max;
  }

  #count(id: MemberId, name: string, stream: ByteDuplex): void {
    const key = `${id} ${name}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    stream.once("close", () => {
      const left = (this.#counts.get(key) ?? 0) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    });
  }

  #track(id: MemberId, stream: ByteDuplex, about: About, tally: Tally): void {
    const streams = this.#open.get(id) ?? new Set();
    const since = performance.now();
    tally.begun += 1;
    stream.counter = tally;
    this.#about.set(stream, about);
    streams.add(stream);
    this.#open.set(id, streams);
    this.#size += 1;
    stream.once("close", () => {
      this.#size -= 1;
      tally.ended(codeOfEnd(stream), performance.now() - since);
      this.#about.delete(stream);
      streams.delete(stream);
      if (streams.size === 0 && this.#open.get(id) === streams) this.#open.delete(id);
    });
  }
}

/** Both directions to their end, or why not. */
export function codeOfEnd({ errored, readableEnded, writableFinished }: ByteDuplex): string {
  if (errored) return codeOf(errored);
  return readableEnded && writableFinished ? OK : "stream-reset";
}

/** The first word of a stream that was asked for. */
const ACCEPTED = new Uint8Array(0);

/** Resolves when the other side has taken a stream that was asked for; rejects with what it said instead. */
export async function accepted(stream: ByteDuplex): Promise<void> {
  const word = await firstOf(stream);
  if (word?.length === 0) return;
  const error =
    stream.errored ?? new FirefliesError("bad-frame", "The other side did not say whether it took the stream.");
  stream.destroy(error);
  throw error;
}

/** Nothing more of it is read. Undefined when it ended before. */
function firstOf(stream: ByteDuplex): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const look = () => {
      const first = stream.read() as Uint8Array | null;
      if (first !== null) done(first);
    };
    const over = () => done(undefined);
    const done = (first: Uint8Array | undefined) => {
      stream.off("readable", look).off("end", over).off("close", over);
      resolve(first);
    };
    if (stream.closed) resolve(undefined);
    else stream.on("readable", look).once("end", over).once("close", over);
  });
}

/** The signal is made only for handlers that look at it. */
class HandlerContext implements StreamContext {
  readonly from: MemberCertificate;
  readonly trace: string;
  readonly #stream: ByteDuplex;
  #isAwaited: boolean;
  #ended: AbortController | undefined;

  constructor(from: MemberCertificate, stream: ByteDuplex, isAsked: boolean, trace: string) {
    this.from = from;
    this.trace = trace;
    this.#stream = stream;
    this.#isAwaited = isAsked;
  }

  accept(): void {
    if (this.#isAwaited && this.#stream.writable) this.#stream.write(ACCEPTED);
    this.#isAwaited = false;
  }

  get signal(): AbortSignal {
    if (this.#ended) return this.#ended.signal;
    const ended = new AbortController();
    this.#ended = ended;
    if (this.#stream.closed) ended.abort();
    else this.#stream.once("close", () => ended.abort());
    return ended.signal;
  }
}

async function run(handler: StreamHandler, stream: ByteDuplex, context: StreamContext): Promise<void> {
  try {
    await handler(stream, context);
  } catch (error) {
    if (!stream.destroyed) stream.destroy(error instanceof ReplyError ? error : new FirefliesError("handler-failed"));
  }
}

function tooMany(): FirefliesError {
  return new FirefliesError("overloaded", "Too many streams are open, with this member or with all.", {
    advice: "End some first.",
  });
}

function tooManyOf(name: string, max: number): FirefliesError {
  const what = name === "" ? "without a protocol" : `of the protocol ${nameShown(name)}`;
  return new FirefliesError("overloaded", `${max} streams ${what} are open here, the most for one member.`, {
    advice: "End some first.",
  });
}
