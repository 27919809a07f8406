/** Round trips to a member, on demand: a datagram as the failure detector sends them, and a call over the link. */
import { randomBytes } from "node:crypto";
import { FirefliesError } from "../../identity/index.js";
import {
  asFirefliesError,
  type Deadline,
  type Destination,
  deadlineIn,
  formatAddress,
  type Session,
  withDeadline,
} from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import type { RoundTrip } from "../types.js";
import type { Reachable } from "../view/directory.js";

/** Under way at once: each may take as long as its caller allows. */
const ROUND_TRIPS_MAX = 64;

export interface RoundTripsOptions {
  /** Sends one datagram. Returns where it went, "IP:port"; undefined when nowhere. */
  readonly ping: (to: MemberId, addresses: readonly string[], nonce: bigint) => string | undefined;
  /** The addresses in its note for datagrams, "host:port". */
  readonly pingable: (id: MemberId) => readonly string[];
  /** A session with the member, dialled if need be. */
  readonly reach: (to: Destination, until: Deadline) => Promise<Session>;
  /** Is there a session that needs no dial? */
  readonly isLinked: (to: Destination) => boolean;
  /** Asks over the session for next to nothing. */
  readonly call: (session: Session, until: Deadline) => Promise<unknown>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Awaited {
  readonly from: MemberId;
  readonly sentAt: number;
  readonly came: (ms: number) => void;
}

type Ping = Pick<RoundTrip, "udpMs" | "udpAddress">;
interface Patience {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** As `PingOptions.onSign`. */
  readonly onSign?: ((at: number) => void) | undefined;
}

/** Bytes that had come over a session when it was last asked, and when that was. */
interface Seen {
  readonly bytes: number;
  readonly at: number;
}

export class RoundTrips {
  readonly #options: RoundTripsOptions;
  readonly #awaited = new Map<bigint, Awaited>();
  readonly #seen = new WeakMap<Session, Seen>();

  constructor(options: RoundTripsOptions) {
    this.#options = options;
  }

  /** Rejects with "cancelled" and "overloaded"; what does not come back is part of the answer. */
  async measure(to: Reachable, patience: Patience): Promise<RoundTrip> {
    if (this.#awaited.size >= ROUND_TRIPS_MAX) {
      throw new FirefliesError("overloaded", `${ROUND_TRIPS_MAX} round trips are under way.`);
    }
    const pinged = this.#byUdp(to.id, this.#options.pingable(to.id), patience);
    const [udp, link] = await Promise.all([pinged, this.#overLink(to, patience)]);
    if (patience.signal?.aborted) throw new FirefliesError("cancelled");
    return { ...udp, ...link };
  }

  /** By a datagram alone, to these addresses instead of those of the note. Never rejects. */
  async ping(id: MemberId, addresses: readonly string[], patience: Patience): Promise<Ping> {
    if (this.#awaited.size >= ROUND_TRIPS_MAX) return { udpMs: undefined, udpAddress: undefined };
    return await this.#byUdp(id, addresses, patience);
  }

  /** An authentic pong has come. Returns whether it was waited for here. */
  pong(from: MemberId, nonce: bigint): boolean {
    const awaited = this.#awaited.get(nonce);
    if (awaited?.from !== from) return false;
    awaited.came(this.#options.now() - awaited.sentAt);
    return true;
  }

  async #byUdp(id: MemberId, addresses: readonly string[], { timeoutMs, signal, onSign }: Patience): Promise<Ping> {
    const nonce = randomBytes(8).readBigUInt64BE(0);
    const pong = new Promise<number>((came) => {
      // Before it is sent: nothing comes back earlier than it is waited for.
      const sentAt = this.#options.now();
      const answered = (ms: number) => {
        onSign?.(sentAt + ms);
        came(ms);
      };
      this.#awaited.set(nonce, { from: id, sentAt, came: answered });
    });
    try {
      const udpAddress = this.#options.ping(id, addresses, nonce);
      if (udpAddress === undefined) return { udpMs: undefined, udpAddress };
      const waited = withDeadline({ deadline: deadlineIn(timeoutMs), signal }, () => pong);
      return { udpMs: await waited.catch(() => undefined), udpAddress };
    } finally {
      this.#awaited.delete(nonce);
    }
  }

  async #overLink(
    to: Destination,
    { timeoutMs, signal, onSign }: Patience,
  ): Promise<Omit<RoundTrip, "udpMs" | "udpAddress">> {
    const { reach, isLinked, call, now } = this.#options;
    const [deadline, startedAt, wasLinked] = [deadlineIn(timeoutMs), now(), isLinked(to)];
    let path: RoundTrip["path"];
    let connectMs: number | undefined;
    try {
      const session = await reach(to, { deadline, signal });
      const { direction, address } = session.path;
      path = { direction, address: formatAddress(address) };
      const reachedAt = now();
      if (!wasLinked) connectMs = reachedAt - startedAt;
      this.#look(session, reachedAt, onSign);
      await call(session, { deadline, signal });
      const answeredAt = now();
      onSign?.(answeredAt);
      return { linkMs: answeredAt - reachedAt, path, connectMs, error: undefined };
    } catch (error) {
      return { linkMs: undefined, path, connectMs, error: asFirefliesError(error, "peer-unreachable") };
    }
  }

  /** Whatever came since this session was last asked is a sign: an answer may come behind much else. */
  #look(session: Session, at: number, onSign: Patience["onSign"]): void {
    const { bytesRead: bytes } = session;
    const seen = this.#seen.get(session);
    if (seen !== undefined && seen.bytes !== bytes) onSign?.(seen.at);
    this.#seen.set(session, { bytes, at });
  }
}
