/**
 * A running member: the machine with its driver, transport, pings, messages and streams, put together from an identity
 * and a configuration. The public face is client.ts.
 */
import {
  Machine,
  type MachineOptions,
  type Address as NoteAddress,
  type Recipient,
  type SignedType,
  TrustedClock,
} from "../gossip/index.js";
import { FirefliesError, type Identity, type MemberCertificate, sha256, sign, titleOf } from "../identity/index.js";
import {
  type Address,
  type Datagrams,
  type Deadline,
  type Destination,
  Protocols,
  type PunchFigures,
  refusalToDial,
  SelfSession,
  Stack,
  type UdpPort,
  UdxEndpoint,
} from "../net/index.js";
import { type MemberId, tolerance } from "../rings/index.js";
import type { Contact } from "./authority/authority.js";
import { advertisedAddresses, interfaceHosts, isAuto, noteAddresses } from "./config/index.js";
import { recipientOf } from "./config/values.js";
import { addressesAmong } from "./discovery/place.js";
import { Driver } from "./driver/driver.js";
import { MemberChanges } from "./driver/member-changes.js";
import { settingsOf } from "./driver/settings.js";
import { monotonic, random, wall } from "./driver/surroundings.js";
import { factsOf, Verifier } from "./driver/verifier.js";
import type { Services } from "./grpc/services.js";
import type { NodeOptions } from "./node-options.js";
import { Paths } from "./paths/paths.js";
import { type Answers, PROBE, speak } from "./protocols.js";
import { Punching } from "./punching/punching.js";
import { Ways } from "./reach/ways.js";
import { Relays } from "./relays/relays.js";
import type { Clocks } from "./standing/clocks.js";
import { listenAll } from "./standing/listening.js";
import { Pinging } from "./standing/pinging.js";
import { ReachWatch } from "./standing/reach-watch.js";
import { Upkeep } from "./standing/upkeep.js";
import { ViewCache } from "./standing/view-cache.js";
import type { Memory } from "./state/recollection.js";
import { datagramsOf } from "./talk/datagrams.js";
import { Door } from "./talk/door.js";
import { drain } from "./talk/drain.js";
import { Messenger } from "./talk/messenger.js";
import { RoundTrips } from "./talk/round-trips.js";
import { Streams } from "./talk/streams.js";
import type { Topics } from "./topics/topics.js";
import { Certificates, certificateStatement, recipients } from "./view/certificates.js";
import { destinationOf } from "./view/directory.js";

/** How long a leaving member waits for its neighbours to hear it, milliseconds: one call's deadline and a little. */
const LEAVE_TIMEOUT_MS = 2500;
/** Calls under way when it closes have this long, milliseconds. */
const CLOSE_GRACE_MS = 250;

interface Advertising {
  /** I am still at the old addresses as well. */
  readonly wasThere: boolean;
  /** May what others see of me be added? As before, unless it is said. */
  readonly isAuto?: boolean;
}

