/** The view in the application's words: members with addresses and metadata, and since when each is known. */
import { type Address, addressesOf, type Peer, TRANSPORT_GRPC } from "../gossip/index.js";
import type { Destination } from "../net/index.js";
import type { MemberId } from "../rings/index.js";
import { parseMetadata } from "./metadata.js";
import type { Member, Sender } from "./types.js";

export class Directory {
  readonly #since = new Map<MemberId, number>();
  readonly #isReachable: (id: MemberId) => boolean;

  constructor(isReachable: (id: MemberId) => boolean) {
    this.#isReachable = isReachable;
  }

  /** A member has come into the view at this unix time, milliseconds. */
  joined(id: MemberId, at: number): void {
    this.#since.set(id, at);
  }

  gone(id: MemberId): void {
    this.#since.delete(id);
  }

  describe(peer: Peer): Member {
    const addresses = addressesOf(peer, TRANSPORT_GRPC);
    return {
      id: peer.id,
      address: addresses[0] ?? "",
      addresses,
      metadata: parseMetadata(peer.metadata),
      epoch: peer.epoch,
      suspected: peer.suspected,
      reachable: this.#isReachable(peer.id),
      since: this.#since.get(peer.id) ?? 0,
    };
  }
}

interface Contact {
  readonly destination: Destination;
  readonly sender: Sender;
}

/** What follows from a note, once for all messages from and to its member. */
const contacts = new WeakMap<Peer, Contact>();

function contactOf(peer: Peer): Contact {
  const known = contacts.get(peer);
  if (known !== undefined) return known;
  const { id } = peer;
  const addresses = addressesOf(peer, TRANSPORT_GRPC);
  // Frozen: every handler gets the same one.
  const contact = { destination: { id, addresses }, sender: Object.freeze({ id, address: addresses[0] ?? "" }) };
  contacts.set(peer, contact);
  return contact;
}

/** Whom to dial for this member. */
export function destinationOf(peer: Peer): Destination {
  return contactOf(peer).destination;
}

/** The member as handlers see it: with the address that it prefers, an empty one when its note names none. */
export function senderOf(peer: Peer): Sender {
  return contactOf(peer).sender;
}

/** Does this address belong to the member's note? */
export function hasAddress(peer: { readonly addresses: readonly Address[] }, address: string): boolean {
  return addressesOf(peer, TRANSPORT_GRPC).includes(address);
}
