/** The public types of a program that uses the overlay. Shapes only: what they do is in client.ts. */
import type { Duplex } from "node:stream";
import type { FirefliesError, ReplyError } from "../identity/index.js";
import type { DatagramFigures, RelayFailure, UdxFigures } from "../net/index.js";
import type { MemberId } from "../rings/index.js";
import type { DiscoveryInfo } from "./discovery/discovery.js";
import type { NatKind, Observed } from "./reach/observations.js";
import type { RendezvousInfo } from "./reach/rendezvous.js";
import type { Dialable } from "./reach/verdict.js";
import type { TrafficTotals } from "./traffic/traffic.js";

/** Small facts a member tells about itself, signed with its note. At most 4 KiB as JSON. */
export type Metadata = Readonly<Record<string, unknown>>;

/** A live member as this client sees it. */
export interface Member {
  /** 64 lower-case hex digits, chosen by the authority. */
  readonly id: MemberId;
  /**
   * The name as which the authority admitted it, 1 to 64 of A-Z a-z 0-9 . _ -; undefined when its certificate has none. One
   * name has one id, until that one is revoked and the name admitted anew: whoever has not heard of it yet sees both.
   */
  readonly name: string | undefined;
  /** The address that the member prefers to be reached at: "host:port", IPv6 hosts in brackets. */
  readonly address: string;
  /** All addresses of its note, the preferred one first. */
  readonly addresses: readonly string[];
  readonly metadata: Metadata;
  /** The names of the protocols and services that it offers, of its gRPC services as well; sorted. At most 1 KiB together. */
  readonly services: readonly string[];
  /** Epoch of its latest note; it rises with each note and never falls. */
  readonly epoch: bigint;
  /** An accusation stands against it; without a rebuttal it is removed after 2 Delta. */
  readonly suspected: boolean;
  /** False while this client's dials to it fail and it has dialled none itself; true also when nobody has tried yet. */
  readonly reachable: boolean;
  /** Unix time in milliseconds at which this client saw it join. */
  readonly since: number;
}

/**
 * Why a member was taken out of the view. "removed": it was accused, and did not answer within 2 Delta. "waiting": as
 * before, and it came back too often (docs/protocol.md, R13). "revoked", "expired": its certificate is. "equivocated": it
 * contradicted itself, or its identity is in use twice. "silent": it is known by its certificate alone.
 */
export type FailureReason = "removed" | "waiting" | "revoked" | "expired" | "equivocated" | "silent";

/** A member that is no longer live. */
export interface Departed {
  /** As it was seen last. */
  readonly member: Member;
  /** "left": by its own word. */
  readonly reason: "left" | FailureReason;
  /** Unix time in milliseconds at which this client took it out of its view. */
  readonly at: number;
}

/** Why and since when this member is not among the others. */
export interface Isolated {
  /**
   * "removed": they took me for dead, and take me back with my next note, within seconds. "waiting": they removed me several
   * times in short succession, and take me back at `until`. "nobody": all others have failed, or I am cut off. "refused":
   * everybody who is called refuses my certificate. "equivocated": my identity is in use twice, and needs a newer certificate.
   * "revoked", "expired": my certificate is. Of the last four an alarm "isolated" says what to do.
   */
  readonly reason: "removed" | "waiting" | "nobody" | "refused" | "equivocated" | "revoked" | "expired";
  /** Unix time in milliseconds at which this client found it. */
  readonly since: number;
  /** Unix time in milliseconds at which a wait ends. */
  readonly until: number | undefined;
}

/** One change of the view. `at` is unix time in milliseconds. */
export type Change =
  | {
      readonly kind: "joined" | "left" | "suspected" | "rebutted" | "updated";
      readonly member: Member;
      readonly at: number;
    }
  | { readonly kind: "failed"; readonly member: Member; readonly reason: FailureReason; readonly at: number }
  /** The others do not have me among them; `until` as in `Isolated`. Told again when the reason or the end is another one. */
  | { readonly kind: "isolated"; readonly reason: Isolated["reason"]; readonly until?: number; readonly at: number }
  /** That is over. */
  | { readonly kind: "back"; readonly reason: Isolated["reason"]; readonly at: number }
  /** Asked for by `changes({ paths: true })`. */
  | ({ readonly kind: "path"; readonly member: Member; readonly at: number } & PathChange)
  /** My addresses have changed: "host:port", the preferred one first. The others are told. */
  | { readonly kind: "moved"; readonly addresses: readonly string[]; readonly at: number }
  /** The reader was slower than the changes: `count` of them were dropped; read `members()` again. */
  | { readonly kind: "dropped"; readonly count: number; readonly at: number };

