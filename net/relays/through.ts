/**
 * The calling side: a duplex to a member, through one relay or two. Two only where this member cannot reach the relay of the
 * other one and another relay can, which is asked first; never three.
 */
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { onAbort } from "../abort.js";
import { type Deadline, deadlineIn } from "../deadline.js";
import type { ByteDuplex, Session } from "../session/session.js";
import { DialError } from "../transports/dial-error.js";
import { RELAY_OPEN, RELAY_REACHES } from "./limits.js";
import { decodeIds, encodeIds, encodeOpening, type Opening } from "./messages.js";

export interface ThroughOptions {
  readonly self: MemberId;
  /** A session with this member that no relay carries, made if need be. Rejects with a FirefliesError. */
  readonly reachDirect: (id: MemberId, deadline: Deadline) => Promise<Session>;
  /** Sessions that no relay carries, with members that may know the way: my relays first. */
  readonly nearby: () => readonly Session[];
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface Wanted {
  readonly member: MemberId;
  readonly relay: MemberId;
  /** The second relay, when the address names two. */
  readonly next?: MemberId | undefined;
  readonly signal: AbortSignal;
  /** For errors. */
  readonly address: string;
}

export interface Way {
  readonly duplex: ByteDuplex;
  /** The relays on the way, the one next to me first. */
  readonly via: readonly MemberId[];
}

/** A relay gets this long to be reached before the way through two is looked for, milliseconds: RFC 8305's delay, twice. */
const DETOUR_AFTER_MS = 500;
/** How long a relay is waited for at all, milliseconds: a dial has three seconds. */
const REACH_MS = 2_500;
/** Members that are asked whether they reach a relay, at once. */
const ASKED_MAX = 8;
/** For their answers, milliseconds. */
const ASK_MS = 1_000;
/** What they said is believed for so long, milliseconds ... */
const SAID_MS = 30_000;
/** ... of so many relays. */
const SAID_MAX = 1_024;

interface Said {
  /** Members that say they reach it. */
  readonly ways: readonly MemberId[];
  readonly until: number;
}

export class Through {
  readonly #options: ThroughOptions;
  readonly #said = new Map<MemberId, Said>();

  constructor(options: ThroughOptions) {
    this.#options = options;
  }

  /** Rejects with a DialError, never "refused". The duplex may still be refused by its first message. */
  async open({ member, relay, next, signal, address }: Wanted): Promise<Way> {
    const { self } = this.#options;
    if (relay === self || next === self || relay === member || next === member)
      throw new DialError("forbidden", address, { detail: "the way leads through one of its ends" });
    if (next !== undefined) return this.#begin(await this.#reach(relay, address, signal), { target: member, next });
    const found = await this.#find(relay, member, address, signal);
    return this.#begin(found, found.peer.id === relay ? { target: member } : { target: member, next: relay });
  }

  #begin(session: Session, opening: Opening): Way {
    const duplex = session.open(RELAY_OPEN);
    duplex.write(encodeOpening(opening));
    const { id } = session.peer;
    return { duplex, via: opening.next === undefined ? [id] : [id, opening.next] };
  }

  /** A session with the relay; or, when that takes long or fails, with a member that says that it reaches the relay. */
  #find(relay: MemberId, member: MemberId, address: string, signal: AbortSignal): Promise<Session> {
    return new Promise((resolve, reject) => {
      let isDirectOver = false;
      let detour: Promise<Session | undefined> | undefined;
      let failure: unknown;
      const tryDetour = () => {
        detour ??= this.#detour(relay, member);
        return detour;
      };
      const finish = (session?: Session) => {
        if (session !== undefined) resolve(session);
        else if (isDirectOver) reject(failure);
      };
      const timer = setTimeout(() => void tryDetour().then(finish), DETOUR_AFTER_MS);
      const unwatch = onAbort(signal, () => clearTimeout(timer));
      this.#reach(relay, address, signal)
        .then(resolve, async (error: unknown) => {
          isDirectOver = true;
          failure = error;
          finish(signal.aborted ? undefined : await tryDetour());
        })
        .finally(() => {
          clearTimeout(timer);
          unwatch();
        });
    });
  }

  async #reach(relay: MemberId, address: string, signal: AbortSignal): Promise<Session> {
    try {
      return await this.#options.reachDirect(relay, { deadline: deadlineIn(REACH_MS), signal });
    } catch (cause) {
      if (signal.aborted) throw new DialError("cancelled", address, { cause });
      // Whatever became of the relay is nothing that became of the member.
      const isLate = cause instanceof FirefliesError && cause.code === "timeout";
      throw new DialError(isLate ? "timeout" : "no-route", address, { cause, detail: "the relay is not reached" });
    }
  }

  /** A session with somebody who says that it reaches the relay; undefined when nobody does. */
  async #detour(relay: MemberId, member: MemberId): Promise<Session | undefined> {
    const sessions = this.#options
      .nearby()
      .filter(({ peer, closed }) => !closed && peer.id !== relay && peer.id !== member)
      .slice(0, ASKED_MAX);
    const said = this.#believed(relay);
    if (said !== undefined) return sessions.find(({ peer }) => said.ways.includes(peer.id));
    const answers = await Promise.all(
      sessions.map(async (session) => ((await asks(session, relay)) ? session : undefined)),
    );
    const found = answers.filter((session) => session !== undefined);
    this.#remember(
      relay,
      found.map(({ peer }) => peer.id),
    );
    return found[0];
  }

  #believed(relay: MemberId): Said | undefined {
    const said = this.#said.get(relay);
    return said !== undefined && this.#options.now() < said.until && said.ways.length > 0 ? said : undefined;
  }

  #remember(relay: MemberId, ways: readonly MemberId[]): void {
    this.#said.delete(relay);
    this.#said.set(relay, { ways, until: this.#options.now() + SAID_MS });
    const [oldest] = this.#said.keys();
    if (oldest !== undefined && this.#said.size > SAID_MAX) this.#said.delete(oldest);
  }
}

async function asks(session: Session, relay: MemberId): Promise<boolean> {
  try {
    const answer = await session.call(RELAY_REACHES, encodeIds([relay]), { deadline: deadlineIn(ASK_MS) });
    return decodeIds(answer)?.includes(relay) === true;
  } catch {
    return false; // It does not relay, or does not answer: no way.
  }
}
