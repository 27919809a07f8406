/**
 * Punches with other members: agreed on over a session that there is, relayed as a rule, so each side knows whom the other
 * address belongs to. Both begin at once, by every way that they have in common. The side that asked proves itself as a TLS
 * client on whatever comes, the other one as a server.
 */
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { Buckets, type MemberId } from "../../rings/index.js";
import { onAbort } from "../abort.js";
import type { Address } from "../address.js";
import { type Deadline, deadlineIn } from "../deadline.js";
import { canonical } from "../ranges.js";
import type { ConnectOptions } from "../session/options.js";
import type { Path } from "../session/path.js";
import type { Protocols } from "../session/protocol.js";
import type { Session } from "../session/session.js";
import { type Candidate, encodeOffer, NONCE_BYTES, OFFER_BYTES_MAX, type PunchOffer, parseOffer } from "./offer.js";
import { type Waiting, whose } from "./whose.js";

export const PUNCH = "punch";
/** Both sides try for this long, milliseconds. */
const PUNCH_MS = 3_000;
/** Time for the handshake of a connection that came late in a punch, milliseconds. */
const HANDSHAKE_MS = 3_000;
/** For the answer to an offer, milliseconds: a relayed round trip. */
const OFFER_TIMEOUT_MS = 5_000;
/** Punches at once: each holds a few sockets. */
const PUNCHES_MAX = 16;
/** Of those, begun by me, and asked for by others: neither keeps the other from all places. Each member has one at most. */
const OF_ONE_SIDE_MAX = 12;
/** Another member may ask for this many at once, and for one more after each pause: what it names is dialled. */
const ASKED = { burst: 3, refillMs: 15_000 };
/**
 * For one that names an address without its port, where thousands of packets are sent to ports at random: so many at once,
 * and one more after each pause. Whose address it is cannot be known before somebody answers there.
 */
const HIDDEN = { burst: 2, refillMs: 120_000 };
/** Members whose rate is remembered. */
const ASKERS_MAX = 4_096;

/** One way to punch: TCP, or a transport over UDP. */
export interface PunchWay {
  /** Of the candidates that it can use. */
  readonly scheme: string;
  /** Until the signal fires. Never rejects. */
  run(options: PunchRun): Promise<void>;
}

export interface PunchRun {
  /** Of this way's scheme, with IP addresses. */
  readonly targets: readonly Candidate[];
  /** Does this side prove itself as the TLS client? */
  readonly isClient: boolean;
  readonly mine: PunchOffer;
  readonly theirs: PunchOffer;
  readonly signal: AbortSignal;
  readonly onConnection: (connection: Duplex, at: Address) => void;
}

export interface PunchesOptions {
  readonly self: MemberId;
  readonly ways: readonly PunchWay[];
  /** What I tell of myself: addresses by which others see me, and what my NAT is like. */
  readonly mine: () => readonly Candidate[];
  /** May the address be dialled? */
  readonly mayDial: (address: Address) => boolean;
  /** As `Stack.connect`. */
  readonly connect: (connection: Duplex, options: ConnectOptions) => Promise<Session>;
  /** As `Stack.accept`. */
  readonly accept: (connection: Duplex, from: Address, path: Path) => void;
  /** Is there a path to this member that no punch would better? */
  readonly isReached: (id: MemberId) => boolean;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** How many were tried, by me or at the wish of others, and how many gave a session. */
export interface PunchFigures {
  readonly tried: number;
  readonly succeeded: number;
}

export class Punches {
  readonly #options: PunchesOptions;
  /** By member: whether it has asked for it, or an offer of mine has no answer yet. */
  readonly #running = new Map<MemberId, "offered" | "punching" | "asked">();
  /** Offers of mine that were given up for one of the other side. */
  readonly #yielded = new Set<MemberId>();
  readonly #hidden = new Buckets<MemberId>(HIDDEN, ASKERS_MAX);
  readonly #meetings = new Set<Meeting>();
  readonly #asked = new Buckets<MemberId>(ASKED, ASKERS_MAX);
  readonly #closing = new AbortController();
  #tried = 0;
  #succeeded = 0;

  constructor(options: PunchesOptions) {
    this.#options = options;
  }

