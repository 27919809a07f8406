/**
 * Members whose way is not proven yet (rule R21): they have just come, or have all new addresses, and this member has not
 * reached them since. Who sits behind a NAT needs a while to find out, to have relays, and to say so in its note; until then
 * nobody behind another NAT can reach it, and the silence of its addresses says nothing.
 */
import { addressesOf, type Peer, TRANSPORT_GRPC } from "../../gossip/index.js";
import { parseAddress, RELAY_SCHEME } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import type { OutputHandlers } from "./switchboard.js";

/**
 * For so long, milliseconds. It finds out within about 4 s: a look each second, and a dial of 3 s that nobody answers. Its
 * relays take as long at most, and its note a second. Who crashes meanwhile, and was reached by nobody who monitors it,
 * stays in the views for so much longer.
 */
export const UNPROVEN_MS = 20_000;
/** Members at once; the oldest are forgotten first. */
const UNPROVEN_MAX = 4_096;

export interface UnprovenOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Was there ever a session that shows a way to it? */
  readonly isWayProven: (id: MemberId) => boolean;
}

interface Entry {
  readonly since: number;
  /** Reached before, at addresses that it has no more. */
  readonly hasMoved: boolean;
}

export class Unproven {
  readonly #options: UnprovenOptions;
  readonly #entries = new Map<MemberId, Entry>();
  /** Own addresses of the members of the view, as they said them last. */
  readonly #addresses = new Map<MemberId, readonly string[]>();

  constructor(options: UnprovenOptions) {
    this.#options = options;
  }

  /** What it hears of the view. */
  readonly told: OutputHandlers = {
    joined: ({ member }) => this.#joined(member),
    updated: ({ member }) => this.#updated(member),
    left: ({ member: { id } }) => this.#gone(id),
    failed: ({ member: { id } }) => this.#gone(id),
  };

  /** Is the silence of its addresses no evidence yet? */
  has(id: MemberId): boolean {
    const { now, isWayProven } = this.#options;
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    const isOver = now() - entry.since >= UNPROVEN_MS || (!entry.hasMoved && isWayProven(id));
    if (isOver) this.#entries.delete(id);
    return !isOver;
  }

  /** It has answered on a way that shows how it is reached. */
  proven(id: MemberId): void {
    this.#entries.delete(id);
  }

  #joined(peer: Peer): void {
    this.#addresses.set(peer.id, ownAddresses(peer));
    this.#add(peer.id, false);
  }

  /** One of its addresses that stays is enough: there it was reached, and is. */
  #updated(peer: Peer): void {
    const before = this.#addresses.get(peer.id) ?? [];
    const own = ownAddresses(peer);
    this.#addresses.set(peer.id, own);
    const hasMoved = before.length > 0 && !own.some((address) => before.includes(address));
    if (hasMoved) this.#add(peer.id, true);
  }

  #gone(id: MemberId): void {
    this.#entries.delete(id);
    this.#addresses.delete(id);
  }

  #add(id: MemberId, hasMoved: boolean): void {
    this.#entries.delete(id);
    this.#entries.set(id, { since: this.#options.now(), hasMoved });
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size > UNPROVEN_MAX) this.#entries.delete(oldest);
  }
}

function ownAddresses(peer: Peer): readonly string[] {
  return addressesOf(peer, TRANSPORT_GRPC).filter((text) => parseAddress(text)?.scheme !== RELAY_SCHEME);
}
