/**
 * A member's life, from `start` to `stop`: what it is made of comes in order, each part once what it needs is there, and goes
 * in order. The public face is client.ts.
 */
import { networkInterfaces } from "node:os";
import { noteMs, type Settings } from "../gossip/index.js";
import { FirefliesError, type Identity } from "../identity/index.js";
import { type Address, ConnectionGate, NameResolver, OutPort, transportsOf } from "../net/index.js";
import type { HostNetwork, Interfaces } from "../net/network.js";
import { type Adjusted, adjustablePart } from "./config/adjustable.js";
import { type ClientOptions, type MemberConfig, resolveMemberConfig, wssOf } from "./config/index.js";
import type { DiscoveryInfo } from "./discovery/discovery.js";
import { settingsOf } from "./driver/settings.js";
import type { OutputHandlers } from "./driver/switchboard.js";
import { Arrival } from "./entry/arrival.js";
import { type Enrolled, enrolOrRestore } from "./entry/bootstrap.js";
import { ofSystem } from "./entry/system-error.js";
import type { Services } from "./grpc/services.js";
import type { History } from "./history/history.js";
import type { Witness } from "./history/witness.js";
import { Node } from "./node.js";
import type { Announced } from "./offers/announced.js";
import type { ChangeFeed } from "./program/changes.js";
import type { ClientLog } from "./program/client-log.js";
import type { Handlers } from "./program/handlers.js";
import { heard, pathTeller } from "./program/heard.js";
import type { Rejections } from "./program/rejections.js";
import { Rendezvous, type RendezvousInfo } from "./reach/rendezvous.js";
import type { Isolation } from "./standing/isolation.js";
import { OwnAddresses } from "./standing/own-addresses.js";
import { Renewal } from "./standing/renewal.js";
import { StateDirectory } from "./state/index.js";
import { recall } from "./state/recollection.js";
import { DRAIN_MS, DrainDeadline } from "./talk/drain-deadline.js";
import type { Hearsay } from "./talk/hearsay.js";
import { either, fired } from "./talk/wait.js";
import { TopicKeeping } from "./topics/keeping.js";
import { beginTopics, toldToTopics } from "./topics/member.js";
import type { Topics } from "./topics/topics.js";
import type { Traffic } from "./traffic/traffic.js";
import type { Metadata } from "./types.js";
import type { Directory } from "./view/directory.js";
import { encodeMetadata } from "./view/metadata.js";

/** What the program has said of its member, and what hears of it. */
export interface LifeOptions {
  readonly options: ClientOptions;
  readonly log: ClientLog;
  readonly feed: ChangeFeed;
  readonly directory: Directory;
  readonly handlers: Handlers;
  readonly services: Services;
  readonly topics: Topics;
  readonly isolation: Isolation;
  readonly rejected: Rejections;
  readonly traffic: Traffic;
  readonly hearsay: Pick<Hearsay, "handOver">;
  readonly witness: Pick<Witness, "told">;
  readonly history: Pick<History, "close">;
  readonly onAlarm: (alarm: FirefliesError) => void;
  /** Set by the program; undefined while the configuration's are in force. */
  readonly metadata: () => Metadata | undefined;
  /** What ring neighbours are handed. */
  readonly content: () => Uint8Array | undefined;
  readonly announced: Announced;
}

type Phase = "new" | "starting" | "running" | "stopping" | "stopped";

