/**
 * How one end of a connection follows the other one to another address: a NAT forgot its mapping, or the machine came to
 * another network. Each end says now and then, under the connection's key, where it comes from (PATH). Whoever hears that
 * from an address that is new sends a value there (CHALLENGE), and only who brings it back from there, under the key, is
 * followed (RESPONSE). Both then know an id for the next lane (MOVED). Compare RFC 9000, section 9.
 *
 * A challenge holds no memory: its value is an HMAC over address and counter. It is answered only to the address at which
 * the other end is known, so that nobody can have it carried to a place of his own.
 */
import { equalBytes, fullBucket, spend } from "../../../rings/index.js";
import type { HostPort } from "../../address.js";
import type { Connection } from "./connection.js";
import type { EndpointSecrets } from "./keys.js";
import type { FarEnd } from "./lane.js";
import {
  CHALLENGES_PER_SECOND,
  MOVE_MS,
  PATH_BUSY_MS,
  PATH_IDLE_MS,
  RESPONSES_PER_SECOND,
  RETRY_MS,
} from "./limits.js";
import { encodePath, type PathDatagram } from "./wire.js";

const RATE = { burst: CHALLENGES_PER_SECOND, refillMs: 1_000 / CHALLENGES_PER_SECOND };
const RESPONSE_RATE = { burst: RESPONSES_PER_SECOND, refillMs: 1_000 / RESPONSES_PER_SECOND };

/** An id of ours that the other end may know already, and that has no far end yet. */
export interface Berth {
  readonly id: number;
  readonly token: Uint8Array;
  /** Begins the next lane of the connection. */
  connect(to: FarEnd): void;
  cancel(): void;
}

export interface MoverOptions {
  readonly secrets: EndpointSecrets;
  readonly connection: Connection;
  readonly send: (datagram: Uint8Array, to: HostPort) => void;
  /** Undefined when there is no room. */
  readonly reserve: () => Berth | undefined;
  readonly now: () => number;
}

const EMPTY = new Uint8Array(0);

export class Mover {
  readonly #options: MoverOptions;
  #counter = 0;
  /** The highest that came with a PATH, and with a RESPONSE. */
  #heard = 0;
  #followed = 0;
  #bucket;
  #responses;
  #saidAt = 0;
  /** For the lane that the other end will begin. */
  #berth: { readonly berth: Berth; readonly until: number } | undefined;
  /** Said again until the next lane is joined. */
  #moved: { readonly datagram: Uint8Array; readonly until: number; again: number; waitMs: number } | undefined;

  constructor(options: MoverOptions) {
    this.#options = options;
    this.#bucket = fullBucket(RATE, options.now());
    this.#responses = fullBucket(RESPONSE_RATE, options.now());
  }

  /** At every look, and with `anyhow` when the own address may have changed. */
  look(anyhow = false): void {
    const { connection, now } = this.#options;
    const at = now();
    if (this.#berth !== undefined && at > this.#berth.until) this.#forget();
    this.#repeatMoved(at);
    const every = connection.isBusy(at) ? PATH_BUSY_MS : PATH_IDLE_MS;
    if (!anyhow && at - this.#saidAt < every) return;
    this.#saidAt = at;
    this.#say("path", { counter: ++this.#counter, id: connection.lane?.to.id ?? 0 });
  }

  /** A datagram of the other end; authentic. */
  heard(datagram: PathDatagram, from: HostPort): void {
    if (datagram.type === "path") this.#onPath(datagram, from);
    else if (datagram.type === "challenge") this.#onChallenge(datagram, from);
    else if (datagram.type === "response") this.#onResponse(datagram, from);
    else this.#onMoved(datagram, from);
  }

  close(): void {
    this.#forget();
    this.#moved = undefined;
  }

  #onPath({ counter }: PathDatagram, from: HostPort): void {
    if (counter <= this.#heard) return; // Old, or sent again by somebody else.
    this.#heard = counter;
    if (isSame(from, this.#options.connection.remote) || !this.#mayAnswer()) return;
    this.#say("challenge", { counter, value: this.#valueOf(counter, from) }, from);
  }

  #onChallenge({ counter, value }: PathDatagram, from: HostPort): void {
    const { connection, reserve, now } = this.#options;
    if (!isSame(from, connection.remote) || counter > this.#counter || !this.#mayAnswer()) return;
    const berth = this.#berth?.berth ?? reserve();
    if (berth === undefined) return;
    this.#berth = { berth, until: now() + MOVE_MS };
    this.#say("response", { counter, value, id: berth.id, token: berth.token });
  }

  #onResponse({ counter, value, id, token }: PathDatagram, from: HostPort): void {
    const { connection, reserve, now } = this.#options;
    if (counter <= this.#followed || !this.#mayLook() || !equalBytes(value, this.#valueOf(counter, from))) return;
    const berth = reserve();
    if (berth === undefined) return;
    this.#followed = counter;
    connection.remote = from;
    const fields = { counter, value, id: berth.id, token: berth.token };
    const until = now() + MOVE_MS;
    this.#moved = { datagram: this.#datagram("moved", fields), until, again: now(), waitMs: RETRY_MS };
    this.#repeatMoved(now());
    berth.connect({ ...from, id, token });
  }

  #onMoved({ id, token }: PathDatagram, from: HostPort): void {
    const { connection } = this.#options;
    if (this.#berth === undefined || !isSame(from, connection.remote)) return;
    const { berth } = this.#berth;
    this.#berth = undefined;
    berth.connect({ ...from, id, token });
  }

  #repeatMoved(at: number): void {
    const moved = this.#moved;
    if (moved === undefined) return;
    if (at > moved.until) this.#moved = undefined;
    if (at < moved.again || (moved.waitMs > RETRY_MS && !this.#options.connection.isMoving)) return;
    moved.again = at + moved.waitMs;
    moved.waitMs *= 2;
    this.#options.send(moved.datagram, this.#options.connection.remote);
  }

  #forget(): void {
    this.#berth?.berth.cancel();
    this.#berth = undefined;
  }

  #valueOf(counter: number, at: HostPort): Uint8Array {
    return this.#options.secrets.pathValue(this.#options.connection.keys.tag, counter, at);
  }

  #mayAnswer(): boolean {
    const left = spend(this.#bucket, RATE, this.#options.now());
    this.#bucket = left ?? this.#bucket;
    return left !== undefined;
  }

  /** May another answer to a challenge be looked at? */
  #mayLook(): boolean {
    const left = spend(this.#responses, RESPONSE_RATE, this.#options.now());
    this.#responses = left ?? this.#responses;
    return left !== undefined;
  }

  #say(type: PathDatagram["type"], fields: Partial<PathDatagram>, to = this.#options.connection.remote): void {
    this.#options.send(this.#datagram(type, fields), to);
  }

  #datagram(type: PathDatagram["type"], fields: Partial<PathDatagram>): Uint8Array {
    const { key, peerTag } = this.#options.connection.keys;
    const all = { type, tag: peerTag, counter: 0, value: EMPTY, id: 0, token: EMPTY, ...fields };
    return encodePath(all, key);
  }
}

function isSame(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.host === b.host;
}
