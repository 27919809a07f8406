/** Relays of a member, put together: what it does for others, which it has itself, and the transport through them. */
import type { Duplex } from "node:stream";
import { type Machine, type Address as NoteAddress, TRANSPORT_GRPC } from "../../gossip/index.js";
import { FirefliesError, type MemberCertificate, sha256 } from "../../identity/index.js";
import {
  type Address,
  type Arrival,
  conduitPath,
  type Deadline,
  deadlineIn,
  formatAddress,
  type Links,
  NATS_SCHEME,
  openConduit,
  type Path,
  type Protocols,
  parseAddress,
  pathOf,
  RDV_SCHEME,
  RELAY_SCHEME,
  type RelayFailure,
  Relaying,
  type RelayLimits,
  relayOf,
  relayTransport,
  type Session,
  type Stack,
  Taking,
  Through,
  type Transport,
} from "../../net/index.js";
import { type MemberId, relayPositions } from "../../rings/index.js";
import type { MemberConfig } from "../config/index.js";
import type { RelayInfo } from "../types.js";
import { Bulk } from "./bulk.js";
import { Keeping } from "./keeping.js";
import { Replacing } from "./replacing.js";
import { DECLINES, directAddresses, isMine, orderFor, TRANSPORT_RELAYING, type View } from "./selection.js";
import { Troubles } from "./troubles.js";

type RelaySettings = Pick<
  MemberConfig,
  | "relay"
  | "relayReservations"
  | "relayConnections"
  | "relayConnectionsPerMember"
  | "relayBytesPerSecond"
  | "relayBytesPerSecondPerMember"
  | "relayConnectionMs"
>;

/** For a connection that is to replace another one, and for a conduit, milliseconds. */
const REPLACE_MS = 5_000;
/** Transports over which a conduit brings nothing: each packet costs the processor more than its encryption, or it leads elsewhere. */
const NO_CONDUITS: ReadonlySet<string> = new Set(["udx", RDV_SCHEME, NATS_SCHEME, RELAY_SCHEME]);

