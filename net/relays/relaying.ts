/**
 * The relaying side: keeps reservations, and splices a member that asks with one that has a reservation, or with another relay
 * that has it. Only ciphertext passes: the two prove themselves to each other inside. docs/protocol.md, "Relays".
 */
import type { Duplex } from "node:stream";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { Buckets, type MemberId } from "../../rings/index.js";
import { formatAddress } from "../address.js";
import { deadlineIn } from "../deadline.js";
import type { Path } from "../session/path.js";
import type { Protocol } from "../session/protocol.js";
import type { ByteDuplex, Session } from "../session/session.js";
import { type Arrival, Conduits } from "./conduits.js";
import {
  DECLINED_RETRY_MS,
  OPENERS_MAX,
  OPENING_MS,
  OPENS,
  PER_PAIR_MAX,
  PER_TARGET_MAX,
  REACHES_DIAL_MS,
  REACHES_DIALS_MAX,
  RELAY_CONDUIT,
  RELAY_ENTER,
  RELAY_OPEN,
  RELAY_PROTOCOL_LIMITS,
  RELAY_REACHES,
  RELAY_RESERVE,
  RELAY_TAKE,
  RETRY_MS,
  type RelayLimits,
} from "./limits.js";
import {
  type Conduit,
  decodeIds,
  decodeOpened,
  decodeOpening,
  decodeTarget,
  decodeWish,
  encodeConduit,
  encodeHandover,
  encodeIds,
  encodeOpened,
  encodeOpening,
  encodeReservation,
  encodeToken,
  type Granted,
  type Opening,
  type Refusal,
  TIME_MS_MAX,
} from "./messages.js";
import { type PlaceLimits, Places } from "./places.js";
import { refused } from "./refusal.js";
import { Reservations } from "./reservations.js";
import { Shaper, type ShaperRates } from "./shaper.js";
import { firstMessage, type Pace, pass, tie, whenBothClosed } from "./splice.js";

export interface RelayingOptions {
  readonly self: MemberId;
  /** To begin with. */
  readonly limits: RelayLimits;
  /** Do I relay? Not when I am told not to, nor when nobody can dial me. */
  readonly isWilling: () => boolean;
  /** Was I told to relay for nobody? That lasts; that nobody can dial me is what is believed for the moment. */
  readonly declines: () => boolean;
  /** Am I one of the relays that the view gives this member? */
  readonly isMine: (id: MemberId) => boolean;
  /** A session with this member that no relay carries, whoever made it. */
  readonly directWith: (id: MemberId) => Session | undefined;
  /** The same; made anew when there is none. Rejects with a FirefliesError. */
  readonly reachDirect: (id: MemberId, withinMs: number) => Promise<Session>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** What a relay does, and has done. */
export interface RelayingFigures {
  /** Members with a reservation. */
  readonly reservations: number;
  /** Connections that pass through now, and the members that asked for them. */
  readonly connections: number;
  readonly callers: number;
  /** Of the connections, those that are conduits. */
  readonly conduits: number;
  /** Members whose bytes wait for their rate now. */
  readonly delayed: number;
  /** Since the start: connections, bytes of both directions, and requests that were refused. */
  readonly passed: number;
  readonly bytes: number;
  readonly refused: number;
}

const NOTHING = encodeIds([]);

export class Relaying {
  readonly #options: RelayingOptions;
  #limits: RelayLimits;
  readonly #reservations: Reservations;
  readonly #places: Places;
  readonly #shaper: Shaper;
  readonly #conduits: Conduits;
  readonly #opens = new Buckets<MemberId>(OPENS, OPENERS_MAX);
  readonly #running = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #passed = 0;
  #bytes = 0;
  #refused = 0;

