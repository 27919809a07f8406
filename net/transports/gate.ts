/**
 * Who may hold a connection on which nobody has proven to be a member. It costs its holder next to nothing, and us a
 * descriptor, and from the first bytes on the state of a TLS handshake and a millisecond of the processor. One address,
 * or one IPv6 network, must not take the places of all others; and who holds thousands from one address must not keep
 * an honest member behind the same address out.
 *
 * So a connection is held here, where it costs a descriptor, until its first bytes come: an honest member speaks at
 * once. Then handshakes begin one in each turn of the event loop, the addresses by turns, and of one address the newest
 * first: its dialler is the one that still waits. An address that has all its places loses the oldest that had a
 * second, and no earlier: to drop more quickly would only make an attacker come back more often. Connections that are
 * proven leave this account; how many a member may have is for others to bound.
 */
import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { Shares } from "../../rings/index.js";
import { networkOf } from "../ranges.js";

export interface GateLimits {
  /** Connections at once on which a handshake has begun and nobody is proven yet. */
  readonly shakingMax: number;
  readonly shakingPerAddressMax: number;
  /** Connections at once on which none has begun. */
  readonly heldMax: number;
  readonly heldPerAddressMax: number;
  /** Connections at once, proven ones too. */
  readonly connectionsMax: number;
}

/**
 * A connection that is held takes about 5 KB and its first bytes, one that shakes hands 60 KB, a proven one 100. Half
 * of the handshakes and three quarters of the rest for one address: others always find room without anybody being
 * dropped.
 */
const LIMITS: GateLimits = {
  shakingMax: 512,
  shakingPerAddressMax: 256,
  heldMax: 4_096,
  heldPerAddressMax: 3_072,
  connectionsMax: 8_192,
};
/** Descriptors where the system does not say how many there are; Node raises its limit to the hard one. */
const DESCRIPTORS_DEFAULT = 16_384;
/** From accept to the first byte, milliseconds: one round trip, and several lost packets. */
const SILENCE_MS = 5_000;
/** First bytes: a ClientHello has less than two thousand, an HTTP head less than eight. */
const FIRST_BYTES_MAX = 16 * 1024;
/** A handshake had its time, milliseconds, when others of its address wait for the place. */
const SHAKING_MS = 1_000;

interface Entry {
  readonly connection: Duplex;
  readonly key: string;
  readonly admit: () => void;
  /** Where it is counted; undefined once it is proven or closed. */
  place: Shares<Entry> | undefined;
  admittedAt: number;
}

/**
 * For servers whose connections come here: nothing is read beyond the first bytes until somebody takes them. With the
 * usual mark three thousand connections could each send 64 KiB more. TLS and HTTP have marks of their own.
 */
export const GATED = { highWaterMark: 1 } as const;

export class ConnectionGate {
  readonly #limits: GateLimits;
  readonly #held: Shares<Entry>;
  readonly #shaking: Shares<Entry>;
  readonly #entries = new WeakMap<Duplex, Entry>();
  /** Those on which bytes have come, by address, the addresses in the order of their turns. */
  readonly #turns = new Map<string, Entry[]>();
  #isTurning = false;
  #retry: NodeJS.Timeout | undefined;
  #count = 0;
  #dropped = 0;

  constructor(limits: Partial<GateLimits> = {}) {
    this.#limits = { ...limitsWithin(descriptorsMax()), ...limits };
    this.#held = new Shares(this.#limits.heldMax, this.#limits.heldPerAddressMax);
    this.#shaking = new Shares(this.#limits.shakingMax, this.#limits.shakingPerAddressMax);
  }