export interface RelaysOptions {
  readonly config: MemberConfig;
  readonly certificate: Pick<MemberCertificate, "id" | "ringCount" | "deltaMs">;
  readonly links: () => Pick<Links, "get" | "reach" | "shun">;
  /** Undefined before the protocol starts. */
  readonly machine: () => Pick<Machine, "members" | "member"> | undefined;
  readonly accept: Stack["accept"];
  readonly connect: Stack["connect"];
  /** As `Stack.connection`. */
  readonly connection: Stack["connection"];
  /** My relays have changed: they are to stand in my note, the nearest first. */
  readonly onRelays: () => void;
  /** Can others make connections to this member, as far as it is known? */
  readonly dialable: () => "yes" | "no" | "unknown";
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Unix milliseconds. */
  readonly wall: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Relays {
  readonly transport: Transport;
  readonly troubles: Troubles;
  readonly #options: RelaysOptions;
  /** Does it relay for nobody, as it was told? */
  #declines: boolean;
  readonly #positionOf = relayPositions(sha256);
  readonly #relaying: Relaying;
  readonly #taking: Taking;
  readonly #keeping: Keeping;
  readonly #replacing: Replacing;
  readonly #bulk: Bulk;
  readonly #ending = new AbortController();
  #wasWilling: boolean | undefined;
  /** As published, the nearest first. */
  #mine: readonly MemberId[] = [];

  constructor(options: RelaysOptions) {
    this.#options = options;
    this.troubles = new Troubles(options.wall);
    const { certificate, config, now, random, accept } = options;
    const { id: self } = certificate;
    this.#declines = !config.relay;
    const reachDirect = (id: MemberId, until: Deadline) => this.#reachDirect(id, until);
    const reach = (id: MemberId, withinMs: number) => reachDirect(id, { deadline: deadlineIn(withinMs) });
    const best = (id: MemberId) => options.links().get(id)?.paths[0];
    this.#replacing = new Replacing({ isNeeded: (id) => best(id)?.kind === "relayed", now });
    this.#bulk = new Bulk({
      isNeeded: (id) => best(id)?.kind === "relayed" && !best(id)?.isConduit,
      open: (id, relay) => this.#openConduit(id, relay),
      now,
    });
    this.transport = relayTransport(new Through({ self, reachDirect, nearby: () => this.#nearby, now }), {
      onOpened: (id, { address, lastsMs, connection }) => {
        this.#replacing.opened(id, lastsMs, () => void this.#replace(id, address));
        const [relay, ...others] = pathOf("dialled", address).via ?? [];
        if (relay !== undefined && others.length === 0) this.#bulk.opened(id, relay, connection);
      },
      onFailed: (id, address, what) => {
        const path = pathOf("dialled", address);
        options.links().shun(id, path);
        this.failed(id, path, what);
      },
    });
    this.#taking = new Taking({
      ...{ isRelayOfMine: (id) => this.#keeping.has(id), accept },
      dial: (id, until) => this.#dialForConduit(id, until),
    });
    this.#keeping = new Keeping({
      isNeeded: () => !this.isDialable,
      orderFor: (more) => orderFor(this.#view, more),
      publish: (relays) => this.#publish(relays),
      intervalMs: config.monitorIntervalMs,
      lingerMs: 2 * (config.removalTimeoutMs ?? 2 * certificate.deltaMs),
      ...{ reach, now, random },
    });
    this.#relaying = new Relaying({
      ...{ self, limits: limitsOf(config), now },
      isWilling: () => this.#isWilling,
      declines: () => this.#declines,
      isMine: (id) => isMine(id, this.#view),
      directWith: (id) => this.#directWith(id),
      reachDirect: reach,
    });
  }

  register(protocols: Protocols): void {
    for (const protocol of [...this.#taking.protocols, ...this.#relaying.protocols]) protocols.register(protocol);
  }

  /** A connection has come: one end of a conduit, or none. */
  enter(connection: Duplex, arrival: Arrival): void {
    this.#relaying.enter(connection, arrival);
  }

  /** Can others dial this member? Yes, until it is known otherwise. */
  get isDialable(): boolean {
    const { config, dialable } = this.#options;
    return config.behindNat === "auto" ? dialable() !== "no" : !config.behindNat;
  }

  /** The relay on this path to a member did this, instead of passing it on. */
  failed(id: MemberId, path: Path, what: RelayFailure): void {
    const relay = relayOf(path);
    if (relay !== undefined) this.troubles.add(relay, id, what);
  }

  /** Must the session with this member stay, though nothing passes? */
  isHeld(id: MemberId): boolean {
    return this.#keeping.has(id) || this.#relaying.serves(id);
  }

  /** What its note says of it besides its own addresses. */
  get noted(): readonly NoteAddress[] {
    const mine = this.#mine.map((id) => ({ transport: TRANSPORT_GRPC, text: `${RELAY_SCHEME}://${id}` }));
    const declines = { transport: TRANSPORT_RELAYING, text: DECLINES };
    // Of one that has relays it is seen that it cannot be dialled, and so is none.
    return this.#isWilling || mine.length > 0 ? mine : [declines];
  }

  get info(): RelayInfo {
    const observed = new Map(this.#keeping.held.map(({ relay, granted }) => [relay, granted?.observed ?? ""]));
    return {
      ...this.#relaying.figures,
      relays: this.#isWilling,
      mine: this.#mine.flatMap((id) => (observed.has(id) ? [{ id, observed: observed.get(id) as string }] : [])),
      wanted: this.#keeping.wanted,
      troubles: this.troubles.all,
    };
  }

  /** To be called about once a second. */
  look(): void {
    this.#relaying.tidy();
    this.#keeping.look();
    this.#replacing.look();
    this.#bulk.look();
  }

  /** Whether it relays, and how much, from now on. Nothing is cut: who has a reservation finds another relay first. */
  adjust(config: RelaySettings): void {
    this.#relaying.limits = limitsOf(config);
    this.#declines = !config.relay;
    this.poke();
  }

  /** The view has changed, or whether others can dial this member. */
  poke(): void {
    this.#keeping.poke();
    const isChanged = this.#wasWilling !== undefined && this.#isWilling !== this.#wasWilling;
    this.#wasWilling = this.#isWilling;
    if (isChanged) this.#options.onRelays();
  }

  close(): void {
    this.#ending.abort();
    this.#keeping.close();
    this.#relaying.close();
  }

  #publish(relays: readonly MemberId[]): void {
    this.#mine = relays;
    this.#options.onRelays();
  }

  async #replace(id: MemberId, address: Address): Promise<void> {
    const deadline = deadlineIn(REPLACE_MS);
    const { signal } = this.#ending;
    try {
      const connection = await this.transport.dial(address, { signal, member: id });
      const path = pathOf("dialled", connection.reached ?? address);
      await this.#options.connect(connection, { path, expect: id, deadline, signal });
    } catch {
      // The one that there is ends with its time, and what is begun then makes another.
    }
  }

  /** A session with the member over a conduit, through this relay. Rejects when none comes of it. */
  async #openConduit(id: MemberId, relay: MemberId): Promise<void> {
    const until = { deadline: deadlineIn(REPLACE_MS), signal: this.#ending.signal };
    const session = await this.#reachDirect(relay, until);
    const { connection, lastsMs } = await openConduit(session, id, until, (...to) => this.#dialForConduit(...to));
    await this.#options.connect(connection, { path: conduitPath("dialled", relay), expect: id, ...until });
    this.#replacing.opened(id, lastsMs, () => void this.#openConduit(id, relay).catch(() => {}));
  }

  /** A connection of its own to a relay: where the session with it leads, and where its note says. */
  async #dialForConduit(id: MemberId, until: Deadline): Promise<Duplex> {
    const { path } = this.#directWith(id) ?? {};
    const dialled = path?.kind === "direct" ? [formatAddress(path.address)] : [];
    const peer = this.#options.machine()?.member(id);
    const addresses = [...new Set([...dialled, ...(peer ? directAddresses(peer) : [])])];
    const streams = addresses.filter((text) => !NO_CONDUITS.has(parseAddress(text)?.scheme ?? ""));
    return await this.#options.connection(streams, until);
  }

  /** A session with the member that no relay carries, made if need be. Rejects with a FirefliesError. */
  async #reachDirect(id: MemberId, until: Deadline): Promise<Session> {
    const existing = this.#directWith(id);
    if (existing !== undefined) return existing;
    const peer = this.#options.machine()?.member(id);
    const addresses = peer === undefined ? [] : directAddresses(peer);
    if (addresses.length === 0)
      throw new FirefliesError("peer-unreachable", `Member ${id} has no address that can be dialled.`);
    const session = await this.#options.links().reach({ id, addresses }, until);
    if (session.path.kind !== "relayed") return session;
    throw new FirefliesError("peer-unreachable", `Member ${id} is reached through relays alone.`);
  }

  #directWith(id: MemberId): Session | undefined {
    const sessions = this.#options.links().get(id)?.sessions ?? [];
    const direct = sessions.filter(({ closed, path }) => !closed && path.kind !== "relayed");
    return direct.find(({ isDoubtful }) => !isDoubtful) ?? direct[0];
  }

  /** My relays, then other members that there is a session with. */
  get #nearby(): readonly Session[] {
    const ids = new Set([...this.#mine, ...this.#view.members.map(({ id }) => id)]);
    return [...ids].flatMap((id) => this.#directWith(id) ?? []);
  }

  get #view(): View {
    const { certificate, machine } = this.#options;
    const { id: self, ringCount } = certificate;
    return { self, ringCount, members: machine()?.members() ?? [], positionOf: this.#positionOf };
  }

  get #isWilling(): boolean {
    return !this.#declines && this.isDialable;
  }
}

function limitsOf(config: RelaySettings): RelayLimits {
  return {
    reservations: config.relayReservations,
    connections: config.relayConnections,
    connectionsPerMember: config.relayConnectionsPerMember,
    bytesPerSecond: config.relayBytesPerSecond,
    bytesPerSecondPerMember: config.relayBytesPerSecondPerMember,
    connectionMs: config.relayConnectionMs,
  };
}
