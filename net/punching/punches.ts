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
import { deadlineIn } from "../deadline.js";
import { canonical } from "../ranges.js";
import type { ConnectOptions } from "../session/options.js";
import type { Path } from "../session/path.js";
import type { Protocols } from "../session/protocol.js";
import type { Session } from "../session/session.js";
import { type Candidate, encodeOffer, NONCE_BYTES, OFFER_BYTES_MAX, type PunchOffer, parseOffer } from "./offer.js";
import { targetOf, type Waiting, whose } from "./whose.js";

export const PUNCH = "punch";
/** Both sides try for this long, milliseconds. */
const PUNCH_MS = 3_000;
/** Time for the handshake of a connection that came late in a punch, milliseconds. */
const HANDSHAKE_MS = 3_000;
/** For the answer to an offer, milliseconds: a relayed round trip. */
const OFFER_TIMEOUT_MS = 5_000;
/** The side that was asked looks so often whether it is reached, milliseconds. */
const REACHED_MS = 100;
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
  /** It tries ports at random where the other side cannot name its own. */
  readonly isSearching: boolean;
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
  /** Resolves when `mine` says all that can be known soon: an offer of less is a punch in vain. */
  readonly ready: () => Promise<void>;
  /** May the address be dialled? */
  readonly mayDial: (address: Address) => boolean;
  /** As `Stack.connect`. */
  readonly connect: (connection: Duplex, options: ConnectOptions) => Promise<Session>;
  /** As `Stack.accept`. */
  readonly accept: (connection: Duplex, from: Address, path: Path) => void;
  /** A session with this member that no punch would better. */
  readonly reached: (id: MemberId) => Session | undefined;
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
  readonly #running = new Map<MemberId, Running>();
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
   * Tries to reach the other end of `over` by a path without a relay. Resolves with the new session, whichever side began.
   * Rejects with "peer-unreachable" (no pair of addresses led anywhere; `message` says what was tried), "overloaded",
   * "link-closed" (`close` was called), or as `Session.call`.
   */
  async punch(over: Session): Promise<Session> {
    const { id } = over.peer;
    if (this.#running.has(id)) return await this.#join(id);
    const run = this.#begin(id, "offered");
    try {
      await this.#options.ready();
      if (this.#running.get(id) === run) return await this.#offer(over, run);
    } catch (error) {
      if (this.#running.get(id) === run) throw error;
    } finally {
      this.#end(id, run);
    }
    return await this.#join(id);
  }

  /** There is room for one more that I begin. */
  get hasRoom(): boolean {
    return this.#running.size < PUNCHES_MAX && this.#ofSide("offered") < OF_ONE_SIDE_MAX;
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

  #begin(id: MemberId, as: "offered" | "asked"): Running {
    if (this.#closing.signal.aborted) throw new FirefliesError("link-closed");
    const before = this.#running.get(id);
    const isCrossed = before?.as === "offered" && as === "asked" && id < this.#options.self;
    // Who asks again has ended the last one.
    const isOver = before?.as === "asked" && as === "asked";
    if (isOver) before.stop();
    const isFull = this.#running.size >= PUNCHES_MAX || this.#ofSide(as) >= OF_ONE_SIDE_MAX;
    if (!isCrossed && !isOver && (before !== undefined || isFull))
      throw new FirefliesError("overloaded", `A punch with this member is under way, or ${PUNCHES_MAX} with others.`);
    const run = newRun(as);
    this.#running.set(id, run);
    this.#tried += 1;
    return run;
  }

  /** An offer of the other side may have taken its place meanwhile. */
  #end(id: MemberId, run: Running): void {
    if (this.#running.get(id) === run) this.#running.delete(id);
    run.end();
  }

  /** Waits for the punch that runs, and has its outcome. */
  async #join(id: MemberId): Promise<Session> {
    await this.#running.get(id)?.ended;
    if (this.#closing.signal.aborted) throw new FirefliesError("link-closed");
    const session = this.#options.reached(id);
    if (session !== undefined) return session;
    throw new FirefliesError("peer-unreachable", "No path without a relay: the punch of the other side led nowhere.");
  }

  async #offer(over: Session, run: Running): Promise<Session> {
    const mine = this.#mine();
    const answer = await over.call(PUNCH, encodeOffer(mine), { deadline: deadlineIn(OFFER_TIMEOUT_MS) });
    const theirs = parseOffer(answer);
    if (theirs === undefined) throw new FirefliesError("bad-frame", "The answer to the offer of a punch is none.");
    run.as = "punching";
    return await this.#asClient(over.peer, mine, theirs);
  }

  /** How many run that I have begun, or others. */
  #ofSide(as: "offered" | "asked"): number {
    return [...this.#running.values()].filter((each) => (each.as === "asked") === (as === "asked")).length;
  }

  #asClient(peer: MemberCertificate, mine: PunchOffer, theirs: PunchOffer): Promise<Session> {
    return new Promise((resolve, reject) => {
      const { connect } = this.#options;
      const end = this.#limited();
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

  async #onOffer(peer: MemberCertificate, body: Uint8Array): Promise<Uint8Array> {
    const theirs = parseOffer(body);
    if (theirs === undefined) throw new FirefliesError("bad-frame", "This is no offer of a punch.");
    if (this.#asked.take(peer.id, this.#options.now()) > 0)
      throw new FirefliesError("overloaded", "This member asks for punches too often.", {
        advice: "Wait some seconds.",
      });
    // Offers that cross each other: the lower id's counts, and the other one is refused.
    const run = this.#begin(peer.id, "asked");
    await this.#options.ready();
    if (this.#closing.signal.aborted || this.#running.get(peer.id) !== run) {
      this.#end(peer.id, run);
      throw new FirefliesError("cancelled");
    }
    const mine = this.#mine();
    this.#asServer(peer.id, run, mine, theirs).finally(() => this.#end(peer.id, run));
    return encodeOffer(mine);
  }

  async #asServer(id: MemberId, run: Running, mine: PunchOffer, theirs: PunchOffer): Promise<void> {
    const end = this.#limited();
    run.stop = end.win;
    const path = (address: Address): Path => ({ kind: "punched", direction: "accepted", address });
    const reached = setInterval(() => this.#options.reached(id) && end.win(), REACHED_MS);
    const onConnection = (connection: Duplex, at: Address) => this.#options.accept(connection, at, path(at));
    await this.#run(id, mine, theirs, false, end.signal, onConnection);
    clearInterval(reached);
    end.clear();
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
    const isSearched = ({ scheme }: Address) => ways.some((way) => way.isSearching && way.scheme === scheme);
    let isAllowed: boolean | undefined;
    const mayGuess = () => {
      isAllowed ??= this.#maySearch(peer);
      return isAllowed;
    };
    const usable = theirs.candidates
      .map(({ address, mapping }) => ({ address: canonical(address), mapping }))
      .filter(({ address }) => isIP(address.host) !== 0 && mayDial(address))
      .filter(({ address, mapping }) => mapping !== "destination" || !isSearched(address) || mayGuess());
    const meeting: Meeting = { targets: usable.map(targetOf), isClient, onConnection, met: 0 };
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

  /** `signal` fires when time is up, when one has won, or when the member gives up. */
  #limited(): Ending {
    const over = new AbortController();
    const won = new AbortController();
    const stop = () => over.abort();
    const timer = setTimeout(stop, PUNCH_MS);
    const unwatch = onAbort(this.#closing.signal, giveUp);
    function giveUp() {
      stop();
      won.abort();
    }
    const clear = () => {
      clearTimeout(timer);
      unwatch();
    };
    return { signal: over.signal, won: won.signal, win: giveUp, clear };
  }
}

/** A punch with a member: asked for by it, or begun by me, and then without its answer at first. */
interface Running {
  as: "offered" | "punching" | "asked";
  /** Of one that was asked for. */
  stop: () => void;
  readonly ended: Promise<void>;
  readonly end: () => void;
}

function newRun(as: Running["as"]): Running {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { as, stop: () => {}, ended, end };
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
