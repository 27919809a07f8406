/**
 * Connections that have not shown yet what they are: their first bytes, or the head of their request, are waited for. When
 * there are too many, in all or of one address, the oldest one gives way: it has had the most time to speak.
 */
import type { Socket } from "node:net";
import { ipPortOf } from "../wire/addresses.js";
import { originOf } from "./rate-limit.js";
import { Shares } from "./shares.js";

export interface UndecidedLimits {
  /** A socket and at most 16 KiB each. */
  readonly allMax: number;
  /** Of one IPv4 address or one /64 of IPv6, of all that may be: browsers open some in advance, and offices share one. */
  readonly perAddressMax: number;
}

const LIMITS: UndecidedLimits = { allMax: 10_000, perAddressMax: 500 };

interface Entry {
  readonly origin: string;
  /** Ends the wait. */
  readonly giveWay: () => void;
}

export class Undecided {
  readonly #limits: UndecidedLimits;
  /** The oldest first. */
  readonly #entries = new Map<Socket, Entry>();
  readonly #shares = new Shares();

  constructor(limits: UndecidedLimits = LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `giveWay` is called when another one takes its place; then the connection is undecided no more. */
  add(socket: Socket, giveWay: () => void): void {
    const origin = originOf(ipPortOf(socket.remoteAddress, 0)?.ip);
    const isOfOrigin = (entry: Entry) => entry.origin === origin;
    if (this.#shares.of(origin) >= this.#limits.perAddressMax) this.#dropFirst(isOfOrigin);
    else if (this.#entries.size >= this.#limits.allMax) this.#dropFirst(() => true);
    this.#entries.set(socket, { origin, giveWay });
    this.#shares.add(origin);
  }

  remove(socket: Socket): void {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return;
    this.#entries.delete(socket);
    this.#shares.remove(entry.origin);
  }

  #dropFirst(isIt: (entry: Entry) => boolean): void {
    for (const [socket, entry] of this.#entries) {
      if (!isIt(entry)) continue;
      this.remove(socket);
      entry.giveWay();
      return;
    }
  }
}