  /** Connections that are open; those of them that are held, and that shake hands; and how many were dropped so far. */
  get figures() {
    const [held, shaking] = [this.#held.size, this.#shaking.size];
    return { connections: this.#count, held, shaking, dropped: this.#dropped } as const;
  }

  /**
   * Takes a new connection from a host (an IP address), and calls `admit` in its turn once bytes have come. It may be
   * destroyed at any time until `proven`, now too.
   */
  enter(connection: Duplex, host: string, admit: () => void): void {
    if (this.#count >= this.#limits.connectionsMax && !this.#dropSome()) {
      this.#dropped++;
      connection.destroy();
      return;
    }
    const entry: Entry = { connection, key: networkOf(host), admit, place: undefined, admittedAt: 0 };
    this.#entries.set(connection, entry);
    this.#count++;
    connection.once("close", () => this.#left(entry));
    this.#drop(this.#held.victim(entry.key));
    this.#put(entry, this.#held);
    this.#awaitBytes(entry);
  }

  /** `outer` runs over `inner`, which has entered: proving one proves the other. */
  carries(inner: Duplex, outer: Duplex): void {
    const entry = this.#entries.get(inner);
    if (entry !== undefined) this.#entries.set(outer, entry);
  }

  /** A member has proven itself on this connection. Those for which this is never called are dropped one day. */
  proven(connection: Duplex): void {
    const entry = this.#entries.get(connection);
    if (entry !== undefined) this.#remove(entry);
  }

  #awaitBytes(entry: Entry): void {
    const { connection } = entry;
    const timer = setTimeout(() => this.#drop(entry), SILENCE_MS);
    const spoke = () => {
      clearTimeout(timer);
      connection.removeListener("readable", spoke);
      connection.removeListener("close", spoke);
      const { destroyed, readableLength } = connection;
      if (!destroyed && readableLength > 0 && readableLength <= FIRST_BYTES_MAX) this.#queue(entry);
      else connection.destroy(); // Perhaps its end came, and no byte before it.
    };
    connection.once("readable", spoke);
    connection.once("close", spoke);
  }

  #queue(entry: Entry): void {
    const own = this.#turns.get(entry.key) ?? [];
    this.#turns.set(entry.key, own);
    own.push(entry);
    this.#turnSoon();
  }

  #turnSoon(): void {
    if (this.#isTurning || this.#turns.size === 0) return;
    this.#isTurning = true;
    clearTimeout(this.#retry);
    setImmediate(() => {
      this.#isTurning = false;
      const waitMs = this.#turn();
      if (waitMs === 0) this.#turnSoon();
      else this.#retry = setTimeout(() => this.#turnSoon(), waitMs);
    });
  }

  /** Lets one connection begin. Returns how long nobody else can, milliseconds; 0 when somebody perhaps can now. */
  #turn(): number {
    let waitMs = SHAKING_MS;
    for (const [key, own] of this.#turns) {
      const roomInMs = this.#makeRoom(key);
      waitMs = Math.min(waitMs, roomInMs);
      if (roomInMs > 0) continue;
      this.#turns.delete(key);
      const entry = newestOpen(own);
      if (own.length > 0) this.#turns.set(key, own);
      if (entry !== undefined) this.#admit(entry);
      return 0;
    }
    return waitMs;
  }

  #admit(entry: Entry): void {
    this.#held.remove(entry);
    this.#put(entry, this.#shaking);
    entry.admittedAt = performance.now();
    entry.admit();
  }

  /** Frees a place for a handshake of an address, if that may be; else in how many milliseconds it may. */
  #makeRoom(key: string): number {
    const victim = this.#shaking.victim(key);
    if (victim === undefined) return 0;
    const ageMs = performance.now() - victim.admittedAt;
    if (victim.key === key && ageMs < SHAKING_MS) return SHAKING_MS - ageMs;
    this.#drop(victim);
    return 0;
  }

  /** False when all that is open is proven. */
  #dropSome(): boolean {
    const victim = this.#held.greediest() ?? this.#shaking.greediest();
    this.#drop(victim);
    return victim !== undefined;
  }

  #put(entry: Entry, place: Shares<Entry>): void {
    place.add(entry);
    entry.place = place;
  }

  #remove(entry: Entry): void {
    const { place } = entry;
    entry.place = undefined;
    place?.remove(entry);
    if (place === this.#shaking) this.#turnSoon();
  }

  #drop(entry: Entry | undefined): void {
    if (entry === undefined) return;
    this.#dropped++;
    this.#remove(entry);
    entry.connection.destroy();
  }

  #left(entry: Entry): void {
    this.#remove(entry);
    this.#count--;
  }
}

/** As many as half of this process' descriptors allow: the others are for dials, files and the authority. */
export function limitsWithin(descriptors: number): GateLimits {
  const share = Math.min(1, descriptors / 2 / LIMITS.connectionsMax);
  const scaled = Object.entries(LIMITS).map(([name, limit]) => [name, Math.max(1, Math.floor(limit * share))]);
  return Object.fromEntries(scaled) as GateLimits;
}

function descriptorsMax(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"));
    return found ? Number(found[1]) : DESCRIPTORS_DEFAULT;
  } catch {
    return DESCRIPTORS_DEFAULT;
  }
}

function newestOpen(entries: Entry[]): Entry | undefined {
  let entry = entries.pop();
  while (entry?.connection.destroyed) entry = entries.pop();
  return entry;
}
