/** Clients that wait for their peer: at most one for each token. */
import { waitMs } from "../limits.js";
import type { Guest } from "./guests.js";
import { full, type RefusalAnswer, refuse, tooMany } from "./last-word.js";
import { Shares } from "./shares.js";

export interface LobbyLimits {
  /** Clients that wait, in all. */
  readonly waitingMax: number;
  /** Clients that wait from one address. */
  readonly waitingPerAddressMax: number;
  /** Milliseconds that a client waits for its peer. */
  readonly timeoutMs: number | undefined;
}

/** How a client's wait ended without a peer. */
export type Parting = "left" | "spoke" | "replaced" | "timed-out" | "evicted";

const ANSWERS: Readonly<Record<Exclude<Parting, "left">, RefusalAnswer>> = {
  spoke: { status: 400, reason: "conn must idle while waiting for response header" },
  replaced: { status: 409, reason: "replaced by another conn" },
  "timed-out": { status: 408, reason: "no matching peer found" },
  evicted: full("rendezvous server is shutting down, try again"),
};

interface Waiting {
  readonly guest: Guest;
  /** Ends the watch; the socket is paused then. */
  readonly release: () => void;
}

export class Lobby {
  readonly #limits: LobbyLimits;
  readonly #onParting: (guest: Guest, parting: Parting) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #shares = new Shares();

  constructor(limits: LobbyLimits, onParting: (guest: Guest, parting: Parting) => void) {
    this.#limits = limits;
    this.#onParting = onParting;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The peer that waits for this client. It goes on to wait. */
  peerOf({ key, method }: Guest): Guest | undefined {
    const other = this.#waiting.get(key)?.guest;
    return other?.method === method ? undefined : other;
  }

  /**
   * The peer that waited for this client, which waits no longer; else the client waits from now on, in the place of an
   * older one with its method and token. A refusal when there is no place.
   */
  join(guest: Guest): Guest | "waiting" | RefusalAnswer {
    const other = this.#waiting.get(guest.key);
    if (other && other.guest.method !== guest.method) {
      this.#remove(other);
      return other.guest;
    }
    if (other) this.#part(other, "replaced");
    const refusal = this.#fullFor(guest.origin);
    if (refusal) return refusal;
    this.#wait(guest);
    return "waiting";
  }

  evictAll(): void {
    for (const waiting of this.#waiting.values()) this.#part(waiting, "evicted");
  }

  #fullFor(origin: string): RefusalAnswer | undefined {
    const { waitingMax, waitingPerAddressMax } = this.#limits;
    if (this.#waiting.size >= waitingMax) return full("rendezvous server is full");
    return this.#shares.of(origin) < waitingPerAddressMax ? undefined : tooMany("clients of this address that wait");
  }

  #wait(guest: Guest): void {
    const { socket } = guest;
    const part = (parting: Parting) => () => this.#part(waiting, parting);
    const [spoke, left] = [part("spoke"), part("left")];
    const timer = setTimeout(part("timed-out"), waitMs(this.#limits.timeoutMs));
    const release = () => {
      clearTimeout(timer);
      socket.off("data", spoke).off("end", spoke).off("close", left).pause();
    };
    const waiting: Waiting = { guest, release };
    this.#waiting.set(guest.key, waiting);
    this.#shares.add(guest.origin);
    socket.on("data", spoke).on("end", spoke).on("close", left).resume();
    if (socket.destroyed) left();
  }

  #part(waiting: Waiting, parting: Parting): void {
    this.#remove(waiting);
    if (parting !== "left") refuse(waiting.guest.socket, ANSWERS[parting]);
    this.#onParting(waiting.guest, parting);
  }

  #remove({ guest, release }: Waiting): void {
    release();
    this.#waiting.delete(guest.key);
    this.#shares.remove(guest.origin);
  }
}
