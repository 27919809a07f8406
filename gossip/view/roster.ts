/** The live members as last told to the application, so that each change is told once. */
import { type Extension, equalBytes, LayeredMap, type MemberId, NO_EXTENSIONS } from "../../rings/index.js";
import type { Output, Peer, Standing } from "../outputs.js";
import { addressesOf, type Note, TRANSPORT_GRPC } from "../records/note.js";

export class Roster {
  readonly #peers: LayeredMap<MemberId, Peer>;
  /** Who is called at an address; of several the one last told of. */
  readonly #byAddress: LayeredMap<string, MemberId>;

  /** With `base` it begins as a fork of that one, without me. */
  constructor(base?: Roster, me?: MemberId) {
    this.#peers = base ? base.#peers.fork() : new LayeredMap();
    this.#byAddress = base ? base.#byAddress.fork() : new LayeredMap();
    const mine = me && this.get(me);
    if (mine) this.#remove(mine);
  }

  get size(): number {
    return this.#peers.size;
  }

  get(id: MemberId): Peer | undefined {
    return this.#peers.get(id);
  }

  /** The peer that is called at an address. */
  at(address: string): Peer | undefined {
    const id = this.#byAddress.get(address);
    return id && this.#peers.get(id);
  }

  peers(): Iterable<Peer> {
    return this.#peers.values();
  }

  /**
   * Compares a member's standing with what was told of it, and tells the difference. Who is already accused when it is
   * first heard of is told once it has answered: mostly it is dead, and a joiner only learns who else was here (R7).
   */
  observe(id: MemberId, standing: Standing, note: Note | undefined): Output[] {
    const before = this.#peers.get(id);
    if (!note || (standing !== "live" && standing !== "suspected")) return before ? this.#drop(before, standing) : [];
    if (!before && standing === "suspected") return [];
    const { epoch, addresses, metadata, extensions = NO_EXTENSIONS } = note;
    const member: Peer = { id, epoch, addresses, metadata, extensions, suspected: standing === "suspected" };
    const told: Output[] = before ? changes(before, member) : [{ kind: "joined", member }];
    // What is shared with others is replaced only where something is new.
    if (told.length > 0 || before?.epoch !== epoch) this.#replace(before, member);
    return told;
  }

  #replace(before: Peer | undefined, member: Peer): void {
    if (before && !sameFacts(before, member)) this.#remove(before);
    this.#peers.set(member.id, member);
    for (const address of addressesOf(member, TRANSPORT_GRPC)) {
      if (this.#byAddress.get(address) !== member.id) this.#byAddress.set(address, member.id);
    }
  }

  #remove(peer: Peer): void {
    this.#peers.delete(peer.id);
    for (const address of addressesOf(peer, TRANSPORT_GRPC)) {
      if (this.#byAddress.get(address) === peer.id) this.#byAddress.delete(address);
    }
  }

  #drop(before: Peer, standing: Standing): Output[] {
    this.#remove(before);
    if (standing === "left") return [{ kind: "left", member: before }];
    const reason = standing === "live" || standing === "suspected" ? "silent" : standing;
    return [{ kind: "failed", member: before, reason }];
  }
}

function changes(before: Peer, member: Peer): Output[] {
  const told: Output[] = [];
  if (before.suspected && !member.suspected) told.push({ kind: "rebutted", member });
  if (!before.suspected && member.suspected) told.push({ kind: "suspected", member });
  if (!sameFacts(before, member)) told.push({ kind: "updated", member });
  return told;
}

function sameFacts(a: Peer, b: Peer): boolean {
  const sameAddresses =
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, index) => {
      const other = b.addresses[index];
      return address.text === other?.text && address.transport === other.transport;
    });
  return sameAddresses && equalBytes(a.metadata, b.metadata) && sameExtensions(a.extensions, b.extensions);
}

function sameExtensions(a: readonly Extension[], b: readonly Extension[]): boolean {
  const same = (one: Extension, other: Extension | undefined) =>
    one.type === other?.type && equalBytes(one.data, other.data);
  return a.length === b.length && a.every((extension, index) => same(extension, b[index]));
}