export class Life {
  readonly #parts: LifeOptions;
  readonly #names = new NameResolver({ now: () => performance.now() });
  readonly #gate = new ConnectionGate();
  /** Where it dials from: a NAT shows others one address then. */
  readonly #out = new OutPort();
  readonly #ports = {
    ...{ gate: this.#gate, out: this.#out, udp: () => this.#member?.udp, tls: () => wssOf(this.#config) },
    expects: (from: Address) => this.#member?.expects(from) === true,
  };
  readonly #rendezvous = new Rendezvous({
    ...{ member: () => this.#member, gate: this.#gate, now: Date.now },
    onAlarm: (alarm) => this.#parts.onAlarm(alarm),
  });
  readonly #ending = new AbortController();
  readonly #deadline = new DrainDeadline();
  #network: HostNetwork;
  #phase: Phase = "new";
  #startup: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #config: MemberConfig | undefined;
  #settings: Settings | undefined;
  #state: StateDirectory | undefined;
  #member: Node | undefined;
  #renewal: Renewal | undefined;
  #addresses: OwnAddresses | undefined;
  #arrival: Arrival | undefined;
  #keeping: TopicKeeping | undefined;

  constructor(parts: LifeOptions) {
    this.#parts = parts;
    this.#network = parts.options.network ?? {};
  }

  /** Throws "already-started". */
  useNetwork(network: HostNetwork): void {
    if (this.#phase !== "new") throw new FirefliesError("already-started");
    this.#network = network;
  }

  // --- What there is ---

  /** Undefined before `start` has got so far. */
  get member(): Node | undefined {
    return this.#member;
  }

  get config(): MemberConfig | undefined {
    return this.#config;
  }

  /** Throws "not-started". Returns what was before. */
  adjust(changes: Partial<Adjusted>): Adjusted {
    const { relays } = this.running;
    const before = this.#config as MemberConfig;
    const config = { ...before, ...changes };
    this.#config = config;
    relays.adjust(config);
    if (config.rdv !== before.rdv) this.#rendezvous.serve(config.rdv);
    this.#keeping?.use(config);
    this.#parts.topics.keepingChanged();
    if (config.entryAddrs !== before.entryAddrs || config.mdns !== before.mdns) this.#arrival?.use(config);
    return adjustablePart(before);
  }

  /** Where it hears of others. */
  get sources(): readonly DiscoveryInfo[] {
    return this.#arrival?.sources ?? [];
  }

  get rdv(): RendezvousInfo {
    return this.#rendezvous.info;
  }

  /** For how long an accusation stands before its target is removed, milliseconds. */
  get removalMs(): number {
    return this.#settings?.removalMs ?? 0;
  }

  /** Milliseconds in which others take one note of this member (rule R11); 0 before it has an identity. */
  get noteMs(): number {
    return this.#settings ? noteMs(this.#settings) : 0;
  }

  /** Fires when `stop` is called. */
  get stopping(): AbortSignal {
    return this.#ending.signal;
  }

  /** Also after the end. Throws "not-started". */
  get begun(): Node {
    if (!this.#member) throw new FirefliesError("not-started");
    return this.#member;
  }

  /** Throws "not-started" before `start` has got so far, and after the end. */
  get running(): Node {
    if (this.#phase === "stopped") throw new FirefliesError("not-started");
    return this.begun;
  }

  /** For what begins something new: as `running`, and throws "member-stopping". */
  get talking(): Node {
    if (this.#phase !== "stopping") return this.running;
    throw new FirefliesError("member-stopping", "stop() was called: this member begins nothing new.");
  }

  /** The protocol runs: from shortly before `start` resolves until `stop`. */
  get isInMotion(): boolean {
    return this.#phase !== "stopped" && this.#member?.isInMotion === true;
  }

  /** Throws "not-started". */
  get addresses(): OwnAddresses {
    if (!this.isInMotion || !this.#addresses) throw new FirefliesError("not-started");
    return this.#addresses;
  }

  /** Throws "not-started". */
  get renewal(): Renewal {
    if (!this.isInMotion || !this.#renewal) throw new FirefliesError("not-started");
    return this.#renewal;
  }

  // --- Begin and end ---

  /** See `Client.start`. */
  async start(signal: AbortSignal | undefined): Promise<void> {
    if (this.#phase !== "new") throw new FirefliesError("already-started");
    this.#phase = "starting";
    const cancelled = AbortSignal.any([this.#ending.signal, ...(signal ? [signal] : [])]);
    this.#startup = this.#start(cancelled);
    try {
      await this.#startup;
      cancelled.throwIfAborted();
      this.#phase = "running";
      this.#parts.log.ready(this.#parts.directory.self());
      setImmediate(() => this.#member?.admit()); // After all who await this.
    } catch (cause) {
      const error = cancelled.aborted
        ? new FirefliesError("cancelled", "start() was cancelled.", { cause })
        : ofSystem(cause);
      await this.stop();
      throw error;
    }
  }

  /** Within so many milliseconds: see `Client.stop`. */
  async stop(drain = DRAIN_MS): Promise<void> {
    this.#deadline.within(drain);
    this.#stopped ??= this.#end();
    await this.#stopped;
  }

  async #end(): Promise<void> {
    const { log, handlers, feed, announced, history } = this.#parts;
    this.#phase = "stopping";
    log.life("stopping");
    this.#ending.abort();
    announced.close();
    await this.#startup?.catch(() => {}); // What it opens while it unwinds is closed below.
    const renewed = this.#renewal?.stop();
    const parted = this.#arrival?.leave();
    this.#addresses?.stop();
    const { signal } = this.#deadline;
    await Promise.all([this.#member?.stop(signal), either(handlers.settled(), fired(signal))]);
    await Promise.all([parted, this.#rendezvous.close()]);
    this.#phase = "stopped";
    this.#deadline.clear();
    this.#names.close();
    await renewed; // While the directory is still ours.
    await this.#state?.close();
    feed.close();
    history.close();
    log.life("stopped");
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { options, onAlarm } = this.#parts;
    const config = resolveMemberConfig({ ...options, network: this.#network });
    this.#config = config;
    if (config.dir !== undefined) this.#state = await StateDirectory.open(config.dir, onAlarm);
    const [given, network] = [options.identity, this.#network];
    const enrolled = await enrolOrRestore(config, { given, network, signal, now: Date.now, onAlarm });
    this.#settings = settingsOf(config, enrolled.identity.certificate); // Refused before anything is opened.
    const memory = await recall(this.#state, onAlarm);
    signal.throwIfAborted();
    this.#rendezvous.serve(config.rdv);
    const member = this.#memberOf(config, enrolled.identity);
    this.#member = member;
    await member.listen();
    signal.throwIfAborted();
    this.#arrival = this.#arriving(member, enrolled, config);
    await this.#arrival.join(memory, signal);
    this.#renewal = this.#renewing(member, enrolled, config);
    const onMoved = (addresses: readonly string[]) => this.#told(addresses);
    this.#addresses = new OwnAddresses({ config, interfaces: this.#interfaces, member, onMoved });
  }

  // --- Its parts ---

  readonly #interfaces = (): Interfaces => (this.#network.interfaces ?? networkInterfaces)();

  #memberOf(config: MemberConfig, identity: Identity): Node {
    const { services, topics, isolation, onAlarm, handlers, metadata, announced, feed, directory, traffic, witness } =
      this.#parts;
    return new Node({
      ...{ config, identity, state: this.#state, gate: this.#gate, interfaces: this.#interfaces },
      ...{ services, topics, isolation, onAlarm, traffic },
      transports: transportsOf(this.#network, () => this.#rendezvous.transports(this.#ports)),
      ...(this.#network.transports === undefined && { out: this.#out }),
      resolver: this.#network.resolver ?? this.#names,
      bindDatagrams: this.#network.bindDatagrams,
      metadata: () => encodeMetadata(metadata() ?? config.metadata),
      offered: () => announced.extensions,
      dispatch: (kind, payload, request) => handlers.dispatch(kind, payload, request),
      streamHandler: (name, from) => handlers.streamHandler(name, from),
      onDatagram: (from, data) => handlers.takeDatagram(from, data),
      parts: () => [this.#arrival?.told ?? {}, toldToTopics(topics), this.#heard(), witness.told],
      onAddresses: (addresses) => this.#told(addresses),
      onPath: pathTeller(feed, directory),
    });
  }

  #arriving(member: Node, { authorityUrls: urls }: Enrolled, config: MemberConfig): Arrival {
    const { onAlarm, content, topics, options } = this.#parts;
    const { caTls: proxyRoots, dir } = config;
    return new Arrival({
      ...{ member, urls, proxyRoots, config, onAlarm, interfaces: this.#interfaces },
      discovery: options.discovery ?? [],
      isNetworked: this.#network.transports === undefined,
      ending: this.#ending.signal,
      onStarted: () => {
        const handed = content();
        if (handed) member.machine.setGossipContent(handed);
        this.#keeping = new TopicKeeping(config);
        beginTopics(topics, member, { directory: dir, keeping: this.#keeping });
      },
    });
  }

  #renewing(member: Node, enrolled: Enrolled, config: MemberConfig): Renewal {
    const { isolation, onAlarm } = this.#parts;
    return new Renewal({
      ...{ identity: () => member.identity, addresses: () => member.addresses, clocks: () => member.clocks },
      ...{ urls: enrolled.authorityUrls, proxyRoots: config.caTls, directory: config.dir },
      onRenewed: (identity) => {
        isolation.renewed();
        member.renewed(identity);
      },
      onFailed: onAlarm,
    });
  }

  // --- What it hears ---

  #told(addresses: readonly string[]): void {
    this.#arrival?.moved();
    this.#parts.feed.publish({ kind: "moved", addresses, at: Date.now() });
  }

  #heard(): OutputHandlers {
    const { directory, feed, hearsay, isolation, rejected, onAlarm } = this.#parts;
    return heard({
      ...{ directory, feed, isolation, rejected, onAlarm },
      handOver: (to, content) => {
        if (this.#phase === "running") void hearsay.handOver(to, content);
      },
      onClockStepped: () => this.#clockStepped(),
    });
  }

  /** The authority is asked what time it is, and what is due by the new time is done. */
  #clockStepped(): void {
    this.#arrival?.doubt();
    this.#renewal?.look();
  }
}
