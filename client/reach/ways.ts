/** What a member knows and tells about the ways to members, put together: what it answers others, and what it asks them. */
import { addressesOf, type Machine, type Peer, TRANSPORT_GRPC, TRANSPORT_PING } from "../../gossip/index.js";
import type { FirefliesError, MemberCertificate } from "../../identity/index.js";
import {
  type Address,
  type Destination,
  deadlineIn,
  type HostPort,
  type Links,
  MEETING_SCHEMES,
  type Path,
  parseAddress,
  parseHostPort,
  type Session,
  type Stack,
} from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { Answering, DIAL_BACK_MS, udpAddress } from "./answering.js";
import {
  DIAL_BACK,
  type DialledBack,
  decodeDialledBack,
  decodeSeen,
  encodeDialBack,
  OBSERVE,
  OBSERVE_REQUEST,
  type Seen,
} from "./codec.js";
import { TRANSPORT_CANDIDATE } from "./observations.js";
import { Reach, type ReachOptions } from "./reach.js";

/** For a question that is answered from memory, with a dial before it, milliseconds. */
const OBSERVE_MS = 3_000;
/** For a dial back, with a dial before it, milliseconds. */
const DIAL_BACK_CALL_MS = DIAL_BACK_MS + 3_000;
/** For the datagram that shows where mine come from, milliseconds: it need not come back. */
const PING_MS = 500;

export interface WaysOptions {
  /** Throws "not-started" before the protocol runs. */
  readonly machine: () => Machine;
  readonly links: Pick<Links, "reach" | "get">;
  readonly greet: Stack["greet"];
  /** A datagram to one of these addresses, "host:port": where it went if it did, and when it came back if it did. */
  readonly ping: (
    id: MemberId,
    addresses: readonly string[],
    patience: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ) => Promise<{ readonly udpMs: number | undefined; readonly udpAddress: string | undefined }>;
  readonly ringCount: number;
  readonly tolerance: number;
  readonly relaySights: NonNullable<ReachOptions["relaySights"]>;
  /** What I advertise, found addresses among it. */
  readonly advertised: () => readonly string[];
  readonly listeners: () => readonly Address[];
  readonly udpPort: () => number | undefined;
  readonly isAuto: () => boolean;
  readonly isToldHidden: boolean;
  /** The addresses of this machine. */
  readonly hosts: () => ReadonlySet<string>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Unix milliseconds, as this machine says. */
  readonly wall: () => number;
  readonly random: () => number;
  readonly onFound: () => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

/** What a member says, and how far its clock is ahead of this machine's, milliseconds, to half a round trip. */
export interface Sighting extends Seen {
  readonly aheadMs: number;
}

export class Ways {
  readonly #options: WaysOptions;
  readonly #answering: Answering;
  readonly reach: Reach;