export class Node {
  readonly #options: NodeOptions;
  readonly #protocols = new Protocols();
  readonly #certificates = new Certificates({
    identity: () => this.#identity,
    machine: () => this.#machine,
    check: (facts) => this.#verifier.certificate(facts),
  });
  readonly #stack: Stack;
  readonly #verifier: Verifier;
  readonly #pinging: Pinging;
  /** What it has of relays, and does as one. */
  readonly relays: Relays;
  readonly #punching: Punching;
  readonly paths: Paths;
  readonly clock = new TrustedClock(wall);
  readonly streams: Streams;
  readonly datagrams: Datagrams;
  readonly messenger: Messenger;
  readonly roundTrips: RoundTrips;
  /** How others reach me. */
  readonly ways: Ways;
  /** What this program sends to itself goes to its own handlers. */
  readonly #self: SelfSession;
  readonly #door: Door;
  readonly services: Services;
  readonly topics: Topics;
  #identity: Identity;
  #listeners: readonly Address[] = [];
  /** Told by the program or the configuration, or derived from what is listened on. */
  #advertised: readonly string[] = [];
  #isAuto = false;
  /** What others have found, as the program was told. */
  #outer = "";
  #machine: Machine | undefined;
  #driver: Driver | undefined;
  readonly #upkeep = new Upkeep(() => this.#tidy());
  #reachWatch: ReachWatch | undefined;
  #cache: ViewCache | undefined;
  #onDeparted: () => void = () => {};
  readonly #changes: MemberChanges;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.services = options.services;
    const { traffic } = options;
    this.streams = new Streams({}, traffic);
    this.topics = options.topics;
    const identity = () => this.#identity;
    const mine = () => this.addresses;
    // Certificates are judged by a clock that does not step (rule R18), wherever they are judged.
    const trusted = () => this.clock.wall(monotonic());
    const proves = (begin: number) => this.clock.proves(begin, monotonic());
    this.relays = new Relays({
      ...{ config: options.config, certificate: options.identity.certificate },
      ...{ links: () => this.#stack.links, machine: () => this.#machine },
      accept: (...connection) => this.#stack.accept(...connection),
      connect: (connection, options) => this.#stack.connect(connection, options),
      connection: (addresses, until) => this.#stack.connection(addresses, until),
      onRelays: () => this.#describe(),
      dialable: () => this.ways.reach.dialable,
      ...{ wall, now: monotonic, random: random.number },
    });
    this.paths = new Paths({
      ...{ config: options.config, links: () => this.#stack.links, machine: () => this.#machine },
      ...{
        nameOf: (id) => this.nameOf(id),
        whyNotPunched: (id) => this.#punching.whyNot(id),
        whyChanged: (id) => this.relays.troubles.why(id),
        consider: (id) => this.#punching.consider(id),
        onChange: options.onPath,
      },
    });
    this.#stack = new Stack({
      ...this.paths.forLinks,
      transports: [...options.transports, this.relays.transport],
      ...{ resolver: options.resolver, gate: options.gate, protocols: this.#protocols },
      ...{ proves, identity, mine, wall: trusted, now: monotonic },
      current: (peer) => this.#certificates.currentOf(peer),
      refusal: (peer) => this.#machine?.refusal(factsOf(peer)),
      certificateOf: (id) => this.certificateOf(id),
      isHeld: (id) => this.streams.isOpenWith(id) || this.services.isOpenWith(id) || this.relays.isHeld(id),
      takes: (connection, from) => this.#punching.takes(connection, from),
      enters: (connection, arrival) => this.relays.enter(connection, arrival),
      onProven: (session) => this.messenger.greet(session),
      onRelayFailed: (id, path, what) => this.relays.failed(id, path, what),
      onLost: (id) => this.#driver?.input((machine, now) => machine.linkLost(id, now)),
    });
    this.#speak();
    this.relays.register(this.#protocols);
    const { ringCount } = options.identity.certificate;
    this.ways = new Ways({
      machine: () => this.machine,
      links: this.#stack.links,
      greet: (address, id, until) => this.#stack.greet(address, id, until),
      ping: (id, addresses, patience) => this.roundTrips.ping(id, addresses, patience),
      ...{ ringCount, tolerance: tolerance(ringCount), advertised: mine },
      listeners: () => this.#listeners,
      udpPort: () => this.#pinging.port,
      relaySights: () => this.relays.info.mine,
      ...{ isAuto: () => this.#isAuto, isToldHidden: options.config.behindNat === true },
      hosts: () => interfaceHosts(options.interfaces),
      ...{ wall, now: monotonic, random: random.number },
      ...{ onFound: () => this.#found(), onAlarm: options.onAlarm },
    });
    this.ways.reach.onChange(() => this.relays.poke());
    this.#punching = new Punching({
      ...{ self: this.id, out: options.out, stack: this.#stack, mine, now: monotonic, random: random.number },
      seen: () => [
        ...this.ways.reach.seen,
        ...this.relays.info.mine.map(({ id, observed }) => [id, observed] as const),
      ],
      seenUdp: () => this.ways.reach.seenUdp,
      relays: () => this.relays.info.mine.map(({ id }) => id),
      observe: (id) => this.ways.observe(id),
      udp: () => this.#pinging.udp,
    });
    this.#punching.register(this.#protocols);
    this.roundTrips = new RoundTrips({
      ping: (to, addresses, nonce) => this.#pinging.notes.ping(to, addresses, nonce),
      pingable: (id) => this.ways.pingable(id),
      reach: async (to, until) => (this.#isMe(to) ? this.#self : await this.#stack.links.reach(to, until)),
      isLinked: (to) => this.#isMe(to) || this.#stack.links.usable(to) !== undefined,
      ...{ call: (session, until) => session.call(PROBE, new Uint8Array(0), until), now: monotonic },
    });
    this.#verifier = new Verifier({ identity, now: trusted, proves, checks: traffic.signatures });
    this.#pinging = new Pinging({
      ...{ certificate: options.identity.certificate, resolver: options.resolver },
      bindDatagrams: options.bindDatagrams,
      machine: () => this.#machine,
      input: (run) => this.#driver?.input(run),
      mayDial: (address) => refusalToDial(address, this.addresses) === undefined,
      preferred: (id) => this.paths.hostOf(id),
      heard: (from, at) => this.ways.heard(from, at),
      answered: (from) => this.#driver?.proven(from),
      takesPong: (from, nonce) => this.roundTrips.pong(from, nonce),
    });
    this.datagrams = datagramsOf({
      ...{ self: this.id, protocols: this.#protocols, now: monotonic },
      ...{ links: () => this.#stack.links, machine: () => this.#machine },
      notes: () => this.#pinging.notes,
      door: () => this.#door,
      onDatagram: (from, data) => this.knows(from) && options.onDatagram(from, data),
    });
    this.#self = new SelfSession({ protocols: this.#protocols, certificate: () => this.#identity.certificate });
    this.#door = new Door({ isKnown: (id) => this.knows(id), refusal: (peer) => this.#refusal(peer) });
    this.messenger = new Messenger({
      links: {
        usable: (to) => (this.#isMe(to) ? this.#self : this.#stack.links.usable(to)),
        reach: (to, how) => this.#stack.links.reach(to, how),
      },
      ...{ identity, dispatch: options.dispatch, traffic },
      refusal: (peer) => this.#refusal(peer),
      concurrent: options.config.maxConcurrentMessages,
      destination: (id) => this.#destination(id),
    });
    this.#changes = new MemberChanges({
      ...{ stack: this.#stack, door: this.#door, messenger: this.messenger, datagrams: this.datagrams },
      ...{ punching: this.#punching, pinging: this.#pinging, relays: this.relays },
      talks: [this.streams, this.services],
      isLive: (id) => this.#machine?.member(id) !== undefined,
      nameOf: (id) => this.nameOf(id),
      onJoined: () => this.#cache?.joined(),
    });
  }

  get identity(): Identity {
    return this.#identity;
  }

  get id(): MemberId {
    return this.#identity.certificate.id;
  }

  /** "host:port" that others are told, the preferred one first; empty before `listen`. */
  get addresses(): readonly string[] {
    return [...new Set([...this.ways.reach.outer, ...this.#advertised])];
  }

  get machine(): Machine {
    if (!this.#machine) throw new FirefliesError("not-started");
    return this.#machine;
  }

  /** `start` has been called. */
  get isInMotion(): boolean {
    return this.#driver !== undefined;
  }

  /** `start` of the program has resolved: who waits for that is let in. */
  admit(): void {
    this.#door.open();
  }

  /** Is it in the view, as the program sees it, or is it me? */
  knows(id: MemberId): boolean {
    return id === this.id || this.#machine?.member(id) !== undefined;
  }

  #isMe({ id, addresses }: Destination): boolean {
    return id === this.id || (id === undefined && addresses.some((address) => this.addresses.includes(address)));
  }

  /** False while dials to this member fail and it has made no session to me. */
  isReachable(id: MemberId): boolean {
    return this.#stack.links.get(id)?.unreached === undefined;
  }

  /** Binds all ports. Rejects with "address-in-use" or "address-invalid". */
  async listen(): Promise<void> {
    const { config } = this.#options;
    this.#listeners = await listenAll({ config: config.listen, stack: this.#stack, pinging: this.#pinging });
    this.#isAuto = isAuto(config);
    this.#advertised = advertisedAddresses(config, this.#listeners, this.#options.interfaces());
    if (this.#pinging.udp) this.datagrams.use(this.#pinging.udp.carrier("application"));
  }

  /** The one UDP port; undefined before `listen`. */
  get udp(): UdpPort | undefined {
    return this.#pinging.udp;
  }

  /** What is listened on, with the ports that are bound; empty before `listen`. */
  get listeners(): readonly Address[] {
    return this.#listeners;
  }

  /**
   * Where others reach me from now on: signed as my next note. When I am no longer `wasThere`, at the old address, all
   * links are made anew.
   */
  advertise(addresses: readonly string[], { wasThere, isAuto: auto = this.#isAuto }: Advertising): void {
    this.#advertised = addresses;
    this.#isAuto = auto;
    if (!wasThere) this.#stack.links.renew();
    this.ways.reach.moved();
    this.#punching.moved();
    if (this.udp) UdxEndpoint.of(this.udp)?.announce();
    this.#describe();
  }

  #describe(): void {
    this.input((machine, now) => machine.describe({ addresses: this.noteAddresses }, now));
  }

  /** All addresses of my note. */
  get noteAddresses(): readonly NoteAddress[] {
    const { candidates } = this.ways.reach.state;
    // Who cannot be dialled is not pinged either: it is asked over sessions, and through its relays (R21).
    const pinged = this.relays.isDialable ? this.#pinging.port : undefined;
    return noteAddresses(this.addresses, pinged, candidates, this.relays.noted);
  }

  /** Others have told me an address of mine that I did not know. */
  #found(): void {
    if (this.#outer !== this.ways.reach.outer.join(" ")) this.#options.onAddresses(this.addresses);
    this.#outer = this.ways.reach.outer.join(" ");
    this.#describe();
  }

  /** Where strangers may begin: nowhere at a member that nobody can dial. */
  get contactAddresses(): readonly string[] {
    return this.relays.isDialable ? this.addresses : [];
  }

  /** Does a punch wait for a connection from there? */
  expects(from: Address): boolean {
    return this.#punching.expects(from);
  }

  get punches(): PunchFigures {
    return this.#punching.figures;
  }

  /** Starts the protocol. What the machine tells goes to `parts`, "ready" among it. */
  start(memory: Memory, contacts: readonly Contact[]): void {
    const { state, onAlarm } = this.#options;
    const machine = new Machine(this.#machineOptions(memory, contacts));
    this.#machine = machine;
    this.#cache = state && new ViewCache({ machine, state, now: monotonic, onAlarm });
    this.#driver = this.#driverOf(machine, memory.savedMark);
    this.#reachWatch = new ReachWatch({
      links: this.#stack.links,
      now: monotonic,
      destination: (id) => this.#destination(id),
      title: (id) => titleOf({ id, name: this.nameOf(id) }),
      onAlarm,
    });
    this.#upkeep.start(random.number());
    this.#driver.input((machine, now) => machine.start(now));
  }

  #machineOptions(memory: Memory, contacts: readonly Contact[]): MachineOptions {
    const { config, metadata, offered } = this.#options;
    const { certificate } = this.#identity;
    const entries = addressesAmong(config.entryAddrs).map(recipientOf);
    return {
      certificate: factsOf(certificate),
      ringCount: certificate.ringCount,
      settings: settingsOf(config, certificate),
      ports: { sha256, random, sign: (type, body) => this.#sign(type, body), clock: this.clock },
      savedMark: memory.savedMark,
      agreementKey: this.#pinging.publicKey,
      addresses: this.noteAddresses,
      ...{ metadata: metadata(), extensions: offered() },
      contacts: [...entries, ...recipients(contacts)],
      known: [...contacts.map(certificateStatement), ...memory.statements],
    };
  }

  #driverOf(machine: Machine, savedMark: bigint): Driver {
    const { state, parts, onAlarm, isolation, traffic } = this.#options;
    return new Driver({
      machine,
      links: this.#stack.links,
      pings: this.#pinging.notes,
      verifier: this.#verifier,
      now: monotonic,
      save: async (mark) => await state?.saveEpoch(mark),
      savedMark,
      parts: [{ departed: () => this.#onDeparted() }, this.#changes.told, ...parts()],
      onSaveFailed: onAlarm,
      ...{ isolation, traffic },
    });
  }

  input<T>(run: (machine: Machine, now: number) => T): T {
    if (!this.#driver) throw new FirefliesError("not-started");
    return this.#driver.input(run);
  }

  /** A statement from the authority; checked like anyone's. */
  learn(statement: Uint8Array): void {
    this.input((machine, now) => machine.learn([statement], now));
  }

  /** Contacts that came later, from an authority that was slow to answer. */
  meet(contacts: readonly Contact[]): void {
    this.input((machine, now) => {
      machine.learn(contacts.map(certificateStatement), now);
      machine.meet(recipients(contacts), now);
    });
  }

  /** Is a live member meant, or reached there? */
  isLive({ id, addresses }: Recipient): boolean {
    if (id !== undefined) return this.machine.member(id) !== undefined;
    return this.machine
      .members()
      .some((peer) => destinationOf(peer).addresses.some((each) => addresses.includes(each)));
  }

  /** Those that a source has named; the urgent ones are asked at once, also while others are there. */
  contact(recipients: readonly Recipient[], urgent: readonly Recipient[]): void {
    this.input((machine, now) => {
      machine.meet(recipients, now);
      if (urgent.length > 0) machine.meet(urgent, now, true);
    });
  }

  /** The member that proves itself at the address is asked at once whom it knows. Rejects as `Links.reach`. */
  async seek(address: string, until: Deadline): Promise<MemberId> {
    const { peer } = await this.#stack.links.reach({ addresses: [address] }, until);
    this.input((machine, now) => machine.meet([{ id: peer.id, addresses: [address] }], now, true));
    return peer.id;
  }

  renewed(identity: Identity): void {
    this.#identity = identity;
    this.input((machine, now) => machine.renew(factsOf(identity.certificate), now));
  }

  /** What the wall clock says, and what is believed (rule R18). */
  get clocks(): Clocks {
    return { wall: this.clock.reading, believed: this.clock.wall(monotonic()) };
  }

  /** The authority has said what time it is. */
  heardTime(time: number): void {
    this.clock.heard(time, monotonic());
  }

  /** The checked certificate of a known member. */
  certificateOf(id: MemberId): MemberCertificate | undefined {
    return this.#certificates.of(id);
  }

  /** The name in the certificate of a known member, whatever its dates. */
  nameOf(id: MemberId): string | undefined {
    return this.#certificates.nameOf(id);
  }

  /** Lets what runs end until the deadline fires, leaves the overlay and closes everything. Never rejects. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#door.close(new FirefliesError("member-stopping"));
    if (this.#driver) {
      const cut = await drain(this, deadline);
      if (cut) this.#options.onAlarm(cut);
      await this.#leave();
    }
    this.#upkeep.stop();
    this.#changes.close();
    this.#driver?.stop();
    const closed = new FirefliesError("link-closed", "The member has stopped.");
    this.messenger.close(closed);
    this.streams.close(closed);
    this.datagrams.close();
    this.services.close(closed);
    this.topics.close(closed);
    this.#self.close(closed);
    this.#pinging.close();
    this.relays.close();
    this.#punching.close();
    await this.#stack.close(CLOSE_GRACE_MS);
    await this.#pinging.udp?.close();
    await this.#cache?.save();
  }

  async #leave(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const departed = new Promise<void>((resolve) => {
      this.#onDeparted = resolve;
      timer = setTimeout(resolve, LEAVE_TIMEOUT_MS);
    });
    this.input((machine, now) => machine.leave(now));
    await departed;
    clearTimeout(timer);
  }

  #sign(type: SignedType, body: Uint8Array): Uint8Array {
    const { privateKey, certificate } = this.#identity;
    return sign(privateKey, type, certificate.networkId, body);
  }

  /** What other members may ask of me. */
  #speak(): void {
    const take: Door["take"] = (...taken) => this.#door.take(...taken);
    const handlerOf = (name: string, { id }: MemberCertificate) => this.#options.streamHandler(name, id);
    const answers: Answers = {
      exchange: (peer, body) => this.#requireDriver().request(peer.id, body),
      probe: () => {
        this.#requireDriver();
        return this.machine.fingerprint();
      },
      observe: (peer, path) => this.ways.answerObserve(peer, path),
      dialBack: (peer, body, signal, path) => this.ways.answerDialBack(peer, body, signal, path),
      messages: (peer, duplex) => {
        if (this.messenger.isAskedAgain(peer.id)) this.messenger.accept(peer, duplex);
        else take(peer, duplex, () => this.messenger.accept(peer, duplex));
      },
      stream: (peer, duplex, name, trace, isAsked) =>
        take(peer, duplex, () => this.streams.accept(peer, duplex, name, handlerOf(name, peer), { isAsked, trace })),
      lasting: (peer, duplex, name, trace) =>
        take(peer, duplex, () => this.streams.acceptLasting(peer, duplex, name, handlerOf(name, peer), trace)),
      topics: (peer, duplex) => take(peer, duplex, () => this.topics.accept(peer.id, duplex)),
      services: (peer, duplex) => take(peer, duplex, () => this.services.accept(peer, duplex)),
    };
    speak(this.#protocols, answers, this.#options.traffic.calls.answered);
  }

  #requireDriver(): Driver {
    if (!this.#driver) throw new FirefliesError("peer-refused", "The member is still starting.");
    return this.#driver;
  }

  /** Who has left the view may speak of membership only, so that it can come back; its messages wait until then. */
  #refusal(peer: MemberCertificate): FirefliesError | undefined {
    const standing = this.#machine?.standing(peer.id) ?? "silent";
    if (standing === "live" || standing === "suspected" || standing === "silent" || peer.id === this.id)
      return undefined;
    return new FirefliesError("peer-removed", `Member ${titleOf(peer)} is not in the view (${standing}).`);
  }

  /** Where a member of the view is reached. */
  #destination(id: MemberId): Destination | undefined {
    const peer = this.#machine?.member(id);
    return peer && destinationOf(peer);
  }

  #tidy(): void {
    this.#stack.links.tidy();
    this.#cache?.tidy();
    this.datagrams.tidy();
    this.#reachWatch?.look();
    this.relays.look();
    this.#punching.look();
    void this.ways.reach.look();
  }
}
