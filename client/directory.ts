/** The view in the application's words: members with addresses and metadata, and since when each is known. */
import { type Address, addressesOf, type Peer, TRANSPORT_GRPC } from "../gossip/index.js";
import type { MemberId } from "../rings/index.js";
import type { Member, Metadata } from "./types.js";

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

/** Does this address belong to the member's note? */
export function hasAddress(peer: { readonly addresses: readonly Address[] }, address: string): boolean {
  return addressesOf(peer, TRANSPORT_GRPC).includes(address);
}

/** What is not a JSON object is somebody's mistake, not ours to fail by: no metadata. */
function parseMetadata(bytes: Uint8Array): Metadata {
  if (bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Metadata) : {};
  } catch {
    return {};
  }
}
