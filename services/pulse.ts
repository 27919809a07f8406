/**
 * Whether the way to a member is still there, while connections are carried over it. A link finds a silent way after four
 * seconds, and only while something is sent: programs at both ends are told within two. Datagrams and a call ask every few
 * hundred milliseconds, and any answer will do, and so will any byte of a connection. Who is not reached by datagrams is left to
 * the link: on a slow path an answer over the link comes behind all that is being sent.
 */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../identity/index.js";
import type { MemberClient } from "./member-client.js";

/** Between two questions, in milliseconds. */
export const ASK_MS = 400;
/** Without an answer for so long, in milliseconds, the way is gone: four questions, and time for the slowest of answers. */
export const SILENCE_MS = 1_500;
/** Members that are asked: each question is one of 64 round trips that a member has under way at most. */
const ASKED_MAX = 12;

/** What is known of one member, in milliseconds of one clock. */
interface Peer {
  /** Told when the way is gone. */
  readonly users: Set<(error: FirefliesError) => void>;
  /** It has answered a datagram: from then on its silence means something. */
  hasAnswered: boolean;
  aliveAt: number;
}

type Asking = Pick<MemberClient, "ping">;

const ofClients = new WeakMap<Asking, Pulse>();

/** That of all services of one member. */
export function pulseOf(client: Asking): Pulse {
  const known = ofClients.get(client) ?? new Pulse(client);
  ofClients.set(client, known);
  return known;
}

export class Pulse {
  readonly #client: Asking;
  readonly #peers = new Map<string, Peer>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;

  constructor(client: Asking) {
    this.#client = client;
  }

  /** Destroys a stream with "link-closed" when the way to its member is gone. */
  watch(id: string, stream: Duplex): void {
    if (stream.closed) return;
    stream.once(
      "close",
      this.guard(id, (error) => void stream.destroy(error)),
    );
  }

  /** Calls `end` with "link-closed" when the way to a member is gone. Returns the way to stop that. */
  guard(id: string, end: (error: FirefliesError) => void): () => void {
    const peer = this.#peers.get(id) ?? this.#begin(id);
    const user = (error: FirefliesError) => end(error); // One of its own, however often `end` is given.
    peer.users.add(user);
    return () => {
      peer.users.delete(user);
      if (peer.users.size === 0 && this.#peers.get(id) === peer) this.#forget(id);
    };
  }

  #begin(id: string): Peer {
    const peer: Peer = { users: new Set(), hasAnswered: false, aliveAt: performance.now() };
    this.#peers.set(id, peer);
    if (this.#timer === undefined) {
      this.#lookedAt = performance.now();
      this.#timer = setInterval(() => this.#look(), ASK_MS).unref();
    }
    void this.#ask(id, peer);
    return peer;
  }

  #forget(id: string): void {
    this.#peers.delete(id);
    if (this.#peers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    const lateMs = Math.max(0, now - this.#lookedAt - ASK_MS);
    this.#lookedAt = now;
    let asked = 0;
    for (const [id, peer] of [...this.#peers]) {
      // A process that did not run has heard nobody: that silence is its own. No more than that, or a busy one never finds any.
      peer.aliveAt = Math.min(now, peer.aliveAt + lateMs);
      if (peer.hasAnswered && now - peer.aliveAt >= SILENCE_MS) this.#end(id, peer);
      else if (asked++ < ASKED_MAX) void this.#ask(id, peer);
    }
  }

  async #ask(id: string, peer: Peer): Promise<void> {
    // The slower way, or one on which something is lost, must not hold up what the other tells.
    const onSign = (at: number) => {
      peer.aliveAt = Math.max(peer.aliveAt, at);
    };
    try {
      const { udpMs } = await this.#client.ping(id, { timeout: SILENCE_MS, onSign });
      if (udpMs !== undefined) peer.hasAnswered = true;
    } catch {
      // It has left the view, or this member stops: streams end by that.
    }
  }

  #end(id: string, peer: Peer): void {
    const error = new FirefliesError("link-closed", "Nothing comes back from the member: the way to it is gone.");
    this.#forget(id);
    for (const end of [...peer.users]) end(error);
  }
}
