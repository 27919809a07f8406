/**
 * Dials of members: all who ask for one at the same time wait for the same. The addresses of a member are raced; at the
 * same time it is reached through the members that relay for it, if its addresses name some, so that the first byte flows
 * at once. Whichever comes first is used, and the direct dial goes on.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { FirefliesError, type Identity, type MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { onAbort } from "../abort.js";
import { parseAddress, RELAY_SCHEME } from "../address.js";
import { deadlineIn } from "../deadline.js";
import { type Dialler, verdict } from "../dialling/dialler.js";
import { type RelayFailure, relayOf } from "../relays/failure.js";
import type { SessionHost } from "../session/host.js";
import { type Path, pathOf } from "../session/path.js";
import type { Session } from "../session/session.js";
import { DialError } from "../transports/dial-error.js";

/**
 * Milliseconds for one dial with everything in it. It serves all who wait for the member, each with a deadline of its own:
 * longer than a handshake on a busy machine, shorter than a message's deadline.
 */
const DIAL_TIMEOUT_MS = 3_000;
/** Relays that are asked at once: one of them may be gone, and one lie ... */
const RELAYS_AT_ONCE = 3;
/** ... and the others so soon after, milliseconds: all of them are asked within half of a probe's second (rule R21). */
const RELAYS_STAGGER_MS = 50;
/** Relays remembered that let nothing through, each for one member: liars behind one cannot have it avoided by others. */
const BLAMED_MAX = 4_096;
/** So long, milliseconds: it may have been the network. */
const BLAMED_MS = 10 * 60_000;
/**
 * Those are asked so much later than the others, milliseconds, or when none of the others leads to the member. A liar is the
 * first to answer whenever it likes to be, and then lets nothing through. All are asked within half of a probe's second, so that
 * one that is blamed for nothing still shows that the member is there (rule R21).
 */
const BLAMED_LATER_MS = 250;
/**
 * What goes ahead with a handshake is lost with its session. So a session that is ready waits for one that carries something
 * already, milliseconds: by then a relay that lets nothing through is behind it.
 */
const GIVE_WAY_MS = 250;

/** Whom to reach; without an id, the member that proves itself at one of the addresses. */
export interface Destination {
  readonly id?: MemberId | undefined;
  readonly addresses: readonly string[];
}

export interface ReachingOptions {
  readonly host: Pick<SessionHost, "connect">;
  readonly dialler: Pick<Dialler, "dial">;
  /** Mine now, after a renewal the new one. */
  readonly identity: () => Identity;
  /** A session with the member that makes one over this path needless. */
  readonly instead: (id: MemberId, path: Path) => Session | undefined;
  /** Takes a new session. Returns the one to use. `own` is my certificate from before the handshake. */
  readonly keep: (session: Session, own: MemberCertificate, addresses: readonly string[]) => Session;
  /** Its own addresses did not lead to the member, whatever else did. */
  readonly onIndirect: (id: MemberId, error: DialError) => void;
  /** A relay did not do what it is there for: the last one on the path. */
  readonly onRelayFailed?: ((id: MemberId, path: Path, what: RelayFailure) => void) | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Nothing led to the member. */
  readonly onFailed: (id: MemberId, error: DialError) => void;
}

export class Reaching {
  readonly #options: ReachingOptions;
  readonly #dials = new Map<string, Promise<Session>>();
  /** Of each, the ways that are tried; a direct one may go on when the dial has its session. */
  readonly #ways = new Map<string, Promise<Session>>();
  /** Sessions whose other end is proven, and has not let me in yet. */
  readonly #proven = new Map<Session, Promise<Session>>();
  /** Relays that let nothing through to a member, those of long ago first. */
  readonly #blamed = new Map<string, number>();

  constructor(options: ReachingOptions) {
    this.#options = options;
  }

