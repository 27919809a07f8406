/** Pings and summonses to members by the addresses of their notes; host names are looked up now and then, never per ping. */
import { lookup } from "node:dns";
import { isIP } from "node:net";
import type { MemberId } from "../../rings/index.js";
import { formatAddress, parseAddress } from "../address.js";
import type { SummonsFields } from "../ping-codec.js";
import type { PingPeer, Pings } from "../pings.js";
import { mayDial } from "./dial-policy.js";
import type { PingSender } from "./driver.js";
import type { PingTable } from "./ping-table.js";

/** Milliseconds that a looked-up host name is used: short enough to follow a moved service. */
const NAME_TTL_MS = 30_000;
/** Host names remembered. */
const NAMES_MAX = 4096;

interface Resolved {
  readonly ip: string | undefined;
  readonly at: number;
}

export interface PingSenderOptions {
  readonly pings: () => Pings | undefined;
  readonly table: PingTable;
  readonly mine: () => readonly string[];
  readonly now: () => number;
}

export class NotePings implements PingSender {
  readonly #options: PingSenderOptions;
  readonly #names = new Map<string, Resolved>();

  constructor(options: PingSenderOptions) {
    this.#options = options;
  }

  ping(to: MemberId, addresses: readonly string[], nonce: bigint): void {
    this.#toFirst(to, addresses, (pings, peer, target) => pings.ping(peer, target, nonceBytes(nonce)));
  }

  summon(to: MemberId, addresses: readonly string[], summons: SummonsFields): void {
    this.#toFirst(to, addresses, (pings, peer, target) => pings.summon(peer, target, summons));
  }

  #toFirst(
    to: MemberId,
    addresses: readonly string[],
    send: (pings: Pings, peer: PingPeer, target: string) => void,
  ): void {
    const { pings, table, mine } = this.#options;
    const peer = table.ofMember(to);
    const socket = pings();
    const address = addresses.find((candidate) => mayDial(candidate, mine()));
    const target = address === undefined ? undefined : this.#target(address);
    if (socket && peer && target !== undefined && mayDial(target, mine())) send(socket, peer, target);
  }

  /** A name that is not known yet costs this ping: it counts as lost, and the next one finds the address. */
  #target(address: string): string | undefined {
    const parts = parseAddress(address);
    if (!parts || isIP(parts.host) !== 0) return address;
    const known = this.#names.get(parts.host);
    if (!known || this.#options.now() - known.at > NAME_TTL_MS) this.#lookUp(parts.host, known?.ip);
    return known?.ip === undefined ? undefined : formatAddress(known.ip, parts.port);
  }

  #lookUp(host: string, until: string | undefined): void {
    this.#remember(host, until);
    lookup(host, (error, ip) => this.#remember(host, error ? until : ip));
  }

  #remember(host: string, ip: string | undefined): void {
    this.#names.delete(host);
    this.#names.set(host, { ip, at: this.#options.now() });
    const oldest = this.#names.keys().next().value;
    if (this.#names.size > NAMES_MAX && oldest !== undefined) this.#names.delete(oldest);
  }
}

function nonceBytes(nonce: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, nonce);
  return bytes;
}

export function nonceOf(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
}