/** Of a reader of changes. */
export interface ChangesOptions {
  readonly signal?: AbortSignal | undefined;
  /** Also when the path to a member comes, changes or goes: the kind "path". */
  readonly paths?: boolean | undefined;
}

/**
 * How the bytes of the connection that is in use go. "direct": this member dialled. "reversed": the other one did. "punched":
 * both did at once, through their NATs. "relayed": other members pass them on, and can neither read nor change them.
 */
export type PathName = "direct" | "reversed" | "punched" | "relayed";

/** The way to a live member. */
export interface MemberPath {
  readonly id: MemberId;
  /** As `Member.name`. */
  readonly name: string | undefined;
  /** Of the best connection; undefined while there is none, because nobody has asked for one, or none could be made. */
  readonly path: PathName | undefined;
  /** Of a relayed one: the members that pass it on, the one next to this member first. */
  readonly via: readonly MemberId[];
  /** Of a relayed one: present where the relay joins two connections that were made for it alone, which carry more. */
  readonly conduit?: true;
  /** Of its other end as it is seen from here; of a relayed one, "relay://ID". */
  readonly address: string | undefined;
  /** Milliseconds of a round trip, by the connection's own pings; undefined before the first. */
  readonly rttMs: number | undefined;
  /** Connections with the member; but for one they serve what is still open on them. */
  readonly connections: number;
  /** Why there is none, or none that is direct, for people: what was tried last, and how it failed. */
  readonly whyNotBetter: string | undefined;
}

/** A path came, went, or another one serves what is opened from now on. It goes without a word when its member leaves the view. */
export interface PathChange {
  readonly what: "came" | "changed" | "went";
  /** As it is now. */
  readonly path: MemberPath;
  /** As it was; undefined when there was none. */
  readonly before: PathName | undefined;
  /** The relay that is why, and what it did; absent when no relay is. */
  readonly because?: { readonly relay: MemberId; readonly what: RelayFailure };
}

/** Live members by the path to them. */
export type PathCounts = Readonly<Record<PathName | "none", number>>;

/** Who sent it, proven by certificate and signature. */
export interface Sender {
  readonly id: MemberId;
  /** As `Member.name`. */
  readonly name: string | undefined;
  /** Where the sender's note says it listens; empty when its note is not known yet. */
  readonly address: string;
}

/** What a handler is told: the sender, and a signal that fires when the answer is no longer wanted. */
export interface MessageContext {
  readonly from: Sender;
  readonly signal: AbortSignal;
}

/** Of a stream that a member has opened. */
export interface OpenedContext extends MessageContext {
  /**
   * Of a handler with `acceptsLater`: it takes the stream, which an opener that waits for that is told. To be called before
   * anything is written. Does nothing for others.
   */
  accept(): void;
}

/** Of a message: it can be shown to others, who need not have been there. */
export interface SignedContext extends MessageContext {
  /**
   * The message with all that proves who sent it to whom; `verifyMessage` checks it. Made when asked for: about 1 KB, 32
   * bytes for each message that was signed together with it, and the message. To be asked while the handler runs and before
   * the data are changed: else it throws "proof-unavailable".
   */
  proof(): Uint8Array;
}

/** Of a neighbour's response to my gossip. */
export interface ResponseContext extends SignedContext {
  /** What its gossip handler threw for me; the data are empty then. */
  readonly error: ReplyError | undefined;
}

type Reply = Uint8Array | undefined;

/**
 * Returns the reply. A `ReplyError` that it throws or rejects with reaches the sender as it is. Anything else reaches it as
 * "handler-failed" with a general sentence, and this program as an alarm of that code, whose `cause` is what was thrown.
 */
