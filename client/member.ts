/**
 * A running member: the machine with its driver, transport, pings, messages and streams, put together from an identity
 * and a configuration. The public face is client.ts.
 */
import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import {
  addressesOf,
  encodeStatement,
  Machine,
  type MachineOptions,
  type Peer,
  type Random,
  type Recipient,
  TRANSPORT_GRPC,
  TrustedClock,
} from "../gossip/index.js";
import {
  type AgreementKey,
  FirefliesError,
  generateAgreementKey,
  type Identity,
  type MemberCertificate,
  sha256,
  sign,
} from "../identity/index.js";
import type { MemberId } from "../rings/index.js";
import type { Contact } from "./authority.js";
import { advertisedAddresses, type MemberConfig, noteAddresses } from "./config/index.js";
import { Driver, type Told } from "./driver/driver.js";
import { LinkPool } from "./driver/link-pool.js";
import { NotePings, nonceOf } from "./driver/ping-sender.js";
import { PingTable } from "./driver/ping-table.js";
import { factsOf, Verifier } from "./driver/verifier.js";
import type { Dispatch } from "./messages/responder.js";
import { Messenger } from "./messenger.js";
import type { SummonsFields } from "./ping-codec.js";
import { Pings } from "./pings.js";
import type { Memory } from "./recollection.js";
import { settingsOf } from "./settings.js";
import type { StateDirectory } from "./state/index.js";
import { type StreamHandler, Streams } from "./streams.js";
import type { ByteDuplex, CallKind, DuplexKind, Listener, Transport, TransportOptions } from "./transport.js";
import { ViewCache } from "./view-cache.js";

/** How long a leaving member waits for its neighbours to hear it, milliseconds: one call's deadline and a little. */
const LEAVE_TIMEOUT_MS = 2500;
/** Calls under way when it closes have this long, milliseconds. */
const CLOSE_GRACE_MS = 250;
/** Housekeeping: idle links, and known members to disk when they have changed, milliseconds. */
const UPKEEP_MS = 1000;

export interface MemberOptions {
  readonly config: MemberConfig;
  readonly identity: Identity;
  readonly state: StateDirectory | undefined;
  readonly transport: (options: TransportOptions) => Transport;
  /** Asked for when the protocol starts. */
  readonly metadata: () => Uint8Array;
  readonly dispatch: Dispatch;
  readonly streamHandler: () => StreamHandler | undefined;
  readonly onTold: (told: Told) => void;
  readonly onAlarm: (error: FirefliesError) => void;
}

const random: Random = {
  number: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  nonce: () => randomBytes(8).readBigUInt64BE(0),
};
const monotonic = (): number => performance.now();
const wall = (): number => Date.now();

