/** The view in the application's words: members with addresses and metadata, and since when each is known. */
import { type Address, addressesOf, type Peer, TRANSPORT_GRPC } from "../gossip/index.js";
import type { MemberId } from "../rings/index.js";
import { parseMetadata } from "./metadata.js";
import type { Member } from "./types.js";

export class Directory {
  readonly #since = new Map<MemberId, number>();

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
      since: this.#since.get(peer.id) ?? 0,
    };
  }
}

/** "host:port" that the member prefers; empty when its note names none. */
export function addressOf(peer: { readonly addresses: readonly Address[] }): string {
  return addressesOf(peer, TRANSPORT_GRPC)[0] ?? "";
}

/** Does this address belong to the member's note? */
export function hasAddress(peer: { readonly addresses: readonly Address[] }, address: string): boolean {
  return addressesOf(peer, TRANSPORT_GRPC).includes(address);
}
