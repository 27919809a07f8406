/** Hosts with relaying, without a client around them: real sockets and TLS, and relays that lie. */
import type { Duplex } from "node:stream";
import {
  type Deadline,
  deadlineIn,
  formatAddress,
  Protocols,
  type Relaying,
  type Session,
  tcpTransport,
  wsTransport,
} from "../../net/index.js";
import { openConduit } from "../../net/relays/conduit.js";
import { RELAY_LIMITS, RELAY_RESERVE, type RelayLimits } from "../../net/relays/limits.js";
import { decodeReservation, encodeWish } from "../../net/relays/messages.js";
import { Relaying as RelayingSide } from "../../net/relays/relaying.js";
import { Taking } from "../../net/relays/taking.js";
import { Through } from "../../net/relays/through.js";
import { relayTransport } from "../../net/relays/transport.js";
import { conduitPath } from "../../net/session/path.js";
import type { Protocol } from "../../net/session/protocol.js";
import type { MemberId } from "../../rings/index.js";
import { loneStack } from "../support/lone-stack.js";
import { TestNetwork } from "../support/test-network.js";

export interface HostOptions {
  /** Whom it can dial; everybody by default. */
  readonly reaches?: (other: RelayHost) => boolean;
  readonly limits?: Partial<RelayLimits>;
  /** Does it relay now? True by default. And was it told not to? */
  readonly willing?: () => boolean;
  readonly declines?: boolean;
  /** TCP by default. */
  readonly listens?: "ws";
  /** In place of what an honest relay does, by protocol. */
  readonly lies?: readonly Protocol[];
}

/** A call that says who asks, and a stream that comes back as it went. */
const WHO = "who";
export const ECHO = "echo";

const now = () => performance.now();

export class RelayHost implements AsyncDisposable {
  readonly #stack: ReturnType<typeof loneStack>;
  readonly relaying: Relaying;
  /** Where it has a reservation. */
  readonly #mine = new Set<MemberId>();
  #address = "";
  /** Connections that relays have handed over. */
  taken = 0;

  constructor(
    readonly world: RelayWorld,
    readonly identity: Awaited<ReturnType<TestNetwork["member"]>>,
    readonly options: HostOptions,
  ) {
    const protocols = new Protocols();
    const reachDirect = (id: MemberId, until: Deadline) => this.#reachDirect(id, until);
    const through = new Through({ self: this.id, reachDirect, nearby: () => this.#nearby, now });
    const streams = options.listens === "ws" ? [wsTransport(), tcpTransport()] : [tcpTransport(), wsTransport()];
    const transports = [...streams, relayTransport(through)];
    this.#stack = loneStack(identity, {
      ...{ protocols, transports },
      enters: (connection, arrival) => this.relaying.enter(connection, arrival),
    });
    const taking = new Taking({
      isRelayOfMine: (id) => this.#mine.has(id),
      accept: (...connection) => {
        this.taken += 1;
        this.#stack.accept(...connection);
      },
      dial: (id, until) => this.dialForConduit(id, until),
    });
    this.relaying = new RelayingSide({
      ...{ self: this.id, limits: { ...RELAY_LIMITS, ...options.limits }, now },
      ...{ isWilling: () => options.willing?.() ?? true, declines: () => options.declines ?? false },
      isMine: () => true,
      directWith: (id) => this.#directWith(id),
      reachDirect: (id, ms) => reachDirect(id, { deadline: deadlineIn(ms) }),
    });
    const lies = options.lies ?? [];
    const honest = [...taking.protocols, ...this.relaying.protocols].filter(({ id }) =>
      lies.every((lie) => lie.id !== id),
    );
    for (const protocol of [...honest, ...lies]) protocols.register(protocol);
    const limits = { bytesMax: 1024 * 1024, openPerPeerMax: 200 };
    protocols.register({
      ...{ kind: "call", id: WHO, limits },
      onCall: async (peer) => new TextEncoder().encode(peer.id),
    });
    protocols.register({ kind: "duplex", id: ECHO, limits, onDuplex: (_, duplex) => void duplex.pipe(duplex) });
  }

  get id(): MemberId {
    return this.identity.certificate.id;
  }

