/**
 * Who may hold a connection on which nobody has proven to be a member. It costs its holder next to nothing, and us a
 * descriptor, a TLS state and a place. One address, or one IPv6 network, must not take the places of all others; and who
 * holds many from one address must not keep an honest member behind the same address out.
 *
 * Beyond a limit the address with the most unproven connections loses one: the oldest on which nothing has come, for an
 * honest member speaks first and at once. Connections that are proven leave this account; their number is for others to
 * bound, per member.
 */
import type { Duplex } from "node:stream";
import { networkOf } from "./policy.js";

/** Unproven connections at once: honest ones take milliseconds, and 512 of them about 30 MB. */
const UNPROVEN_MAX = 512;
/** Of these from one address: half, so that others always find room without anybody being dropped. */
const UNPROVEN_PER_ADDRESS_MAX = 256;
/** Connections at once, proven ones too, about 100 KB each. */
const CONNECTIONS_MAX = 4_096;
/** How many of an address's oldest connections are looked at for one on which nothing has come. */
const LOOKED_AT_MAX = 64;

export interface GateLimits {
  readonly unprovenMax?: number;
  readonly unprovenPerAddressMax?: number;
  readonly connectionsMax?: number;
}

type Connection = Duplex & { readonly bytesRead?: number };

interface Entry {
  readonly connection: Connection;
  readonly key: string;
}

export class ConnectionGate {
  readonly #limits: Required<GateLimits>;
  /** Unproven ones by address, each in the order of arrival. */
  readonly #unproven = new Map<string, Set<Entry>>();
  readonly #entries = new WeakMap<Duplex, Entry>();
  #unprovenCount = 0;
  #count = 0;
  #dropped = 0;

  constructor(limits: GateLimits = {}) {
    this.#limits = {
      unprovenMax: limits.unprovenMax ?? UNPROVEN_MAX,
      unprovenPerAddressMax: limits.unprovenPerAddressMax ?? UNPROVEN_PER_ADDRESS_MAX,
      connectionsMax: limits.connectionsMax ?? CONNECTIONS_MAX,
    };
  }

  /** Connections that are open, and those of them that are not proven; and how many were dropped or turned away so far. */
  get figures(): { readonly connections: number; readonly unproven: number; readonly dropped: number } {
    return { connections: this.#count, unproven: this.#unprovenCount, dropped: this.#dropped };
  }

  /**
   * Counts a connection from a host (an IP address), and makes room for it. False when there is no room: destroy it.
   * What closes leaves by itself.
   */
  enter(connection: Connection, host: string): boolean {
    const key = networkOf(host);
    const own = this.#unproven.get(key);
    if (own !== undefined && own.size >= this.#limits.unprovenPerAddressMax) this.#drop(own);
    else if (this.#unprovenCount >= this.#limits.unprovenMax) this.#drop(this.#greediest());
    else if (this.#count >= this.#limits.connectionsMax) this.#drop(this.#greediest());
    if (this.#count >= this.#limits.connectionsMax) {
      this.#dropped++;
      return false;
    }
    this.#add({ connection, key });
    return true;
  }

  /** `outer` runs over `inner`, which has entered: proving one proves the other. */
  carries(inner: Duplex, outer: Duplex): void {
    const entry = this.#entries.get(inner);
    if (entry !== undefined) this.#entries.set(outer, entry);
  }

  /** A member has proven itself on this connection. */
  proven(connection: Duplex): void {
    const entry = this.#entries.get(connection);
    if (entry !== undefined) this.#forget(entry);
  }

  #add(entry: Entry): void {
    const own = this.#unproven.get(entry.key) ?? new Set();
    this.#unproven.set(entry.key, own.add(entry));
    this.#entries.set(entry.connection, entry);
    this.#unprovenCount++;
    this.#count++;
    entry.connection.once("close", () => {
      this.#forget(entry);
      this.#count--;
    });
  }

  /** It counts as unproven no longer. */
  #forget(entry: Entry): void {
    const own = this.#unproven.get(entry.key);
    if (!own?.delete(entry)) return;
    this.#unprovenCount--;
    if (own.size === 0) this.#unproven.delete(entry.key);
  }

  #greediest(): Set<Entry> | undefined {
    let found: Set<Entry> | undefined;
    for (const own of this.#unproven.values()) if (own.size > (found?.size ?? 0)) found = own;
    return found;
  }

  #drop(own: Set<Entry> | undefined): void {
    const entry = own && victimOf(own);
    if (entry === undefined) return;
    this.#dropped++;
    this.#forget(entry);
    entry.connection.destroy();
  }
}

function victimOf(own: Set<Entry>): Entry | undefined {
  let seen = 0;
  for (const entry of own) {
    if (entry.connection.bytesRead === 0) return entry;
    if (++seen >= LOOKED_AT_MAX) break;
  }
  const [oldest] = own;
  return oldest;
}
