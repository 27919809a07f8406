/** The view in the application's words: members with names, addresses and metadata, whom a name means, and who was there. */
import { type Address, addressesOf, type Machine, type Output, type Peer, TRANSPORT_GRPC } from "../../gossip/index.js";
import type { Identity } from "../../identity/index.js";
import { type Destination, parseAddress, RELAY_SCHEME } from "../../net/index.js";
import { type MemberId, parseMemberId } from "../../rings/index.js";
import { closest } from "../offers/closest.js";
import { namesIn } from "../offers/names.js";
import type { Change, Departed, Member, Metadata, Sender } from "../types.js";
import { type MemberFilter, matcherOf } from "./member-filter.js";
import { parseMetadata } from "./metadata.js";

/** Departed members remembered, the latest: each with its last note, about 1 KB, and 6 KB if its metadata are full. */
export const DEPARTED_MAX = 512;

/** What the directory asks of a running member. */
export interface Surveyed {
  readonly machine: Pick<Machine, "members" | "member" | "certificateOf" | "epoch">;
  readonly identity: Pick<Identity, "certificate">;
  readonly addresses: readonly string[];
  isReachable(id: MemberId): boolean;
  /** As the authority admitted it; undefined when its certificate names nobody, or is not known. */
  nameOf(id: MemberId): string | undefined;
}

export interface DirectoryOptions {
  /** Throws "not-started" while there is none. */
  readonly member: () => Surveyed;
  /** Mine, as the others see them. */
  readonly metadata: () => Metadata;
  readonly services: () => readonly string[];
  /** Random bytes. */
  readonly chance: () => Uint8Array;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** What the machine tells of another member. */
export type ToldOfMember = Extract<Output, { readonly member: Peer }>;

interface Gone extends Omit<Departed, "member"> {
  readonly peer: Peer;
  readonly since: number;
}

export class Directory {
  readonly #options: DirectoryOptions;
  readonly #since = new Map<MemberId, number>();
  readonly #senders = new WeakMap<Peer, Sender>();
  /** The latest last. */
  readonly #gone = new Map<MemberId, Gone>();
  #mySince = 0;

  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  /** I am among the others from now on. */
  entered(): void {
    this.#mySince ||= this.#options.now();
  }