  get figures(): PunchFigures {
    return { tried: this.#tried, succeeded: this.#succeeded };
  }

  isRunning(id: MemberId): boolean {
    return this.#running.has(id);
  }

  speak(protocols: Protocols): void {
    protocols.register({
      kind: "call",
      id: PUNCH,
      limits: { bytesMax: OFFER_BYTES_MAX, openPerPeerMax: 2 },
      onCall: async (peer, body) => this.#onOffer(peer, body),
    });
  }

  /**
   * Tries to reach the other end of `over` by a path without a relay. Resolves with the new session. Rejects with
   * "peer-unreachable" (no pair of addresses led anywhere; `message` says what was tried), "overloaded", "cancelled", or as
   * `Session.call`.
   */
  async punch(over: Session, { signal }: Pick<Deadline, "signal"> = {}): Promise<Session> {
    const { id } = over.peer;
    const mine = this.#mine();
    this.#begin(id, "offered");
    try {
      const deadline = deadlineIn(OFFER_TIMEOUT_MS);
      const answer = await over.call(PUNCH, encodeOffer(mine), { deadline, signal });
      const theirs = parseOffer(answer);
      if (theirs === undefined) throw new FirefliesError("bad-frame", "The answer to the offer of a punch is none.");
      this.#running.set(id, "punching");
      return await this.#asClient(over.peer, mine, theirs, signal);
    } finally {
      // Unless its own offer has taken the place of mine.
      if (!this.#yielded.delete(id)) this.#running.delete(id);
    }
  }

  /**
   * A connection of reliable UDP has come to the member's port. Is it one that a punch waits for? Then it is taken, whichever
   * side dialled.
   */
  takes(connection: Duplex, from: Address): boolean {
    if (from.scheme !== "udx") return false;
    const meeting = whose(this.#meetings, canonical(from));
    if (meeting === undefined) return false;
    meeting.met += 1;
    meeting.onConnection(connection, from);
    return true;
  }

  /** Does a punch wait for a connection from there? */
  expects(from: Pick<Address, "host">): boolean {
    const { host } = canonical({ scheme: "udx", port: 1, ...from });
    return [...this.#meetings].some(({ targets }) => targets.some((target) => target.host === host));
  }

  /** Ends what runs; leaves nothing behind. */
  close(): void {
    this.#closing.abort();
  }

  #mine(): PunchOffer {
    return { nonce: randomBytes(NONCE_BYTES), candidates: this.#options.mine() };
  }

  #begin(id: MemberId, as: "offered" | "asked"): void {
    if (this.#closing.signal.aborted) throw new FirefliesError("link-closed");
    const isCrossed = this.#running.get(id) === "offered" && as === "asked" && id < this.#options.self;
    const isFull = this.#running.size >= PUNCHES_MAX || this.#ofSide(as) >= OF_ONE_SIDE_MAX;
    if (isCrossed) this.#yielded.add(id);
    else if (this.#running.has(id) || isFull)
      throw new FirefliesError("overloaded", `A punch with this member is under way, or ${PUNCHES_MAX} with others.`);
    this.#running.set(id, as);
    this.#tried += 1;
  }

  /** How many run that I have begun, or others. */
  #ofSide(as: "offered" | "asked"): number {
    return [...this.#running.values()].filter((each) => (each === "asked") === (as === "asked")).length;
  }

  #asClient(peer: MemberCertificate, mine: PunchOffer, theirs: PunchOffer, signal?: AbortSignal): Promise<Session> {
    return new Promise((resolve, reject) => {
      const { connect } = this.#options;
      const end = this.#limited(signal);
      let shaking = 0;
      let isOver = false;
      const failed = () => {
        if (shaking === 0 && isOver) reject(noWay(mine, theirs));
      };
      const onConnection = (connection: Duplex, address: Address) => {
        shaking += 1;
        const path = { kind: "punched", direction: "dialled", address } as const;
        connect(connection, { path, expect: peer.id, deadline: deadlineIn(HANDSHAKE_MS), signal: end.won })
          .then((session) => {
            this.#succeeded += 1;
            resolve(session);
            end.win();
          })
          .catch(() => {}) // Another connection may prove itself; else the punch ends without one.
          .finally(() => {
            shaking -= 1;
            failed();
          });
      };
      this.#run(peer.id, mine, theirs, true, end.signal, onConnection).finally(() => {
        end.clear();
        isOver = true;
        failed();
      });
    });
  }

  #onOffer(peer: MemberCertificate, body: Uint8Array): Uint8Array {
    const theirs = parseOffer(body);
    if (theirs === undefined) throw new FirefliesError("bad-frame", "This is no offer of a punch.");
    if (this.#asked.take(peer.id, this.#options.now()) > 0)
      throw new FirefliesError("overloaded", "This member asks for punches too often.", {
        advice: "Wait some seconds.",
      });
    const mine = this.#mine();
    // Offers that cross each other: the lower id's counts, and the other one is refused.
    this.#begin(peer.id, "asked");
    const end = this.#limited();
    const path = (address: Address): Path => ({ kind: "punched", direction: "accepted", address });
    const reached = setInterval(() => this.#options.isReached(peer.id) && end.win(), 100);
    const onConnection = (connection: Duplex, at: Address) => this.#options.accept(connection, at, path(at));
    this.#run(peer.id, mine, theirs, false, end.signal, onConnection).finally(() => {
      clearInterval(reached);
      end.clear();
      this.#running.delete(peer.id);
    });
    return encodeOffer(mine);
  }

  /** May ports of this member be guessed? */
  #maySearch(peer: MemberId): boolean {
    return this.#hidden.take(peer, this.#options.now()) === 0;
  }