  /** Rejects with a FirefliesError, a DialError when no way led to the member. */
  dial(to: Destination): Promise<Session> {
    const key = keyOf(to);
    const running = this.#dials.get(key);
    if (running) return running;
    const dial = firstOf(this.#begin(to));
    dial.catch((error: unknown) => this.#failed(to.id, error)).finally(() => this.#dials.delete(key));
    this.#dials.set(key, dial);
    return dial;
  }

  /** A member that is being dialled has other addresses now: they are tried as well, and who waits takes what comes first. */
  moved(id: MemberId, addresses: readonly string[]): void {
    const isDialled = [...this.#dials.keys()].some((key) => key.startsWith(id));
    if (isDialled) this.dial({ id, addresses }).catch(() => {}); // Who waits hears of it.
  }

  /** The member's own addresses alone, while a way through others is in use. */
  dialDirectly({ id, addresses }: Destination): Promise<Session> {
    return this.#directly({ id, addresses: waysOf(addresses).direct });
  }

  /** The relay on this path let nothing through: it is asked last, since others may be good. */
  blame(id: MemberId, path: Path): void {
    const key = `${RELAY_SCHEME}://${relayOf(path)} ${id}`;
    this.#blamed.delete(key);
    this.#blamed.set(key, this.#options.now());
    const [oldest] = this.#blamed.keys();
    if (oldest !== undefined && this.#blamed.size > BLAMED_MAX) this.#blamed.delete(oldest);
  }

  /** Those that are not blamed, and those that are, of long ago first. */
  #sorted(id: MemberId, relays: readonly string[]): { readonly good: string[]; readonly bad: string[] } {
    const since = this.#options.now() - BLAMED_MS;
    const at = (text: string) => this.#blamed.get(`${text} ${id}`) ?? Number.NEGATIVE_INFINITY;
    const good = relays.filter((text) => at(text) < since);
    return { good, bad: relays.filter((text) => at(text) >= since).sort((a, b) => at(a) - at(b)) };
  }

  /** Through relays that are not blamed, and a session of its own whatever there is. */
  async dialAround(id: MemberId, addresses: readonly string[]): Promise<Session> {
    const { relayed } = waysOf(addresses);
    return await this.#through(id, relayed, new AbortController().signal, true);
  }

  /** Through relays: those that were blamed wait for the others. */
  #through(id: MemberId, relayed: readonly string[], signal: AbortSignal, isAnother = false): Promise<Session> {
    const { good, bad } = this.#sorted(id, relayed);
    if (good.length === 0 || bad.length === 0 || isAnother) {
      return this.#dialNow({ id, addresses: isAnother ? good : [...good, ...bad] }, signal, isAnother);
    }
    const over = new AbortController();
    const unwatch = onAbort(signal, () => over.abort());
    const first = this.#dialNow({ id, addresses: good }, over.signal);
    const second = waited(first, BLAMED_LATER_MS).then(() => {
      over.signal.throwIfAborted();
      return this.#dialNow({ id, addresses: bad }, over.signal);
    });
    return firstOf([first, second]).finally(() => {
      unwatch();
      over.abort();
    });
  }

  #begin({ id, addresses }: Destination): readonly Promise<Session>[] {
    const { direct, relayed } = waysOf(addresses);
    const isRelayed = relayed.length > 0 && id !== undefined;
    if (!isRelayed) return [this.#directly({ id, addresses: direct })];
    const cut = new AbortController();
    const through = this.#way(keyOf({ id, addresses: relayed }), () => this.#through(id, relayed, cut.signal));
    if (direct.length === 0) return [through];
    const directly = this.#directly({ id, addresses: direct });
    directly.then(() => cut.abort()).catch(() => {}); // The way through others goes on.
    return [directly, through];
  }

  #directly(to: Destination): Promise<Session> {
    const way = this.#way(keyOf(to), () => this.#dialNow(to));
    way.catch((error: unknown) => {
      if (to.id !== undefined && error instanceof DialError) this.#options.onIndirect(to.id, error);
    });
    return way;
  }

  #way(key: string, dial: () => Promise<Session>): Promise<Session> {
    const running = this.#ways.get(key);
    if (running) return running;
    const way = dial();
    this.#ways.set(key, way);
    way.catch(() => {}).finally(() => this.#ways.delete(key));
    return way;
  }

  async #dialNow({ id, addresses }: Destination, signal?: AbortSignal, isAnother = false): Promise<Session> {
    const { dialler, host, identity, instead, keep } = this.#options;
    const own = identity().certificate;
    const deadline = deadlineIn(DIAL_TIMEOUT_MS);
    const pace = signal === undefined ? {} : { atOnce: RELAYS_AT_ONCE, staggerMs: RELAYS_STAGGER_MS };
    const options = { deadline, signal, expect: id, ...pace };
    const found = await dialler.dial(addresses, options, async (connection, address, signal) => {
      const path = pathOf("dialled", address);
      const there = id && !isAnother ? instead(id, path) : undefined;
      if (there) connection.destroy(); // The other side was faster, and nothing was said here yet.
      if (there) return { there };
      const onProven = (session: Session) => void this.#proven.set(session, made);
      const made = host.connect(connection, { path, expect: id, deadline, signal, onProven });
      made.catch((error: unknown) => this.#blameFor(error, id, path, signal));
      return { made: await this.#alone(made) };
    });
    return found.made === undefined ? found.there : keep(found.made, own, addresses);
  }

  /** The session, once none to the same member carries anything that would be lost with it. */
  async #alone(made: Promise<Session>): Promise<Session> {
    try {
      const session = await made;
      const isAhead = (other: Session) => other.peer.id === session.peer.id && other.active > 0;
      const ahead = [...this.#proven].find(([other]) => other !== session && isAhead(other));
      if (ahead !== undefined && session.active === 0) await waited(ahead[1], GIVE_WAY_MS);
      return session;
    } finally {
      for (const [session, making] of this.#proven) if (making === made) this.#proven.delete(session);
    }
  }

  /** Another one has proven itself, or nobody. */
  #blameFor(error: unknown, id: MemberId | undefined, path: Path, signal: AbortSignal): void {
    if (id === undefined || path.kind !== "relayed" || signal.aborted) return;
    const code = error instanceof FirefliesError ? error.code : undefined;
    this.blame(id, path);
    const what = code === "peer-mismatch" ? "misled" : code === "timeout" ? "silent" : "cut";
    this.#options.onRelayFailed?.(id, path, what);
  }

  #failed(id: MemberId | undefined, error: unknown): void {
    const isOver = error instanceof DialError && error.reason !== "cancelled";
    if (id !== undefined && isOver) this.#options.onFailed(id, error);
  }
}

function keyOf({ id = "" as MemberId, addresses }: Destination): string {
  return [id, ...addresses].join(" ");
}

function waysOf(addresses: readonly string[]): { readonly direct: string[]; readonly relayed: string[] } {
  const [direct, relayed]: [string[], string[]] = [[], []];
  for (const text of addresses) (parseAddress(text)?.scheme === RELAY_SCHEME ? relayed : direct).push(text);
  return { direct, relayed };
}

/** Resolves after so long, or when the dial has failed; sooner when it has succeeded. */
async function waited(dial: Promise<unknown>, ms: number): Promise<void> {
  const over = new AbortController();
  await Promise.race([dial, sleep(ms, undefined, { signal: over.signal })]).catch(() => {});
  over.abort();
}

/** The first session that one of the ways brings, or what says most about why none did. */
async function firstOf(ways: readonly Promise<Session>[]): Promise<Session> {
  try {
    return await Promise.any(ways);
  } catch (cause) {
    const { errors } = cause as AggregateError;
    const failures = errors.filter((error) => error instanceof DialError);
    throw (failures.length === errors.length ? verdict(failures) : undefined) ?? errors[0];
  }
}