  /** The live members but me, or those of them that the filter lets through. Throws a TypeError for what is no filter. */
  list(filter?: MemberFilter): Member[] {
    const members = this.#options.member().machine.members();
    if (filter === undefined) return members.map((peer) => this.#describe(peer));
    const { isNamed, isOffering, isWanted } = matcherOf(filter);
    // Metadata are parsed for those that are left.
    const named = members.filter((peer) => isNamed(this.#senderOf(peer).name) && isOffering(servicesOf(peer)));
    return named.map((peer) => this.#describe(peer)).filter(isWanted);
  }

  /** The `count` members that a key belongs to, I among them; of those that offer a service, when one is named. */
  closest(key: string | Uint8Array, count: number, service?: string): Member[] {
    const { machine, identity } = this.#options.member();
    const { id: me } = identity.certificate;
    const peers = new Map(machine.members().map((peer) => [peer.id, peer]));
    const offering = [...peers.values()].filter((peer) => service === undefined || servicesOf(peer).includes(service));
    const isMine = service === undefined || this.#options.services().includes(service);
    const found = closest(key, [...offering, ...(isMine ? [{ id: me }] : [])], count);
    return found.map(({ id }) => (id === me ? this.self() : this.#describe(peers.get(id)!)));
  }

  /** Those that offer a service, I among them, in an order by chance: first those that are reachable and not suspected. */
  anyOf(service: string): Member[] {
    const [good, doubtful]: Member[][] = [[], []];
    for (const member of this.closest(this.#options.chance(), Number.POSITIVE_INFINITY, service)) {
      (member.reachable && !member.suspected ? good : doubtful)!.push(member);
    }
    return [...good!, ...doubtful!];
  }

  /** All names that anybody offers. */
  get offered(): readonly string[] {
    const { machine } = this.#options.member();
    return [...new Set([...this.#options.services(), ...machine.members().flatMap(servicesOf)])];
  }

  /** Those who have left or failed and are not back, the latest first. */
  departed(): Departed[] {
    const told = [...this.#gone.values()].reverse();
    return told.map(({ peer, since, reason, at }) => ({ member: this.#describe(peer, since), reason, at }));
  }

  /**
   * The live member, I among them, that has this id, in any case, or this name. Of two with one name it is the one with
   * the newer certificate: the authority gives a name to another id only once the first was revoked.
   */
  find(idOrName: string): Member | undefined {
    const { machine, identity } = this.#options.member();
    const id = parseMemberId(idOrName.toLowerCase());
    if (id === identity.certificate.id) return this.self();
    const peer = id && machine.member(id);
    if (peer) return this.#describe(peer);
    const others = machine.members().filter((each) => this.#senderOf(each).name === idOrName);
    const namesakes = others.map((each) => this.#describe(each));
    if (identity.certificate.name === idOrName) namesakes.push(this.self());
    return namesakes.sort((a, b) => this.#begin(b.id) - this.#begin(a.id))[0];
  }

  /** Unix milliseconds. */
  #begin(id: MemberId): number {
    const { machine, identity } = this.#options.member();
    return (id === identity.certificate.id ? identity.certificate : machine.certificateOf(id))?.notBefore ?? 0;
  }

  self(): Member {
    const { identity, addresses, machine } = this.#options.member();
    const { id, name } = identity.certificate;
    return {
      id,
      name,
      address: addresses[0] ?? "",
      addresses,
      metadata: this.#options.metadata(),
      services: this.#options.services(),
      epoch: machine.epoch,
      suspected: false,
      reachable: true,
      since: this.#mySince,
    };
  }

  /** The member as handlers see it: with the address that it prefers, an empty one when its note names none. */
  sender(id: MemberId): Sender {
    const member = this.#options.member();
    if (id === member.identity.certificate.id)
      return { id, name: member.nameOf(id), address: member.addresses[0] ?? "" };
    const peer = member.machine.member(id);
    return peer ? this.#senderOf(peer) : { id, name: member.nameOf(id), address: "" };
  }

  /** Takes what the machine tells, and says it in the program's words. */
  change(told: ToldOfMember): Change {
    const { kind, member: peer } = told;
    const at = this.#options.now();
    if (kind === "joined") this.#since.set(peer.id, at);
    if (kind === "joined") this.#gone.delete(peer.id);
    const member = this.#describe(peer);
    if (kind !== "left" && kind !== "failed") return { kind, member, at };
    this.#since.delete(peer.id);
    this.#remember({ peer, since: member.since, reason: kind === "left" ? kind : told.reason, at });
    return kind === "left" ? { kind, member, at } : { kind, member, reason: told.reason, at };
  }

  #remember(gone: Gone): void {
    this.#gone.delete(gone.peer.id);
    this.#gone.set(gone.peer.id, gone);
    const [oldest] = this.#gone.keys();
    if (oldest !== undefined && this.#gone.size > DEPARTED_MAX) this.#gone.delete(oldest);
  }

  #describe(peer: Peer, since = this.#since.get(peer.id) ?? 0): Member {
    const { id, epoch, suspected } = peer;
    const { name, address } = this.#senderOf(peer);
    const { addresses } = destinationOf(peer);
    const metadata = parseMetadata(peer.metadata);
    const reachable = this.#options.member().isReachable(id);
    const services = servicesOf(peer);
    return { id, name, address, addresses, metadata, services, epoch, suspected, reachable, since };
  }

  /** Once for all messages from its member: a note keeps its signer's certificate, and a certificate its name. */
  #senderOf(peer: Peer): Sender {
    const known = this.#senders.get(peer);
    if (known !== undefined) return known;
    const { id } = peer;
    const name = this.#options.member().nameOf(id);
    // Frozen: every handler gets the same one.
    const sender = Object.freeze({ id, name, address: destinationOf(peer).addresses[0] ?? "" });
    this.#senders.set(peer, sender);
    return sender;
  }
}

const offered = new WeakMap<Peer, readonly string[]>();

/** The names that a member offers, by its note. */
function servicesOf(peer: Peer): readonly string[] {
  const known = offered.get(peer);
  if (known !== undefined) return known;
  const names = namesIn(peer.extensions);
  offered.set(peer, names);
  return names;
}

/** What follows from a note, once for all messages to its member. */
const destinations = new WeakMap<Peer, Reachable>();

/** Whom to dial, by id. */
export type Reachable = Destination & { readonly id: MemberId };

/** Whom to dial for this member. */
export function destinationOf(peer: Peer): Reachable {
  const known = destinations.get(peer);
  if (known !== undefined) return known;
  const destination = { id: peer.id, addresses: addressesOf(peer, TRANSPORT_GRPC) };
  destinations.set(peer, destination);
  return destination;
}

/** Those that lead through other members. */
export function relayedAddresses(peer: { readonly addresses: readonly Address[] }): readonly string[] {
  return addressesOf(peer, TRANSPORT_GRPC).filter((text) => parseAddress(text)?.scheme === RELAY_SCHEME);
}

/** Does this address belong to the member's note? */
export function hasAddress(peer: { readonly addresses: readonly Address[] }, address: string): boolean {
  return addressesOf(peer, TRANSPORT_GRPC).includes(address);
}