  async #run(
    peer: MemberId,
    mine: PunchOffer,
    theirs: PunchOffer,
    isClient: boolean,
    signal: AbortSignal,
    onConnection: PunchRun["onConnection"],
  ): Promise<void> {
    const { ways, mayDial } = this.#options;
    const usable = theirs.candidates
      .map(({ address, mapping }) => ({ address: canonical(address), mapping }))
      .filter(({ address }) => isIP(address.host) !== 0 && mayDial(address))
      .filter(({ mapping }) => mapping !== "destination" || this.#maySearch(peer));
    const meeting: Meeting = { targets: usable.map(({ address }) => address), isClient, onConnection, met: 0 };
    this.#meetings.add(meeting);
    const run = { mine, theirs, isClient, signal, onConnection };
    await Promise.all(
      ways.map(async (way) => {
        const targets = usable.filter(({ address }) => address.scheme === way.scheme);
        // A way that fails is a punch that leads nowhere.
        if (targets.length > 0) await way.run({ ...run, targets }).catch(() => {});
      }),
    );
    this.#meetings.delete(meeting);
  }

  /** `signal` fires when time is up, when one has won, or when the caller or the member gives up. */
  #limited(caller?: AbortSignal): Ending {
    const over = new AbortController();
    const won = new AbortController();
    const stop = () => over.abort();
    const timer = setTimeout(stop, PUNCH_MS);
    const unwatch = [caller, this.#closing.signal].map((signal) => signal && onAbort(signal, giveUp));
    function giveUp() {
      stop();
      won.abort();
    }
    const clear = () => {
      clearTimeout(timer);
      for (const end of unwatch) end?.();
    };
    return { signal: over.signal, won: won.signal, win: giveUp, clear };
  }
}

interface Meeting extends Waiting {
  met: number;
  readonly onConnection: PunchRun["onConnection"];
}

interface Ending {
  readonly signal: AbortSignal;
  /** Cuts handshakes that are no longer needed. */
  readonly won: AbortSignal;
  readonly win: () => void;
  readonly clear: () => void;
}

function noWay(mine: PunchOffer, theirs: PunchOffer): FirefliesError {
  const told = ({ candidates }: PunchOffer) =>
    candidates.map(({ address, mapping }) => `${address.scheme} with ports by ${mapping}`).join(", ") || "nothing";
  const text = `No path without a relay: I offered ${told(mine)}; the other side ${told(theirs)}.`;
  return new FirefliesError("peer-unreachable", text, {
    advice: "Where both NATs choose ports by destination there is none. The relayed path goes on.",
  });
}
