/**
 * Conduits at the relay: two tokens for two members that have proven themselves, and then two raw connections that say them, joined.
 * What passes is what its ends encrypt: the relay has no part in it. A connection that says no token that is awaited is cut.
 */
import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { FirefliesError, sha256 } from "../../identity/index.js";
import { type MemberId, toHex } from "../../rings/index.js";
import { KEEPALIVE_MS } from "../session/roomy.js";
import { sortConduit } from "./conduit.js";
import { CONDUIT_AWAITED_MS, CONDUITS_AWAITED_MAX, CONDUITS_AWAITED_PER_MEMBER_MAX, PREFACE_MS } from "./limits.js";
import { CONDUIT_TOKEN_BYTES } from "./messages.js";
import { mayHaveOneMore } from "./places.js";
import { type Pace, passBytes, tie, whenBothClosed } from "./splice.js";

export interface ConduitsOptions {
  /** How fast bytes pass that this member has asked for. */
  readonly paceOf: (caller: MemberId) => Pace;
  /** How long one lasts, milliseconds, from now on. */
  readonly lastsMs: () => number;
  /** Two ends were joined. */
  readonly onJoined: () => void;
}

/** What becomes of a connection that has come. */
export interface Arrival {
  /** It is for no conduit. */
  readonly others: () => void;
  /** It is one end of a conduit: a member whom this relay knows has been given its token. */
  readonly proven: () => void;
}

/** Each for one end: who has the one cannot take the place of the other. */
export interface Tokens {
  readonly caller: Uint8Array;
  readonly target: Uint8Array;
}

interface Conduit {
  readonly caller: MemberId;
  /** Under which its ends are awaited. */
  readonly keys: readonly string[];
  /** The end that has come. */
  first: Duplex | undefined;
  /** It has no more ends to come, whatever is the reason. */
  readonly settle: () => void;
  /** Gives its place back. */
  readonly leave: () => void;
}

export class Conduits {
  readonly #options: ConduitsOptions;
  /** By the hash of the token, so that the time of a look-up tells nothing about one. */
  readonly #awaited = new Map<string, Conduit>();
  readonly #running = new Set<() => void>();

  constructor(options: ConduitsOptions) {
    this.#options = options;
  }

  /** Those that are joined now. */
  get size(): number {
    return this.#running.size;
  }

  /** Is there room to await one more of this member? */
  hasRoom(caller: MemberId): boolean {
    const conduits = [...new Set(this.#awaited.values())];
    const own = conduits.filter((conduit) => conduit.caller === caller);
    return mayHaveOneMore(own.length, conduits.length, CONDUITS_AWAITED_MAX, CONDUITS_AWAITED_PER_MEMBER_MAX);
  }

  /** Awaits both ends for a while; `leave` is called when nothing of it is left. */
  expect(caller: MemberId, leave: () => void): { readonly tokens: Tokens; readonly giveUp: () => void } {
    const tokens = { caller: randomBytes(CONDUIT_TOKEN_BYTES), target: randomBytes(CONDUIT_TOKEN_BYTES) };
    const keys = [keyOf(tokens.caller), keyOf(tokens.target)];
    const timer = setTimeout(() => this.#giveUp(conduit), CONDUIT_AWAITED_MS);
    const settle = () => {
      clearTimeout(timer);
      for (const key of keys) this.#awaited.delete(key);
    };
    const conduit: Conduit = { caller, keys, first: undefined, settle, leave };
    for (const key of keys) this.#awaited.set(key, conduit);
    return { tokens, giveUp: () => this.#giveUp(conduit) };
  }

  /** A connection has come. While no conduit is awaited nobody looks at it. */
  enter(connection: Duplex, { others, proven }: Arrival): void {
    if (this.#awaited.size === 0) {
      others();
      return;
    }
    sortConduit(connection, PREFACE_MS, (found) => {
      if (found === "none") return others();
      if (found === undefined) return;
      const conduit = this.#awaited.get(keyOf(found));
      if (conduit === undefined || connection.destroyed) {
        connection.destroy();
        return;
      }
      this.#awaited.delete(keyOf(found));
      proven();
      if (conduit.first === undefined) this.#hold(conduit, connection);
      else this.#join(conduit, conduit.first, connection);
    });
  }

  /** Cuts all. */
  close(): void {
    for (const conduit of new Set(this.#awaited.values())) this.#giveUp(conduit);
    for (const end of [...this.#running]) end();
  }

  /** Nothing is read from it until the other end is there: what the system holds for it is bounded. */
  #hold(conduit: Conduit, connection: Duplex): void {
    conduit.first = connection;
    connection.once("close", () => {
      if (!this.#awaited.has(conduit.keys[0]!) && !this.#awaited.has(conduit.keys[1]!)) return;
      this.#giveUp(conduit);
    });
  }

  #giveUp(conduit: Conduit): void {
    conduit.settle();
    conduit.first?.destroy();
    conduit.leave();
  }

  #join({ caller, settle, leave }: Conduit, one: Duplex, other: Duplex): void {
    settle();
    const end = () => {
      one.destroy(new FirefliesError("relay-ended"));
      other.destroy(new FirefliesError("relay-ended"));
    };
    const { lastsMs, onJoined, paceOf } = this.#options;
    const timer = setTimeout(end, lastsMs());
    this.#running.add(end);
    whenBothClosed(one, other, () => {
      clearTimeout(timer);
      this.#running.delete(end);
      leave();
    });
    onJoined();
    for (const end of [one, other]) if (end instanceof Socket) end.setKeepAlive(true, KEEPALIVE_MS);
    const pace = paceOf(caller);
    tie(one, other);
    passBytes(one, other, pace);
    passBytes(other, one, pace);
  }
}

function keyOf(token: Uint8Array): string {
  return toHex(sha256(token));
}