  async listen(): Promise<this> {
    const path = this.options.listens === "ws" ? "/fireflies" : undefined;
    const { address } = await this.#stack.listen({ host: "127.0.0.1", port: 0, path });
    this.#address = formatAddress(address);
    return this;
  }

  /** Reserves with these relays, which then hand over what comes. */
  async reserve(...relays: readonly RelayHost[]): Promise<void> {
    for (const relay of relays) {
      this.#mine.add(relay.id);
      const session = await this.#reachDirect(relay.id, soon());
      const answer = decodeReservation(await session.call(RELAY_RESERVE, encodeWish("reserve"), soon()));
      if (answer?.kind !== "granted") throw new Error(`not granted: ${answer?.why}`);
    }
  }

  /** Takes what this relay hands over, though it has no reservation there. */
  expect(relay: RelayHost): void {
    this.#mine.add(relay.id);
  }

  /** A session with the target, through one of these relays. */
  reach(target: RelayHost, via: readonly RelayHost[], until: Deadline = soon()): Promise<Session> {
    const addresses = via.map(({ id }) => `relay://${id}`);
    return this.#stack.links.reach({ id: target.id, addresses }, until);
  }

  /** A session that no relay carries. */
  direct(other: RelayHost): Promise<Session> {
    return this.#reachDirect(other.id, soon());
  }

  /** A connection to a host on which nothing was said. */
  async dialForConduit(id: MemberId, until: Deadline): Promise<Duplex> {
    return await this.#stack.connection([this.world.addressOf(id)], until);
  }

  /** A session with the target over a conduit, through this relay. */
  async conduit(target: RelayHost, relay: RelayHost, until: Deadline = soon()): Promise<Session> {
    const session = await this.#reachDirect(relay.id, until);
    const { connection } = await openConduit(session, target.id, until, (...to) => this.dialForConduit(...to));
    return await this.#stack.connect(connection, {
      path: conduitPath("dialled", relay.id),
      expect: target.id,
      ...until,
    });
  }

  /** The session that serves with this host now. */
  best(other: RelayHost): Session | undefined {
    return this.#stack.links.usable({ id: other.id, addresses: [] });
  }

  get address(): string {
    return this.#address;
  }

  /** Whom the target takes me for. */
  async ask(session: Session): Promise<string> {
    return new TextDecoder().decode(await session.call(WHO, new Uint8Array(0), soon()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.relaying.close();
    await this.#stack[Symbol.asyncDispose]();
  }

  async #reachDirect(id: MemberId, until: Deadline): Promise<Session> {
    const existing = this.#directWith(id);
    if (existing !== undefined) return existing;
    const other = this.world.hosts.find((host) => host.id === id);
    if (other === undefined || this.options.reaches?.(other) === false)
      throw new Error("the test lets nothing through there");
    const session = await this.#stack.links.reach({ id, addresses: [other.#address] }, until);
    if (session.path.kind === "relayed") throw new Error("relayed");
    return session;
  }

  #directWith(id: MemberId): Session | undefined {
    const sessions = this.#stack.links.get(id)?.sessions ?? [];
    return sessions.find(({ closed, path }) => !closed && path.kind !== "relayed");
  }

  get #nearby(): readonly Session[] {
    return this.world.hosts.flatMap(({ id }) => this.#directWith(id) ?? []);
  }
}

export class RelayWorld implements AsyncDisposable {
  readonly hosts: RelayHost[] = [];
  readonly #network: TestNetwork;

  private constructor(network: TestNetwork) {
    this.#network = network;
  }

  addressOf(id: MemberId): string {
    return this.hosts.find((host) => host.id === id)?.address ?? "";
  }

  static async create(): Promise<RelayWorld> {
    return new RelayWorld(await TestNetwork.create());
  }

  async host(options: HostOptions = {}): Promise<RelayHost> {
    const host = new RelayHost(this, await this.#network.member(), options);
    this.hosts.push(host);
    return await host.listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.hosts.map((host) => host[Symbol.asyncDispose]()));
  }
}

/** Far longer than anything here takes. */
export function soon(): Deadline {
  return { deadline: deadlineIn(15_000) };
}