export class Member {
  readonly #options: MemberOptions;
  readonly #agreement: AgreementKey = generateAgreementKey();
  readonly #pool: LinkPool;
  readonly #verifier: Verifier;
  readonly #pingTable: PingTable;
  readonly #transport: Transport;
  readonly streams = new Streams();
  readonly messenger: Messenger;
  #identity: Identity;
  #listener: Listener | undefined;
  #pings: Pings | undefined;
  #addresses: readonly string[] = [];
  #machine: Machine | undefined;
  #driver: Driver | undefined;
  #upkeep: NodeJS.Timeout | undefined;
  #cache: ViewCache | undefined;
  #onDeparted: () => void = () => {};

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#identity = options.identity;
    const identity = () => this.#identity;
    const mine = () => this.#addresses;
    // Certificates are judged by a clock that does not step (rule R18), wherever they are judged.
    const clock = new TrustedClock(wall);
    const trusted = () => clock.wall(monotonic());
    const current = (peer: MemberCertificate) => this.#currentOf(peer);
    this.#transport = options.transport({ identity, now: trusted, current });
    this.#pool = new LinkPool({
      transport: this.#transport,
      now: monotonic,
      identity,
      wall: trusted,
      current,
      refusal: (peer) => this.#machine?.refusal(factsOf(peer)),
      certificateOf: (id) => this.certificateOf(id),
      mine,
      onLost: (id) => this.#driver?.input((machine, now) => machine.linkLost(id, now)),
    });
    this.#verifier = new Verifier({ identity, now: trusted });
    const { id: self, networkId } = options.identity.certificate;
    this.#pingTable = new PingTable({
      agreement: this.#agreement,
      networkId,
      self,
      keyOf: (id) => this.#machine?.agreementKeyOf(id),
    });
    this.messenger = new Messenger({
      pool: this.#pool,
      identity,
      dispatch: options.dispatch,
      refusal: (peer) => this.#refusal(peer),
      concurrent: options.config.maxConcurrentMessages,
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
    return this.#addresses;
  }

  get machine(): Machine {
    if (!this.#machine) throw new FirefliesError("not-started");
    return this.#machine;
  }

  /** `start` has been called. */
  get isInMotion(): boolean {
    return this.#driver !== undefined;
  }

  get links(): number {
    return this.#pool.size;
  }

  /** Binds both ports. Rejects with "address-in-use" or "address-invalid". */
  async listen(): Promise<void> {
    const { config } = this.#options;
    const { host, port, udpPort } = config.listen;
    this.#listener = await this.#transport.listen({
      host,
      port,
      handlers: {
        admit: (peer) => this.#machine?.refusal(factsOf(peer)),
        onCall: (peer, kind, body) => this.#onCall(peer, kind, body),
        onDuplex: (peer, kind, duplex) => this.#onDuplex(peer, kind, duplex),
      },
    });
    this.#addresses = advertisedAddresses(config, this.#listener.port, networkInterfaces());
    this.#pings = await this.#bindPings(host, udpPort ?? this.#listener.port, udpPort === undefined);
  }

  /** Starts the protocol. Outputs come through `onTold`, "ready" among them. */
  start(memory: Memory, contacts: readonly Contact[]): void {
    const { state, onAlarm } = this.#options;
    const machine = new Machine(this.#machineOptions(memory, contacts));
    this.#machine = machine;
    this.#cache = state && new ViewCache({ machine, state, now: monotonic, onAlarm });
    this.#driver = this.#driverOf(machine, memory.savedMark);
    this.#upkeep = setInterval(() => this.#tidy(), UPKEEP_MS);
    this.#upkeep.unref();
    this.#driver.input((machine, now) => machine.start(now));
  }

  #machineOptions(memory: Memory, contacts: readonly Contact[]): MachineOptions {
    const { config, metadata } = this.#options;
    const { certificate } = this.#identity;
    const entries = config.entryAddrs.map((address) => ({ id: undefined, addresses: [address] }));
    return {
      certificate: factsOf(certificate),
      ringCount: certificate.ringCount,
      settings: settingsOf(config, certificate),
      ports: { sha256, random, sign: (type, body) => this.#sign(type, body), wallClock: wall },
      savedMark: memory.savedMark,
      agreementKey: this.#agreement.publicKey,
      addresses: noteAddresses(this.#addresses, this.#pings?.port),
      metadata: metadata(),
      contacts: [...entries, ...recipients(contacts)],
      known: [...contacts.map(certificateStatement), ...memory.statements],
    };
  }

  #driverOf(machine: Machine, savedMark: bigint): Driver {
    const { state, onTold, onAlarm } = this.#options;
    const pings = () => this.#pings;
    return new Driver({
      machine,
      pool: this.#pool,
      pings: new NotePings({ pings, table: this.#pingTable, mine: () => this.#addresses, now: monotonic }),
      verifier: this.#verifier,
      now: monotonic,
      save: async (mark) => await state?.saveEpoch(mark),
      savedMark,
      onTold: (told) => {
        this.#follow(told);
        onTold(told);
      },
      onSaveFailed: onAlarm,
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

  renewed(identity: Identity): void {
    this.#identity = identity;
    this.input((machine, now) => machine.renew(factsOf(identity.certificate), now));
  }

  /** The checked certificate of a known member. */
  certificateOf(id: MemberId): MemberCertificate | undefined {
    if (id === this.#identity.certificate.id) return this.#identity.certificate;
    const facts = this.#machine?.certificateOf(id);
    const verdict = facts && this.#verifier.certificate(facts);
    return verdict?.ok ? verdict.certificate : undefined;
  }

  /** Leaves the overlay and closes everything. Never rejects. */
  async stop(): Promise<void> {
    if (this.#driver) await this.#leave();
    clearInterval(this.#upkeep);
    this.#driver?.stop();
    const closed = new FirefliesError("link-closed", "The member has stopped.");
    this.messenger.close(closed);
    this.streams.close(closed);
    this.#pool.close();
    this.#pings?.close();
    await this.#listener?.close(CLOSE_GRACE_MS);
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

  /** The default number of the UDP port is the TCP port's; when that one is taken, any other serves. */
  async #bindPings(host: string, port: number, anyOther: boolean): Promise<Pings> {
    const { id: self, networkId } = this.#identity.certificate;
    const options = {
      host,
      self,
      networkId,
      peerOf: (prefix: string) => this.#pingTable.peerOf(prefix),
      fingerprint: () => this.machine.fingerprint(),
      onPing: (from: MemberId, fingerprint: Uint8Array) =>
        this.#driver?.input((machine, now) => machine.pinged(from, fingerprint, now)),
      onPong: (from: MemberId, nonce: Uint8Array, fingerprint: Uint8Array) =>
        this.#driver?.input((machine, now) => machine.pong(from, nonceOf(nonce), fingerprint, now)),
      onSummons: (from: MemberId, { ring, epoch }: SummonsFields) =>
        this.#driver?.input((machine, now) => machine.summoned(from, ring, epoch, now)),
    };
    try {
      return await Pings.bind({ ...options, port });
    } catch (error) {
      if (!anyOther || !(error instanceof FirefliesError) || error.code !== "address-in-use") throw error;
      return await Pings.bind({ ...options, port: 0 });
    }
  }

  #sign(type: "note" | "leave" | "accusation", body: Uint8Array): Uint8Array {
    const { privateKey, certificate } = this.#identity;
    return sign(privateKey, type, certificate.networkId, body);
  }

  async #onCall(peer: MemberCertificate, kind: CallKind, body: Uint8Array): Promise<Uint8Array> {
    if (!this.#driver) throw new FirefliesError("peer-refused", "The member is still starting.");
    if (kind === "probe") return this.machine.fingerprint();
    return await this.#driver.request(peer.id, body);
  }

  #onDuplex(peer: MemberCertificate, kind: DuplexKind, duplex: ByteDuplex): void {
    const refusal = this.#driver ? this.#refusal(peer) : new FirefliesError("peer-refused");
    if (refusal) duplex.destroy(refusal);
    else if (kind === "messages") this.messenger.accept(peer, duplex);
    else this.streams.accept(peer, duplex, this.#options.streamHandler());
  }

  /** Who has left the view may speak of membership only, so that it can come back; its messages wait until then. */
  #refusal(peer: MemberCertificate): FirefliesError | undefined {
    const standing = this.#machine?.standing(peer.id);
    if (standing === "live" || standing === "suspected" || standing === "silent") return undefined;
    return new FirefliesError("peer-removed", `Member ${peer.id} is not in the view (${standing ?? "starting"}).`);
  }

  /** The newest certificate of this id for this key. */
  #currentOf(peer: MemberCertificate): MemberCertificate {
    const newest = this.certificateOf(peer.id);
    return newest?.publicKey.equals(peer.publicKey) ? newest : peer;
  }

  /** What a change of the view means for connections. */
  #follow(told: Told): void {
    if (told.kind === "departed") this.#onDeparted();
    if (told.kind === "revocations") this.#cutRevoked();
    if (told.kind === "joined" || told.kind === "updated" || told.kind === "rebutted") this.#introduce(told.member);
    if (told.kind === "joined") this.#cache?.joined();
    if (told.kind !== "left" && told.kind !== "failed") return;
    const { id } = told.member;
    const error = new FirefliesError("peer-removed", `Member ${id} has left the view.`);
    this.messenger.endAll(id, error);
    this.streams.endAll(id, error);
    this.#pool.drop(id);
    this.#listener?.recheck();
  }

  /** Both ways: links that I made, and those that were made to me. */
  #cutRevoked(): void {
    this.#pool.recheck();
    this.#listener?.recheck();
  }

  #introduce(peer: Peer): void {
    const key = this.#machine?.agreementKeyOf(peer.id);
    if (key) this.#pingTable.learn(peer.id, key);
    this.#pool.forgive(addressesOf(peer, TRANSPORT_GRPC));
  }

  #tidy(): void {
    this.#pool.closeIdle();
    this.#cache?.tidy();
  }
}

function recipients(contacts: readonly Contact[]): Recipient[] {
  return contacts.map(({ certificate, addresses }) => ({ id: certificate.id, addresses }));
}

function certificateStatement({ certificate }: Contact): Uint8Array {
  return encodeStatement({ kind: "certificate", chain: certificate });
}
