/**
 * The public face of a member: register handlers, start, talk. Everything is in-process and silent: no console, no
 * signal handlers, no global state, any number of clients side by side.
 */
import { setMaxListeners } from "node:events";
import type { Duplex } from "node:stream";
import type { Client as GrpcClient, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { sign, verify } from "../identity/index.js";
import type { HostNetwork } from "../net/network.js";
import { type MemberId, parseMemberId } from "../rings/index.js";
import { type Adjustments, adjustedBy } from "./config/adjustable.js";
import type { ClientOptions } from "./config/index.js";
import type { StubClass } from "./grpc/calling.js";
import type { HistoryEvent, HistoryGap, HistoryOptions } from "./history/event.js";
import type { Explanation } from "./history/explanation.js";
import { explain } from "./history/inquiry.js";
import { tooLarge } from "./messages/requester.js";
import { requireName } from "./offers/name.js";
import { Parts } from "./parts.js";
import { connectionsOf, type MemberConnections } from "./paths/connections.js";
import { examinationOf } from "./program/examination.js";
import { infoOf, ringsOf } from "./program/figures.js";
import { type Identified, identified } from "./program/identify.js";
import { untilJoined, untilMembers } from "./program/members.js";
import { MESSAGE_BYTES_MAX } from "./protocols.js";
import type { DoctorReport } from "./reach/doctor.js";
import { writeCertificate, writePrivateKey } from "./state/own-files.js";
import { serviceAbsent, toAny } from "./talk/any.js";
import { DRAIN_MS } from "./talk/drain-deadline.js";
import { requireBytes, requireCount, requireDrain, requireHandler, requireTimeout } from "./talk/misuse.js";
import { requireAddress } from "./talk/outbound.js";
import { PING_TIMEOUT_MS } from "./timeouts.js";
import type {
  Published,
  PublishOptions,
  SubscribeOptions,
  Subscriber,
  Subscription,
  TopicHistory,
  TopicInfo,
} from "./topics/types.js";
import type { Follow } from "./traffic/following.js";
import type { TrafficInfo } from "./traffic/traffic.js";
import type {
  AlarmHandler,
  Change,
  ChangesOptions,
  ClientInfo,
  DatagramHandler,
  Departed,
  GossipHandler,
  HandleOptions,
  Member,
  MemberPath,
  MessageHandler,
  MessageStream,
  Metadata,
  MissingHandler,
  PingOptions,
  RawStreamHandler,
  ResponseHandler,
  RingNeighbours,
  RoundTrip,
  SendOptions,
  SendToAnyOptions,
  ServeOptions,
  StopOptions,
  StreamHandler,
  StreamOptions,
} from "./types.js";
import type { Directory } from "./view/directory.js";
import type { MemberFilter } from "./view/member-filter.js";
import { encodeMetadata } from "./view/metadata.js";

/** One member of one network. It starts once; to start again, make another one. Any number live side by side in a process. */
export class Client {
  readonly #parts: Parts;

  /**
   * Nothing is read or opened before `start`. Without options the configuration is fireflies.yaml and FIREFLIES_*
   * variables; what is given here wins over both.
   */
  constructor(options: ClientOptions = {}) {
    this.#parts = new Parts(options);
    setMaxListeners(0, this.stopping); // Every stream may wait for it: from the eleventh on Node would print a warning.
  }

  /*
   * --- Handlers: register them before `start`, so that no message finds none. They run once `start` has resolved, for members
   * that `members()` knows: what others begin earlier waits. What is no function is a TypeError. ---
   */

  /** Answers messages of other members. */
  registerMessageHandler(handler: MessageHandler): void {
    requireHandler(handler);
    this.#parts.handlers.message = handler;
  }

  /** Takes what ring neighbours gossip; what it returns goes back to their response handler. */
  registerGossipHandler(handler: GossipHandler): void {
    requireHandler(handler);
    this.#parts.handlers.gossip = handler;
  }

  /** Takes the neighbours' replies to my gossip. */
  registerResponseHandler(handler: ResponseHandler): void {
    requireHandler(handler);
    this.#parts.handlers.response = handler;
  }

  /** Takes streams that other members open. */
  registerStreamHandler(handler: StreamHandler): void {
    requireHandler(handler);
    this.#parts.handlers.stream = handler;
  }

  /**
   * Answers messages for a service: `sendToId(id, data, { service })`. Any number of services live side by side; names as for
   * `handle`. The name is part of what the sender signs. The signal takes the handler out. Throws as `handle`.
   */
  serve(service: string, handler: MessageHandler, options: ServeOptions = {}): void {
    this.#parts.handlers.serve(service, handler, options);
  }

  /**
   * Takes the streams that other members open for a protocol: `openStream(id, { protocol })`. Any number of protocols live side
   * by side; the name is 1 to 128 bytes of UTF-8 without spaces, by custom with a version: "/chat/1.0". The signal takes the
   * handler out, and streams that are open go on. With `raw` the handler gets a Duplex of bytes, as a socket is, instead of
   * messages. The others are told the name: see `Member.services`. Throws "name-invalid", "name-taken", "names-too-large", and a
   * RangeError for `streamsPerPeer`.
   */
  handle(protocol: string, handler: RawStreamHandler, options: HandleOptions & { readonly raw: true }): void;
  handle(protocol: string, handler: StreamHandler, options?: HandleOptions & { readonly raw?: false }): void;
  handle(protocol: string, handler: StreamHandler | RawStreamHandler, options: HandleOptions = {}): void {
    this.#parts.handlers.handle(protocol, handler, options);
  }

  /** Takes datagrams of other members. Without a handler they are dropped and counted. */
  onDatagram(handler: DatagramHandler): void {
    requireHandler(handler);
    this.#parts.handlers.datagram = handler;
  }

  /**
   * Serves a gRPC service of the program to the members of the view, by grpc-js: `definition` and `implementation` as its
   * `Server.addService` takes them. `callerOf(call)` names the caller. Messages of up to 4 MiB. A handler that throws, rejects
   * or calls back with an error ends its call: with the status that it gave, or with UNKNOWN, and details if it is a
   * `ReplyError`. The others are told the service's full name: see `Member.services`.
   *
   * With the first service come grpc.health.v1.Health and grpc.reflection (v1, v1alpha), unless the program adds its own. What is
   * reflected comes with the definitions of proto-loader; for others give `descriptors`, a FileDescriptorSet as
   * `protoc --include_imports --descriptor_set_out` and `buf build -o` write it. Throws "names-too-large", and a TypeError for a
   * method that is served already and for descriptors that are none.
   */
  addService(
    definition: ServiceDefinition,
    implementation: UntypedServiceImplementation,
    { descriptors }: { readonly descriptors?: Uint8Array } = {},
  ): void {
    this.#parts.services.add(definition, implementation, descriptors);
  }

  /**
   * Says to those that ask for its health whether a gRPC service, by its full name, takes calls; the empty name is the member as
   * a whole. Each does from `addService` on, and none while the member stops.
   */
  setServing(service: string, isServing: boolean): void {
    this.#parts.services.setServing(service, isServing);
  }

  /**
   * Told of what an operator should know and the member survives: a disk that refuses, an authority that is away, an
   * identity used twice, a clock that stepped. Each error has a stable code.
   */
  registerAlarmHandler(handler: AlarmHandler): void {
    requireHandler(handler);
    this.#parts.handlers.alarm = handler;
  }

  /** Told of each try of a member to use a protocol or a service that nobody handles here. Bound what you write of it. */
  registerMissingHandler(handler: MissingHandler): void {
    requireHandler(handler);
    this.#parts.handlers.missing = handler;
  }

  /**
   * Changes `relay`, `relay...`, `rdv`, `entryAddrs`, `mdns`, `topicRetention` and `topicMemoryBytes`, those that are given, for what
   * begins from then on. Messages of topics that are held go at once when they are over what they may be. Returns what was before.
   */
  adjust(changes: Adjustments): Required<Adjustments> {
    return this.#parts.life.adjust(adjustedBy(changes, this.#parts.life.config));
  }

  /** Before `start`: reaches others over this network, as the option `network`. Throws "already-started". */
  useNetwork(network: HostNetwork): void {
    this.#parts.life.useNetwork(network);
  }

  // --- Life ---

  /**
   * Enrols or restores the identity, listens, and joins as far as anyone can be reached. Rejects with a FirefliesError:
   * configuration ("config-..."), enrolment ("token-...", "authority-..."), identity and state, "address-in-use",
   * "cancelled". After a rejection nothing is left open; a client starts once.
   */
  async start({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#parts.life.start(signal);
  }

  /**
   * Ends in good order. From now on new messages and streams are refused with "member-stopping", others' and mine; handlers
   * finish and their answers arrive, my messages get theirs, and streams end as their programs end them. When that is done, or
   * `drain` milliseconds have passed, the others are told and everything is closed. A handler that waits for `stop` is waited for.
   *
   * What was cut is told by an alarm, "drain-expired"; who waits for it gets "handler-timeout" from a handler, else
   * "member-stopping", and my own messages reject with "link-closed". Safe to call at any time, also while `start` is under way,
   * which it cancels, and more than once: the earliest deadline holds, and every call resolves when all is closed. Rejects with
   * a RangeError for a `drain` that is no number from 0 to 3,600,000.
   */
  async stop({ drain = DRAIN_MS }: StopOptions = {}): Promise<void> {
    requireDrain(drain);
    await this.#parts.life.stop(drain);
  }

  /** Fires when `stop` is called: for handlers that go on until somebody tells them to end, as those of long streams do. */
  get stopping(): AbortSignal {
    return this.#parts.life.stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  // --- Who is there ---

  /** 64 lower-case hex digits, also after `stop`. Throws "not-started" before `start` has got so far. */
  get id(): MemberId {
    return this.#parts.life.begun.id;
  }

  /** "host:port" that others are told; the first of several. */
  get address(): string {
    return this.#parts.life.begun.addresses[0] ?? "";
  }

  /** Live members other than this one, or those of them that a filter lets through: `members({ name: "web-*" })`. */
  members(filter?: MemberFilter): Member[] {
    return this.#view.list(filter);
  }

  /**
   * The live member with this id or name, this one included; undefined when there is none. Of two with one name it is the
   * one with the newer certificate: a name is admitted anew only after its member was revoked.
   */
  member(idOrName: string): Member | undefined {
    return this.#view.find(idOrName);
  }

  /** This member as the others see it. Throws "not-started" before `start` has got so far. */
  get self(): Member {
    return this.#view.self();
  }

  /**
   * The `count` live members, this one included, that a key belongs to: by rendezvous hashing over the view, so all members with
   * the same view agree, and a member that comes or goes moves no keys but its own. The first one has it, the others follow.
   */
  closeTo(key: string | Uint8Array, count: number): Member[] {
    requireCount(count);
    return this.#view.closest(key, count);
  }

  /** Of those that offer a service, this one included, the one that a key belongs to, as `closeTo`; undefined when there is none. */
  pick(service: string, key: string | Uint8Array): Member | undefined {
    requireName(service, "service");
    return this.#view.closest(key, 1, service)[0];
  }

  /** Members that have left or failed and are not back, the latest first, with reason and time: the last 512 of them. */
  departed(): Departed[] {
    return this.#view.departed();
  }

  /**
   * The members, once at least `count` others are live; at once when they are. Rejects with "cancelled" when the signal fires
   * first, and with "not-started" before `start` has got so far and when the client stops.
   */
  waitForMembers(count: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Member[]> {
    return untilMembers(this, count, signal);
  }

  /**
   * Asks the member at "host:port" whom it knows, and resolves with it once it is in the view: for two halves of a network that
   * have never heard of each other. Rejects with "address-invalid", "peer-unreachable", "peer-mismatch", "timeout" or "cancelled".
   */
  async join(address: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Member> {
    const member = this.#parts.life.talking;
    requireAddress(address);
    return await untilJoined(this, (until) => member.seek(address, until), signal);
  }

  /**
   * How long the live member with this id takes to answer, by UDP and over its connection; this member itself answers without
   * either (`udpMs` is undefined). Rejects with "peer-unknown" or "cancelled".
   */
  async ping(id: string, { signal, timeout = PING_TIMEOUT_MS, onSign }: PingOptions = {}): Promise<RoundTrip> {
    const { roundTrips } = this.#parts.life.talking;
    requireTimeout(timeout);
    return await roundTrips.measure(this.#parts.outbound.destination(id), { signal, timeoutMs: timeout, onSign });
  }

  /**
   * First the members as joined, and that I am isolated if I am, then every change, until the signal fires, the loop ends or the
   * client stops. With `paths` also changes of the paths to members.
   */
  changes({ signal, paths }: ChangesOptions = {}): AsyncIterableIterator<Change> {
    const joined = this.members().map((member): Change => ({ kind: "joined", member, at: member.since }));
    const { change } = this.#parts.isolation;
    return this.#parts.feed.subscribe(change ? [...joined, change] : joined, signal, paths);
  }

  /**
   * What this member saw happen in the protocol: who accused whom, on which ring, who answered, whom it missed, who went and why.
   * First what is kept after `since` (a day, 16,384 events in all, 256 about one member), then each event, until the signal
   * fires, the loop ends or the client stops. "dropped" says how many are missing there. Never rejects; throws a RangeError for a
   * `since` that is no sequence.
   */
  history(options: HistoryOptions = {}): AsyncIterableIterator<HistoryEvent | HistoryGap> {
    return this.#parts.history.read(options);
  }

  /**
   * Why a member stands as it does in this view, in sentences with the facts behind them: who accused it on which ring, who
   * answered, what was missed by which path, why it went. By its id in any case, its name, or a beginning of its id; one that
   * is gone, and this member itself as well. Throws "peer-unknown", "id-ambiguous" or "not-started".
   */
  explain(idOrName: string): Explanation {
    return explain(this.#parts.inquiry, idOrName);
  }

  /**
   * Evidence about a member, named as for `explain`: the accusations of the last day against it and by it, the notes that they
   * are of, the answers, contradictions, and the certificates of all who speak, each signed by its author and the whole by this
   * member. PEM of CMS (RFC 5652), which `verifyEvidence` and `openssl cms` check with the root alone. Rejects as `explain`
   * throws.
   */
  async evidence(idOrName: string): Promise<string> {
    return await this.#parts.evidence(idOrName);
  }

  /** Figures about this member. */
  info(): ClientInfo {
    const { running, rdv, sources: discovery } = this.#parts.life;
    const { isolation, rejected } = this.#parts;
    const more = { isolated: isolation.current, rejected: rejected.all, rdv, discovery };
    return infoOf(running, more, this.#parts.traffic);
  }

  /**
   * Has `follow` told of each message, stream and call of gRPC that this program begins, and of each that its handlers answer, so
   * that traces go on from member to member; `undefined` ends that. What was followed before is replaced. `fireflies/telemetry` has
   * one for OpenTelemetry.
   */
  follow(follow: Follow | undefined): void {
    this.#parts.following.follow = follow;
  }

  /** What this member has said to others and heard from them since it was made, by service and protocol: counts, bytes, durations. */
  traffic(): TrafficInfo {
    return this.#parts.traffic.info;
  }

  /** Has up to three members dial this one back and say what they see: what leads here, and what to do. Rejects with "not-started". */
  async doctor(): Promise<DoctorReport> {
    return await examinationOf(this.#parts.life.talking, this.#parts.life.config?.dir);
  }

  /** How each live member is reached now, or why it is not: see `MemberPath`. */
  paths(): MemberPath[] {
    return this.#parts.life.running.paths.all();
  }

  /** As `paths`, with the sessions and the streams that are open with each: what a graph of the network is made of. */
  connections(): MemberConnections[] {
    return connectionsOf(this.#parts.life.running);
  }

  /** My live neighbours, ring by ring. */
  rings(): RingNeighbours[] {
    return ringsOf(this.#parts.life.running);
  }

  // --- Messages, gossip, streams ---

  /**
   * Sends a message to the live member that proves itself at this address; resolves to its handler's reply, empty when
   * it returned none. Messages to a member are sent in the order of the calls; those over 256 KiB have an order of their
   * own, so that small ones need not wait for them. To its own member it goes as to any other, without a wire. Rejects with a
   * FirefliesError: "address-invalid", "peer-unknown", "peer-unreachable", "timeout", "cancelled",
   * "message-too-large", "handler-failed", "handler-timeout", "handler-missing", "overloaded", "member-stopping",
   * "peer-removed", "link-closed"; or with the `ReplyError` that its handler threw for me. Misuse: a TypeError for text instead of bytes, a RangeError for a timeout that is not above 0.
   */
  async sendTo(address: string, data: Uint8Array, options: SendOptions = {}): Promise<Uint8Array> {
    return await this.#parts.outbound.toAddress(address, data, options);
  }

  /** As `sendTo`, to a live member by its id in any case, its name, or a beginning of its id; "id-ambiguous" for several. */
  sendToId(id: string, data: Uint8Array, options: SendOptions = {}): Promise<Uint8Array> {
    return this.#parts.outbound.toId(id, data, options);
  }

  /**
   * Sends a message to a live member that offers the service, this one included. It goes to the next one when nobody can have
   * handled it: "peer-unreachable", "peer-unknown", "peer-refused", "member-stopping", "handler-missing", "overloaded". After
   * any other error (a timeout, a lost link, a handler's own) it may have been handled, and is not sent again. Rejects as
   * `sendToId` with what the last one said, and with "service-absent". The time-out is for all tries together, of 16 at most.
   */
  async sendToAny(service: string, data: Uint8Array, options: SendToAnyOptions = {}): Promise<Uint8Array> {
    const { key, among = () => true, ...rest } = options;
    this.#parts.outbound.requireTalking();
    const offering =
      key === undefined ? this.#view.anyOf(service) : this.#view.closest(key, Number.POSITIVE_INFINITY, service);
    const order = offering.filter(among);
    if (order.length === 0) throw serviceAbsent(service, this.#view.offered, offering.length);
    const ids = order.map(({ id }) => id);
    return await toAny(this.#parts.outbound, ids, data, { ...rest, service });
  }

  /**
   * Opens a stream to a live member, named as for `sendToId`, for a protocol that it handles, or for its stream handler. Rejects
   * with "peer-unknown", "peer-unreachable", "timeout", "overloaded", "member-stopping", "cancelled" or "name-invalid"; what the
   * other side refuses arrives as the stream's "error", "handler-missing" and "overloaded" among it, "link-closed" for a lost connection
   * (see `StreamOptions.reconnect`). The signal destroys an open stream. With `raw` it is a Duplex of bytes, as a socket is.
   */
  openStream(id: string, options: StreamOptions & { readonly raw: true }): Promise<Duplex>;
  openStream(id: string, options?: StreamOptions & { readonly raw?: false }): Promise<MessageStream>;
  async openStream(id: string, options: StreamOptions = {}): Promise<Duplex> {
    return await this.#parts.outbound.openStream(id, options);
  }

  /**
   * Sends at most 1,100 bytes to a live member: unreliable, unordered, sealed. By UDP where that gets through, else inside the
   * session. Never waits: false when it was dropped here (`info().datagrams` counts). Throws "peer-unknown",
   * "message-too-large", "not-started" or "member-stopping", and a TypeError for what is no bytes.
   */
  sendDatagram(id: string, data: Uint8Array): boolean {
    return this.#parts.outbound.datagram(id, data);
  }

  /**
   * A gRPC client of the class that a code generator or `makeGenericClientConstructor` made, whose calls go to a live member.
   * It outlives lost connections. When the member leaves the view, its calls and all later ones end with UNAVAILABLE: ask
   * again when it is back. `stop` does not wait for its calls; its `close()` does nothing. Rejects as `openStream`.
   */
  async stub<Stub extends GrpcClient>(
    id: string,
    ServiceClient: StubClass<Stub>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Stub> {
    return await this.#parts.services.stub(this.#parts.outbound.destination(id).id, ServiceClient, signal);
  }

  // --- Topics ---

  /**
   * Publishes a message of at most 1 MiB on a topic: every member whose `subscribe` has resolved before gets it, in the order of
   * the calls for each topic (docs/topics.md). Resolves when it is as safe as `ack` says. Rejects with a FirefliesError:
   * "topic-invalid", "message-too-large", "overloaded" (what others have not taken yet fills this member's share), "unacknowledged"
   * (not in time; `missing` says who has not acknowledged it), "cancelled", "state-write-failed", "member-stopping",
   * "not-started". Misuse: a TypeError for text instead of bytes, a RangeError for a timeout that is not above 0.
   */
  publish(topic: string, data: Uint8Array, options: PublishOptions = {}): Promise<Published> {
    try {
      this.#parts.outbound.requireTalking();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#parts.topics.publish(topic, data, options);
  }

  /**
   * Subscribes to a topic, or to all that match a pattern: `*` stands for one token, `>` at the end for one or more. Resolves when
   * what others publish from now on is owed to it. Messages go to the handler, or are read from the subscription:
   * `for await (const message of subscription) message.ack()`. Rejects with "topic-invalid", "name-invalid", "overloaded" (over
   * 256 patterns), "cancelled", "member-stopping" or "not-started"; with a RangeError for a number out of range.
   */
  async subscribe(topic: string, options: SubscribeOptions = {}): Promise<Subscription> {
    this.#parts.outbound.requireTalking();
    return await this.#parts.topics.subscribe(topic, options);
  }

  /** Live members that subscribe to a topic, this one included: once for each of their patterns that it matches. Throws "topic-invalid" or "not-started". */
  subscribers(topic: string): Subscriber[] {
    return this.#parts.topics.subscribers(topic);
  }

  /**
   * From now on subscriptions of this member get from there what members hold no more: durable ones that were away for longer than
   * its retention, and all that miss it while they run, as a slow handler does. Nothing is `lost` before it was read. Returns
   * how to end it.
   */
  useTopicHistory(history: TopicHistory): () => void {
    return this.#parts.topics.useHistory(history);
  }

  /** The topics that this member publishes on, subscribes to, or holds messages of. Throws "not-started". */
  topics(): TopicInfo[] {
    return this.#parts.topics.figures();
  }

  /**
   * What is handed to a ring neighbour in each gossip round from now on; replaces what was set before. Throws
   * "message-too-large".
   */
  setGossipContent(data: Uint8Array): void {
    requireBytes(data);
    if (data.length > MESSAGE_BYTES_MAX) throw tooLarge(data.length, MESSAGE_BYTES_MAX);
    this.#parts.content = data.slice();
    if (this.#parts.life.isInMotion) this.#parts.life.running.machine.setGossipContent(this.#parts.content);
  }

  // --- Identity ---

  /** Signs data as this member: 64 bytes, in a domain of its own, so that it is never taken for a protocol statement. */
  sign(data: Uint8Array): Uint8Array {
    const { privateKey, certificate } = this.#parts.life.running.identity;
    return sign(privateKey, "application", certificate.networkId, data);
  }

  /** Did the member with this id sign the data? False for members that are not known. */
  verifySignature(data: Uint8Array, signature: Uint8Array, id: string): boolean {
    const memberId = parseMemberId(id.toLowerCase());
    const certificate = memberId && this.#parts.life.running.certificateOf(memberId);
    return certificate ? verify(certificate.publicKey, "application", certificate.networkId, data, signature) : false;
  }

  /**
   * The member whose certificate somebody has shown on another port, as DER with the certificate that issued it. Undefined
   * for one that this network refuses now: another network's, one that has ended, one that is revoked.
   */
  identify(leaf: Uint8Array, issuer: Uint8Array): Identified | undefined {
    return identified(this.#parts.life.running, { leaf, issuer });
  }

  /** Facts about this member that all others see. Rejects with "metadata-too-large", also for what JSON cannot carry. */
  async setMetadata(metadata: Metadata): Promise<void> {
    const bytes = encodeMetadata(metadata);
    this.#parts.metadata = metadata;
    if (this.#parts.life.isInMotion)
      this.#parts.life.running.input((machine, now) => machine.describe({ metadata: bytes }, now));
  }

  /**
   * Where others reach this member from now on, as the option `advertise`: at most 8 of "host:port", or "host" for the port
   * that is bound; an empty list for the address that follows from what it listens on. All others know within seconds, and
   * `changes()` tells it as "moved". Rejects with "address-invalid" or "not-started".
   */
  async setAdvertise(addresses: readonly string[]): Promise<void> {
    this.#parts.life.addresses.set(addresses);
  }

  /**
   * Asks the authority for another certificate now, instead of at two thirds of the present one's life: after an
   * intermediate was changed, or to come back after this identity was in use twice. Links and streams go on. Rejects with "authority-...", "key-revoked", "principal-revoked",
   * "unauthenticated", "too-many-requests", "state-write-failed" or "not-started".
   */
  async renew(): Promise<void> {
    await this.#parts.life.renewal.renewNow();
  }

  /** Writes certificate.pem (leaf, then issuing) to a directory: by default the member's own, else the working one. */
  async saveCertificate(directory = this.#parts.life.config?.dir ?? "."): Promise<void> {
    await writeCertificate(directory, this.#parts.life.running.identity);
  }

  /** Writes key.pem, mode 0600, to a directory: by default the member's own, else the working one. */
  async savePrivateKey(directory = this.#parts.life.config?.dir ?? "."): Promise<void> {
    await writePrivateKey(directory, this.#parts.life.running.identity);
  }

  get #view(): Directory {
    return this.#parts.life.running && this.#parts.directory;
  }
}