export type MessageHandler = (data: Uint8Array, context: SignedContext) => Promise<Reply> | Reply;
/** Takes what a ring neighbour gossips; what it returns goes back to that one's response handler. */
export type GossipHandler = (data: Uint8Array, context: SignedContext) => Promise<Reply> | Reply;
/** Takes a neighbour's reply to what this member gossips. */
export type ResponseHandler = (data: Uint8Array, context: ResponseContext) => Promise<void> | void;

/**
 * A stream of messages (Uint8Array) in both directions, each of at most 1 MiB (`STREAM_CHUNK_BYTES_MAX`). A Duplex in object
 * mode with back-pressure: `for await` reads messages, `write(data)` sends one and returns false when the other side is slow
 * ("drain" says when to go on), `end()` closes one direction, `destroy(error)` both. It is destroyed when the peer leaves the
 * view.
 */
export interface MessageStream extends Duplex {
  /** Each message once. Leaving the loop early destroys the stream; reading to the end leaves the other direction open. */
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Uint8Array>;
  /** "error" is a FirefliesError, or the `ReplyError` that the other side's handler threw. */
  on(event: "data", listener: (data: Uint8Array) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  /**
   * Of a stream with `reconnect`: it has gone on over another connection. `why` is how the one before was lost, "link-closed";
   * undefined when it was not, as a better path had come up, and where this end has not noticed.
   */
  on(event: "reconnect", listener: (why: FirefliesError | undefined) => void): this;
  on(event: StreamEvent, listener: () => void): this;
  on(event: string | symbol, listener: (...args: never[]) => void): this;
  once(event: "data", listener: (data: Uint8Array) => void): this;
  once(event: "error", listener: (error: Error) => void): this;
  once(event: "reconnect", listener: (why: FirefliesError | undefined) => void): this;
  once(event: StreamEvent, listener: () => void): this;
  once(event: string | symbol, listener: (...args: never[]) => void): this;
}

/** Those that say no more than that they happened. */
type StreamEvent = "close" | "drain" | "end" | "finish" | "pause" | "readable" | "resume";

/** Of a stream that this member opens. */
export interface StreamOptions {
  /** Destroys the stream with "cancelled", also while it is open. */
  readonly signal?: AbortSignal | undefined;
  /** Whose handler takes it there: see `Client.handle`. Without one it is the stream handler. */
  readonly protocol?: string | undefined;
  /** Bytes without the borders of messages: a Duplex as a socket is. The other side need not use the same form. */
  readonly raw?: boolean | undefined;
  /**
   * It outlives its connections: when one is lost, it goes on over the next one that is made within 30 s, and over a better
   * path when there is such; each message is read once, in order. Both ends are told by the event "reconnect". It holds up to
   * 4 MiB that the other side has not read, and copies what is written. False by default.
   */
  readonly reconnect?: boolean | undefined;
  /**
   * `openStream` resolves when a handler there has taken the stream, which costs a round trip, and rejects with what refuses it:
   * "handler-missing", "overloaded", "peer-refused" and others. Otherwise the stream is there at once, and a refusal is its
   * "error". Not together with `reconnect`. False by default.
   */
  readonly accepted?: boolean | undefined;
}

/** Of a handler that is registered by name. */
export interface OfferOptions {
  /** Takes the handler out: what it does already goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Are the others told that this member offers it (`Member.services`)? They are, unless this is false. */
  readonly announce?: boolean | undefined;
}

/** Of a handler of a service. */
export interface ServeOptions extends OfferOptions {
  /** Messages of one member that it answers at once; the next is refused with "overloaded". No limit of its own by default. */
  readonly messagesPerPeer?: number | undefined;
}

/** Of a handler of a protocol. */
export interface HandleOptions extends OfferOptions {
  /** Streams of it that one member may have open here, 1 to 256; 32 by default. The next is refused with "overloaded". */
  readonly streamsPerPeer?: number | undefined;
  /** The handler gets bytes without the borders of messages. */
  readonly raw?: boolean | undefined;
  /**
   * The handler says itself, by `context.accept()`, when it has taken a stream, as one that connects to something else first.
   * Openers may wait for it (`StreamOptions.accepted`). By default a stream is taken when the handler is called.
   */
  readonly acceptsLater?: boolean | undefined;
}

/** As `StreamHandler`, of a stream of bytes: a Duplex that is not in object mode. */
export type RawStreamHandler = (stream: Duplex, context: OpenedContext) => Promise<void> | void;

/** Takes a stream that a member opens. What it throws ends the stream: a `ReplyError` also at the other side, anything else there as "handler-failed", and here as an alarm. */
export type StreamHandler = (stream: MessageStream, context: OpenedContext) => Promise<void> | void;

/** A protocol or a service that a member asked for, and that nobody handles here. */
export interface Missing {
  readonly what: "protocol" | "service";
  /** Its first 128 characters, as the member said it; empty for streams without a protocol. */
  readonly name: string;
  readonly from: Sender;
}

/** What it throws is an alarm of this program, "handler-failed". */
export type MissingHandler = (missing: Missing) => void;

/** Takes a datagram. What it throws is an alarm of this program, "handler-failed". */
export type DatagramHandler = (data: Uint8Array, context: { readonly from: Sender }) => Promise<void> | void;

/** Of one message. */
export interface SendOptions {
  /** Whose handler answers it there: see `Client.serve`. Without one it is the message handler. It is part of what is signed. */
  readonly service?: string | undefined;
  readonly signal?: AbortSignal;
  /** Milliseconds until the call fails with "timeout": above 0, or the call rejects with a RangeError. */
  readonly timeout?: number;
  /**
   * Told the proof of the answer, of an error that the other side answers as well, before the promise settles; see
   * `verifyMessage`. What it throws rejects the call.
   */
  readonly onProof?: (proof: Uint8Array) => void;
}

/** Of a message to any member that offers a service. */
export interface SendToAnyOptions extends Omit<SendOptions, "service"> {
  /** Members are tried in the order of `closeTo` for this key; without one at random, those first that are reachable. */
  readonly key?: string | Uint8Array | undefined;
  /** Members that it may go to: any member may say that it offers a service. All by default. */
  readonly among?: ((member: Member) => boolean) | undefined;
}

/** Of a stop. */
export interface StopOptions {
  /** Milliseconds for what runs to end by itself, 5,000 by default; 0 cuts it at once. */
  readonly drain?: number;
}

/** Told what an operator should know; see the error's code. Must not throw. */
export type AlarmHandler = (alarm: FirefliesError) => void;

/** Figures about this member. */
export interface ClientInfo {
  readonly id: MemberId;
  /** As `Member.name`. */
  readonly name: string | undefined;
  readonly address: string;
  /** All addresses that others are told, the preferred one first. */
  readonly advertised: readonly string[];
  /**
   * Can others make connections to me? Decided by those who monitor me, once enough of them have made one or have tried;
   * "unknown" until then, while nobody is there, and after my addresses have changed.
   */
  readonly dialable: Dialable;
  /** From which addresses those who monitor me see me come: "IP" of connections, "IP:port" of datagrams, and how many say so. */
  readonly observed: readonly Observed[];
  /**
   * What stands between this machine and the others, by what they see: "none"; a NAT that shows one port to all ("mapped") or
   * another one to each ("symmetric"); one of which more is not known ("translated"); "unknown" until enough have said so.
   */
  readonly nat: NatKind;
  /** Network id, 64 hex digits. */
  readonly network: string;
  /** Ring count k. */
  readonly rings: number;
  /** t: the Byzantine predecessors that a member tolerates. */
  readonly tolerance: number;
  /** Delta of the network, milliseconds. */
  readonly deltaMs: number;
  readonly epoch: bigint;
  /** Rings that I have disabled to answer accusations. */
  readonly disabledRings: readonly number[];
  /** Live members other than me. */
  readonly members: number;
  readonly suspected: number;
  /** Undefined while this member is among the others, as far as it can tell. */
  readonly isolated: Isolated | undefined;
  /** Members with a connection, whoever made it. */
  readonly links: number;
  /** Live members by the path to them. */
  readonly paths: PathCounts;
  /** Of my view, 32 hex digits; equal views have equal ones. */
  readonly fingerprint: string;
  /** Unix time in milliseconds at which my certificate ends. */
  readonly certificateEnds: number;
  /** "in-doubt" after a step of the wall clock that nothing has confirmed yet: see the alarm "clock-stepped". */
  readonly clock: "steady" | "in-doubt";
  /** Datagrams of programs, and what became of them. */
  readonly datagrams: DatagramFigures;
  /** Messages and bytes since the client was made, and streams that are open; `Client.traffic` has them by name. */
  readonly traffic: TrafficTotals;
  /** What partners sent and I did not take, counted by "what: reason". Duplicates are ordinary; lies are not. */
  readonly rejected: Readonly<Record<string, number>>;
  /** The relays that this member has, and what it does as one. */
  readonly relay: RelayInfo;
  /** What this member does as a rendezvous server (docs/rdv.md). */
  readonly rdv: RendezvousInfo;
  /** Where this member hears of others, source by source; those of the authority first (docs/discovery.md). */
  readonly discovery: readonly DiscoveryInfo[];
  /** Paths through NATs that were tried, at this member's wish or at another's, and those that gave a session to this side. */
  readonly punches: { readonly tried: number; readonly succeeded: number };
  /** Of connections over reliable UDP; undefined for a member that listens at no `udx://`. */
  readonly udx: UdxFigures | undefined;
}

/** The relays of a member, and what it does as one. */
export interface RelayInfo {
  /** Does it relay for others? Not when it was told not to, nor when others cannot dial it. */
  readonly relays: boolean;
  /** The members that relay for it, the nearest first, and "host:port" from where each sees it come. */
  readonly mine: readonly { readonly id: MemberId; readonly observed: string }[];
  /** How many it should have; 0 when others can dial it. */
  readonly wanted: number;
  /**
   * Relays that did not pass on what they should, when this member asked them to: 64 of them at most, the newest first. It says
   * what was seen. A relay that dies, and a member that dies behind one, look alike; many failures with several members do not.
   */
  readonly troubles: readonly RelayTrouble[];
  /** Members with a reservation here. */
  readonly reservations: number;
  /** Connections that pass through here now, and the members that asked for them. */
  readonly connections: number;
  readonly callers: number;
  /** Of the connections, those that are conduits (`MemberPath.conduit`). */
  readonly conduits: number;
  /** Members whose bytes wait for their rate now. */
  readonly delayed: number;
  /** Since the start: connections, bytes of both directions, and requests that were refused. */
  readonly passed: number;
  readonly bytes: number;
  readonly refused: number;
}

/** What a relay did instead of passing connections on. */
export interface RelayTrouble {
  readonly id: MemberId;
  /**
   * How often: it "refused", said that the member is "absent", was "silent" or let nothing through, "cut" the connection, "misled"
   * to somebody else, or was so "slow" that another one was tried.
   */
  readonly failures: Readonly<Partial<Record<RelayFailure, number>>>;
  /** Members that it was asked for then; 64 stands for more. */
  readonly members: number;
  /** Unix time in milliseconds of the newest. */
  readonly at: number;
}

/** Of a round trip. */
export interface PingOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds for each of both ways, 2,000 by default. */
  readonly timeout?: number;
  /**
   * Called with each sign that the member is there as it comes, before the slower way has answered: answers, and bytes that have
   * come over the connection since the ping before. With the instant at which it was there at the earliest (`performance.now()`).
   */
  readonly onSign?: (at: number) => void;
}

/** How long a member takes to answer, by each of the ways that members use. What did not come back in time is undefined. */
export interface RoundTrip {
  /** Milliseconds by a UDP datagram, as the failure detector sends them. */
  readonly udpMs: number | undefined;
  /** Where the datagram went, "IP:port"; undefined when no address of its note may be used, or its name is not looked up yet. */
  readonly udpAddress: string | undefined;
  /** Milliseconds of a call over the connection. */
  readonly linkMs: number | undefined;
  /** Who made the connection, and its other end as it is seen from here. */
  readonly path: { readonly direction: "dialled" | "accepted"; readonly address: string } | undefined;
  /** Milliseconds that the connection took to make; undefined when it was there already, and when it could not be made. */
  readonly connectMs: number | undefined;
  /** Why the call failed, if it did. */
  readonly error: FirefliesError | undefined;
}

/** My neighbours on one ring; undefined while I am alone. */
export interface RingNeighbours {
  readonly ring: number;
  /** It monitors me there. */
  readonly predecessor: MemberId | undefined;
  /** I monitor it there. */
  readonly successor: MemberId | undefined;
}