  constructor(options: RelayingOptions) {
    this.#options = options;
    const { limits, isMine, now } = options;
    this.#limits = limits;
    this.#reservations = new Reservations({ max: limits.reservations, isMine });
    this.#places = new Places(placesOf(limits));
    this.#shaper = new Shaper(ratesOf(limits), now());
    this.#conduits = new Conduits({
      paceOf: (caller) => this.#paceOf(caller),
      lastsMs: () => this.#limits.connectionMs,
      onJoined: () => {
        this.#passed += 1;
      },
    });
  }

  /** Of what begins from now on; nothing is cut. Rates are those of what passes already as well. */
  set limits(limits: RelayLimits) {
    this.#limits = limits;
    this.#reservations.max = limits.reservations;
    this.#places.limits = placesOf(limits);
    this.#shaper.setRates(ratesOf(limits), this.#options.now());
  }

  get protocols(): readonly Protocol[] {
    const { reserve, reaches, open, conduit } = RELAY_PROTOCOL_LIMITS;
    return [
      {
        ...{ kind: "call", id: RELAY_RESERVE, limits: reserve },
        onCall: async (peer, body, _, path) => this.#onWish(peer, body, path),
      },
      { kind: "call", id: RELAY_REACHES, limits: reaches, onCall: ({ id }, body) => this.#onReaches(id, body) },
      { kind: "call", id: RELAY_CONDUIT, limits: conduit, onCall: ({ id }, body) => this.#onConduit(id, body) },
      { kind: "duplex", id: RELAY_OPEN, limits: open, onDuplex: (peer, duplex) => this.#onOpen(peer, duplex) },
    ];
  }

  get figures(): RelayingFigures {
    return {
      reservations: this.#reservations.size,
      connections: this.#places.taken,
      callers: this.#places.callers,
      conduits: this.#conduits.size,
      delayed: this.#shaper.delayed,
      passed: this.#passed,
      bytes: this.#bytes,
      refused: this.#refused,
    };
  }

  /** Has this member a reservation here? Then the session with it is held. */
  serves(id: MemberId): boolean {
    return this.#reservations.has(id, this.#options.now());
  }

  /** A connection has come: one end of a conduit, or none. */
  enter(connection: Duplex, arrival: Arrival): void {
    this.#conduits.enter(connection, arrival);
  }

  /** Ends what passes through, and all reservations. */
  close(): void {
    this.#conduits.close();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#reservations.clear();
    for (const end of [...this.#running]) end();
  }

  #onWish(peer: MemberCertificate, body: Uint8Array, path: Path): Uint8Array {
    const wish = decodeWish(body);
    if (wish === undefined) throw new FirefliesError("bad-frame");
    if (wish === "release") this.#reservations.release(peer.id);
    const answer = wish === "release" ? refused("absent") : this.#reserve(peer.id, path);
    if (answer.kind === "refused" && wish === "reserve") this.#refused += 1;
    return encodeReservation(answer);
  }

  #declined(): Refusal {
    return refused("declined", this.#options.declines() ? DECLINED_RETRY_MS : RETRY_MS);
  }

  #reserve(id: MemberId, path: Path): Granted | Refusal {
    const { isWilling, now } = this.#options;
    const limits = this.#limits;
    // A reservation over a session that others carry would be a chain.
    if (!isWilling() || path.kind === "relayed") return this.#declined();
    const at = now();
    const until = this.#reservations.take(id, at);
    if (typeof until !== "number") return until;
    return {
      kind: "granted",
      forMs: until - at,
      connections: PER_TARGET_MAX,
      bytesPerSecond: Math.min(limits.bytesPerSecondPerMember, TIME_MS_MAX),
      connectionMs: limits.connectionMs,
      observed: formatAddress(path.address),
    };
  }

  /**
   * Those that I could splice somebody with: members that I have a session with, and first of the others those that I can dial
   * now. Whether there is a session just then is chance: gossip makes them, and links are made anew.
   */
  async #onReaches(caller: MemberId, body: Uint8Array): Promise<Uint8Array> {
    const ids = decodeIds(body);
    if (ids === undefined) throw new FirefliesError("bad-frame");
    const { isWilling, directWith, reachDirect, now, self } = this.#options;
    if (!isWilling()) return NOTHING;
    const unknown = ids.filter((id) => id !== self && id !== caller && directWith(id) === undefined);
    const dialled = unknown.slice(0, REACHES_DIALS_MAX).filter(() => this.#opens.take(caller, now()) === 0);
    await Promise.all(dialled.map((id) => reachDirect(id, REACHES_DIAL_MS).catch(() => undefined)));
    return encodeIds(ids.filter((id) => directWith(id) !== undefined));
  }

  #onOpen(peer: MemberCertificate, duplex: ByteDuplex): void {
    this.#open(peer.id, duplex).catch((error: unknown) => duplex.destroy(asOurs(error)));
  }

  async #open(caller: MemberId, duplex: ByteDuplex): Promise<void> {
    const message = await firstMessage(duplex, OPENING_MS);
    const opening = message && decodeOpening(message);
    if (opening === undefined) throw new FirefliesError("bad-frame");
    const far = await this.#toTarget(caller, opening);
    if ("kind" in far) this.#refuse(duplex, far);
    else await this.#splice(caller, duplex, far);
  }

  /** A duplex towards the target, and the place that it takes; or why there is none. */
  async #toTarget(caller: MemberId, opening: Opening): Promise<Far | Refusal> {
    const found = await this.#placeFor(caller, opening);
    if ("kind" in found) return found;
    const { target, next, origin } = opening;
    const far = found.session.open(next === undefined ? RELAY_TAKE : RELAY_OPEN);
    if (next !== undefined) far.write(encodeOpening({ target, origin: caller }));
    else far.write(encodeHandover(origin === undefined ? { caller } : { caller: origin, first: caller }));
    return { duplex: far, leave: found.leave };
  }

  /** The session that leads to the target, and a place; or why there is none. */
  async #placeFor(caller: MemberId, { target, next }: Opening): Promise<Place | Refusal> {
    const { self, isWilling, now } = this.#options;
    const retryMs = this.#opens.take(caller, now());
    if (!isWilling()) return this.#declined();
    if (retryMs > 0) return refused("full", retryMs);
    if (target === self || target === caller || next === self || next === caller) return refused("absent");
    const session = await this.#sessionFor(target, next);
    if (session === undefined) return refused("absent");
    const leave = this.#places.take(caller, next ?? target);
    return leave === undefined ? refused("full") : { session, leave };
  }

  async #onConduit(caller: MemberId, body: Uint8Array): Promise<Uint8Array> {
    const target = decodeTarget(body);
    if (target === undefined) throw new FirefliesError("bad-frame");
    const answer = await this.#conduit(caller, target);
    if (answer.kind === "refused") this.#refused += 1;
    return encodeConduit(answer);
  }

  /** The target is told first: who waits for it has its own token a round trip later. */
  async #conduit(caller: MemberId, target: MemberId): Promise<Conduit | Refusal> {
    const found = await this.#placeFor(caller, { target });
    if ("kind" in found) return found;
    if (!this.#conduits.hasRoom(caller)) {
      found.leave();
      return refused("full");
    }
    const { tokens, giveUp } = this.#conduits.expect(caller, found.leave);
    try {
      await found.session.call(RELAY_ENTER, encodeToken(tokens.target), { deadline: deadlineIn(OPENING_MS) });
    } catch {
      giveUp();
      return refused("absent");
    }
    return { kind: "conduit", lastsMs: Math.min(this.#limits.connectionMs, TIME_MS_MAX), token: tokens.caller };
  }

  async #sessionFor(target: MemberId, next: MemberId | undefined): Promise<Session | undefined> {
    const { directWith, reachDirect, now } = this.#options;
    if (next !== undefined) return await reachDirect(next, OPENING_MS).catch(() => undefined);
    return this.#reservations.has(target, now()) ? directWith(target) : undefined;
  }

  /** What the caller sends goes on at once; what comes back begins with the far end's word that it is there. */
  async #splice(caller: MemberId, duplex: ByteDuplex, { duplex: far, leave }: Far): Promise<void> {
    const { connectionMs } = this.#limits;
    const end = () => {
      duplex.destroy(new FirefliesError("relay-ended"));
      far.destroy(new FirefliesError("relay-ended"));
    };
    const timer = setTimeout(end, connectionMs);
    this.#running.add(end);
    whenBothClosed(duplex, far, () => {
      clearTimeout(timer);
      this.#running.delete(end);
      leave();
    });
    const gaveUp = () => far.destroy(new FirefliesError("cancelled"));
    duplex.once("close", gaveUp);
    const pace = this.#paceOf(caller);
    pass(duplex, far, pace);
    const message = await firstMessage(far, OPENING_MS);
    const opened = message && decodeOpened(message);
    duplex.off("close", gaveUp);
    if (opened?.kind !== "opened") {
      far.destroy();
      this.#refuse(duplex, opened ?? refused("absent"));
      return;
    }
    this.#passed += 1;
    tie(duplex, far);
    duplex.write(encodeOpened({ kind: "opened", lastsMs: Math.min(opened.lastsMs, connectionMs) }));
    pass(far, duplex, pace);
  }

  /** Says why, and ends; a caller that goes on sending is cut soon. */
  #refuse(duplex: ByteDuplex, refusal: Refusal): void {
    if (duplex.destroyed) return;
    this.#refused += 1;
    duplex.end(encodeOpened(refusal));
    duplex.resume();
    const timer = setTimeout(() => duplex.destroy(), OPENING_MS);
    duplex.once("close", () => clearTimeout(timer));
  }

  #paceOf(caller: MemberId): Pace {
    return (bytes, go) => {
      this.#bytes += bytes;
      const isNow = this.#shaper.take(caller, bytes, this.#options.now(), go);
      if (!isNow) this.#wake();
      return isNow;
    };
  }

  /** While something waits for its rate. */
  #wake(): void {
    const { deadline } = this.#shaper;
    if (deadline === undefined || this.#timer !== undefined) return;
    const waitMs = Math.max(1, deadline - this.#options.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#shaper.tick(this.#options.now());
      this.#wake();
    }, waitMs);
  }

  /** Forgets whom nothing passes for any more. To be called now and then. */
  tidy(): void {
    this.#shaper.tidy(this.#options.now());
  }
}

interface Place {
  readonly session: Session;
  readonly leave: () => void;
}

interface Far {
  readonly duplex: ByteDuplex;
  readonly leave: () => void;
}

function asOurs(error: unknown): FirefliesError {
  return error instanceof FirefliesError ? error : new FirefliesError("handler-failed");
}

function placesOf({ connections, connectionsPerMember }: RelayLimits): PlaceLimits {
  return {
    max: connections,
    perCallerMax: connectionsPerMember,
    perTargetMax: PER_TARGET_MAX,
    perPairMax: PER_PAIR_MAX,
  };
}

function ratesOf({ bytesPerSecond, bytesPerSecondPerMember }: RelayLimits): ShaperRates {
  return { inAll: bytesPerSecond, perMember: bytesPerSecondPerMember };
}
