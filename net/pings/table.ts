/** Members by the first bytes of their ids, as datagrams name them, each with the key that we share. */
import { type AgreementKey, pairwiseKey } from "../../identity/index.js";
import { equalBytes, type MemberId } from "../../rings/index.js";
import { PREFIX_BYTES } from "./codec.js";
import type { PingPeer } from "./pings.js";

const PREFIX_DIGITS = 2 * PREFIX_BYTES;
/** Members that may ping me; live ones come first, the longest known go first. */
const PEERS_MAX = 100_000;

interface Known {
  readonly id: MemberId;
  readonly publicKey: Uint8Array;
  /** Computed at the first datagram: 0.1 ms that most members of a large network never cost. */
  peer: PingPeer | undefined;
}

export interface PingTableOptions {
  readonly agreement: AgreementKey;
  readonly networkId: Uint8Array;
  readonly self: MemberId;
  /** The key in the note that is held of a member now: it starts anew with every life, and nobody is told of that alone. */
  readonly keyOf?: ((id: MemberId) => Uint8Array | undefined) | undefined;
}

export class PingTable {
  readonly #options: PingTableOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: PingTableOptions) {
    this.#options = options;
  }

  /** A member's note names this X25519 key. */
  learn(id: MemberId, publicKey: Uint8Array): void {
    const prefix = id.slice(0, PREFIX_DIGITS);
    const known = this.#known.get(prefix);
    if (known?.id === id && equalBytes(known.publicKey, publicKey)) return;
    this.#known.delete(prefix);
    this.#known.set(prefix, { id, publicKey, peer: undefined });
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > PEERS_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  /** By 16 hex digits; undefined for strangers, without any cryptography. */
  peerOf(prefix: string): PingPeer | undefined {
    const id = this.#known.get(prefix)?.id;
    if (id === undefined) return undefined;
    this.#refresh(id);
    const known = this.#known.get(prefix)!;
    known.peer ??= this.#peer(known);
    return known.peer;
  }

  ofMember(id: MemberId): PingPeer | undefined {
    this.#refresh(id);
    const peer = this.peerOf(id.slice(0, PREFIX_DIGITS));
    return peer?.id === id ? peer : undefined;
  }

  #refresh(id: MemberId): void {
    const key = this.#options.keyOf?.(id);
    if (key) this.learn(id, key);
  }

  #peer({ id, publicKey }: Known): PingPeer | undefined {
    const { agreement, networkId, self } = this.#options;
    const key = pairwiseKey({ privateKey: agreement.privateKey, publicKey, networkId, self, peer: id });
    return key && { id, key };
  }
}
