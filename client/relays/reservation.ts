/** One reservation with one relay, over all its lives: asked for, renewed, lost with its session and made again. */
import { FirefliesError } from "../../identity/index.js";
import {
  decodeReservation,
  encodeWish,
  type Granted,
  RELAY_RESERVE,
  RENEW_MS,
  RelayRefusal,
  type Session,
} from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

/** For the first request, with a dial before it, milliseconds. */
const ASK_MS = 3_000;
/** A renewal is waited for half an interval, and so long at least, milliseconds. */
const RENEWAL_MS_MIN = 500;
/** The pause after a failure, milliseconds, doubled with each further one ... */
const RETRY_FIRST_MS = 1_000;
/** ... up to this; and to this, while the relay is waited for. */
const RETRY_MAX_MS = 60_000;
const RETRY_WAITED_MAX_MS = 2_000;
/** After a loss all members of a relay come back: each within this, milliseconds. */
const RETURN_MS = 500;
/** A relay that is lost is waited for so long, milliseconds, before another one takes its place: it may have restarted. */
const PATIENCE_MS = 10_000;

export interface ReservationOptions {
  readonly relay: MemberId;
  /** A session with it that no relay carries. */
  readonly reach: (relay: MemberId, withinMs: number) => Promise<Session>;
  /** Between two renewals, milliseconds: that of the failure detector, to which a lost reservation must not look like a death. */
  readonly intervalMs: number;
  readonly now: () => number;
  readonly random: () => number;
  /** It is there, or it is lost. */
  readonly onChange: () => void;
}

export class Reservation {
  readonly relay: MemberId;
  readonly #options: ReservationOptions;
  #granted: Granted | undefined;
  #session: Session | undefined;
  #failure: FirefliesError | undefined;
  #failures = 0;
  /** When it is asked for next, and since when it is missing. */
  #askAt: number;
  #missingSince: number;
  #until = 0;
  #renewAt = 0;
  #bytesSeen: number | undefined;
  #isAsking = false;
  #isOver = false;
  #unwatch = () => {};

  constructor(options: ReservationOptions) {
    this.relay = options.relay;
    this.#options = options;
    this.#askAt = options.now();
    this.#missingSince = options.now();
  }

  /** What the relay has granted; undefined while there is none. */
  get granted(): Granted | undefined {
    return this.#session !== undefined && this.#options.now() < this.#until ? this.#granted : undefined;
  }

  /** Is it there, or was it a moment ago? Then it stays in the note. */
  get isExpected(): boolean {
    if (this.granted !== undefined) return true;
    const isRefused = this.#failure instanceof RelayRefusal;
    return this.#granted !== undefined && !isRefused && this.#options.now() - this.#missingSince < PATIENCE_MS;
  }

  /** Until it is asked for again another relay takes its place. */
  get isGivenUp(): boolean {
    return !this.isExpected && this.#failures > 0 && this.#options.now() < this.#askAt;
  }

  /** Asks when it is time. Never rejects. */
  async look(): Promise<void> {
    if (this.#isAsking || this.#isOver || this.#options.now() < this.#askAt || this.#isAlive()) return;
    this.#isAsking = true;
    try {
      await this.#ask();
    } catch (error) {
      this.#failed(error instanceof FirefliesError ? error : new FirefliesError("peer-unreachable"));
    }
    this.#isAsking = false;
    this.#options.onChange();
  }

  /** Has something come over the session since the last look, and is it too soon to renew? Then nothing need be asked. */
  #isAlive(): boolean {
    const bytes = this.#session?.bytesRead;
    const { now, intervalMs } = this.#options;
    const isAlive = this.granted !== undefined && bytes !== this.#bytesSeen && now() < this.#renewAt;
    this.#bytesSeen = bytes;
    if (isAlive) this.#askAt = now() + intervalMs;
    return isAlive;
  }

  /** Gives it back. */
  end(): void {
    this.#isOver = true;
    this.#unwatch();
    if (this.#session?.closed !== false) return;
    const gone = { deadline: performance.now() + ASK_MS };
    this.#session.call(RELAY_RESERVE, encodeWish("release"), gone).catch(() => {}); // It ends by itself.
  }

  async #ask(): Promise<void> {
    const { relay, reach, now, random, intervalMs } = this.#options;
    const session = await reach(relay, ASK_MS);
    const answer = decodeReservation(await this.#call(session));
    if (answer === undefined) throw new FirefliesError("bad-frame");
    if (answer.kind === "refused") throw new RelayRefusal(`The relay ${relay}`, answer);
    this.#granted = answer;
    this.#until = now() + answer.forMs;
    this.#renewAt = now() + Math.min(RENEW_MS, answer.forMs / 2) * (1 - random() / 10);
    this.#askAt = Math.min(this.#renewAt, now() + intervalMs);
    this.#bytesSeen = session.bytesRead;
    this.#failures = 0;
    this.#failure = undefined;
    this.#watch(session);
  }

  /** A renewal that brings nothing back, not a byte, shows that the path is dead: a NAT has forgotten it. */
  async #call(session: Session): Promise<Uint8Array> {
    const isRenewal = session === this.#session;
    const waitMs = isRenewal ? Math.max(RENEWAL_MS_MIN, this.#options.intervalMs / 2) : ASK_MS;
    const before = session.bytesRead;
    try {
      return await session.call(RELAY_RESERVE, encodeWish("reserve"), { deadline: performance.now() + waitMs });
    } catch (error) {
      if (isRenewal && session.bytesRead === before) session.close();
      throw error;
    }
  }

  #watch(session: Session): void {
    if (session === this.#session) return;
    this.#unwatch();
    this.#session = session;
    this.#unwatch = session.onClose(() => this.#lost());
  }

  #lost(): void {
    const { now, random, onChange } = this.#options;
    this.#session = undefined;
    this.#missingSince = now();
    this.#askAt = now() + random() * RETURN_MS;
    onChange();
  }

  #failed(error: FirefliesError): void {
    const { now, random } = this.#options;
    this.#failure = error;
    this.#failures += 1;
    const max = this.isExpected ? RETRY_WAITED_MAX_MS : RETRY_MAX_MS;
    const pause = Math.min(max, RETRY_FIRST_MS * 2 ** (this.#failures - 1)) * (1 + random() / 2);
    this.#askAt = now() + Math.max(pause, error instanceof RelayRefusal ? error.retryMs : 0);
  }
}