  constructor(options: WaysOptions) {
    this.#options = options;
    this.#answering = new Answering({
      addressesOf: (id) => this.#addressesOf(id),
      greet: options.greet,
      ping: async (id, address, { deadline, signal }) => {
        const timeoutMs = Math.max(1, deadline - performance.now());
        const { udpMs, udpAddress: to } = await options.ping(id, [address], { timeoutMs, signal });
        return to === undefined ? undefined : udpMs !== undefined;
      },
      now: options.now,
      wall: options.wall,
    });
    this.reach = new Reach({
      ...options,
      predecessors: () => this.#predecessors(),
      hasDialledMe: (id) => options.links.get(id)?.paths.some(isDialIn) === true,
      near: () => this.#near(),
      observe: (id) => this.observe(id),
      dialBack: (id, addresses) => this.dialBack(id, addresses),
      advertised: () => judged(options.advertised(), (text) => parseAddress(text)?.scheme),
      listeners: () => judged(options.listeners(), ({ scheme }) => scheme),
    });
  }

  /** An authentic datagram of the member came from there. */
  heard(id: MemberId, at: HostPort): void {
    this.#answering.heard(id, at);
  }

  answerObserve(peer: MemberCertificate, path: Path): Uint8Array {
    return this.#answering.observe(peer, path);
  }

  answerDialBack(peer: MemberCertificate, body: Uint8Array, signal: AbortSignal, path: Path): Promise<Uint8Array> {
    return this.#answering.dialBack(peer, body, signal, path);
  }

  /** From where the member sees me come, and what time it has; undefined when it does not answer. */
  async observe(id: MemberId): Promise<Sighting | undefined> {
    // A datagram before, so that it has seen one lately.
    await this.#options.ping(id, this.pingable(id), { timeoutMs: PING_MS });
    const { wall } = this.#options;
    const sentAt = wall();
    const answer = await this.#ask(id, OBSERVE, OBSERVE_REQUEST, OBSERVE_MS);
    const seen = answer && decodeSeen(answer);
    return seen && { ...seen, aheadMs: seen.time - (sentAt + wall()) / 2 };
  }

  /** How the member's dials to these addresses of mine ended; undefined when it does not answer. */
  async dialBack(id: MemberId, addresses: readonly string[]): Promise<readonly DialledBack[] | undefined> {
    if (addresses.length === 0) return [];
    const answer = await this.#ask(id, DIAL_BACK, encodeDialBack(addresses), DIAL_BACK_CALL_MS);
    return answer && decodeDialledBack(answer, addresses.length);
  }

  /** The addresses of this machine. */
  get hosts(): ReadonlySet<string> {
    return this.#options.hosts();
  }

  get udpPort(): number | undefined {
    return this.#options.udpPort();
  }

  /** Those whom I monitor, and who monitor me. */
  get neighbours(): ReadonlySet<MemberId> {
    const { machine, ringCount } = this.#options;
    const rings = Array.from({ length: ringCount }, (_, index) => machine().neighboursOn(index + 1));
    return new Set(rings.flatMap(({ predecessor, successor }) => [predecessor ?? [], successor ?? []].flat()));
  }

  /** "host:port" for datagrams, of the member's note. */
  pingable(id: MemberId): readonly string[] {
    const peer = this.#options.machine().member(id);
    return peer ? addressesOf(peer, TRANSPORT_PING) : [];
  }

  async #ask(id: MemberId, protocol: string, body: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined> {
    const peer = this.#options.machine().member(id);
    if (peer === undefined) return undefined;
    const until = { deadline: deadlineIn(timeoutMs) };
    try {
      const session: Session = await this.#options.links.reach(destinationOf(peer), until);
      return await session.call(protocol, body, until);
    } catch {
      return undefined; // It says nothing: others are asked.
    }
  }

  #predecessors(): readonly (MemberId | undefined)[] {
    const { machine, ringCount } = this.#options;
    return Array.from({ length: ringCount }, (_, index) => machine().neighboursOn(index + 1).predecessor);
  }

  #near(): readonly MemberId[] {
    const { machine, links } = this.#options;
    const isNear = (id: MemberId) => links.get(id)?.sound?.path.kind === "direct";
    return machine()
      .members()
      .map(({ id }) => id)
      .filter(isNear);
  }

  #addressesOf(id: MemberId): readonly string[] {
    const peer = this.#options.machine().member(id);
    if (peer === undefined) return [];
    const pings = addressesOf(peer, TRANSPORT_PING).flatMap((text) => parseHostPort(text) ?? []);
    const candidates = addressesOf(peer, TRANSPORT_CANDIDATE);
    return [...destinationOf(peer).addresses, ...pings.map(udpAddress), ...candidates];
  }
}

function destinationOf(peer: Peer): Destination {
  return { id: peer.id, addresses: addressesOf(peer, TRANSPORT_GRPC) };
}

/** Transports that get through a NAT by themselves: what comes over them does not show that anybody could come. */
const MET: readonly (string | undefined)[] = ["udx", ...MEETING_SCHEMES];

/**
 * Those that show whether others can dial: relays are reached and not dialled, over UDP a NAT lets in whom I have
 * written to before, as all neighbours, and a rendezvous server brings both ends together. A member that has none but those is
 * judged by them.
 */
function judged<T>(all: readonly T[], schemeOf: (each: T) => string | undefined): readonly T[] {
  const dialled = all.filter((each) => ![undefined, "relay"].includes(schemeOf(each)));
  const strict = dialled.filter((each) => !MET.includes(schemeOf(each)));
  return strict.length > 0 ? strict : dialled;
}

/** Has the other end come by itself, where nothing had been let in for it? */
function isDialIn({ kind, address }: Path): boolean {
  return kind === "reversed" && !MET.includes(address.scheme);
}
