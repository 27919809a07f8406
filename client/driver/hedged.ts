/**
 * A call of the protocol to a member that is reached through relays (rule R21). A relay may pass a handshake on and then nothing
 * more, without a sign. So after a part of the time the call is made over another relay as well, and so on; the first
 * answer counts.
 */
import { FirefliesError } from "../../identity/index.js";
import { DialError, type Session } from "../../net/index.js";

/** One relay alone is waited for during this part of the time that is left, and for at most so many milliseconds ... */
const PATIENCE_SHARE = 1 / 3;
const PATIENCE_MS_MAX = 500;
/** ... but for as many round trips of its session at least: a slow path is no liar. */
const PATIENCE_TRIPS = 2;
/** A look that comes later than this, milliseconds, finds a process that did not run: that silence is its own. */
const LATE_MS = 100;
/** Relays of one call: as many as a note names. */
const RELAYS_MAX = 16;

export interface Hedge<T> {
  readonly now: () => number;
  /** By `now`, milliseconds. */
  readonly deadline: number;
  /** A session with the member, another one than those that were blamed. */
  readonly reach: (signal: AbortSignal) => Promise<Session>;
  /** Nothing has come back over this one for a while: others are to be used first. */
  readonly blame: (session: Session) => void;
  readonly call: (session: Session, signal: AbortSignal) => Promise<T>;
}

/** The first answer. Over any other path than a relayed one the call is made once. Rejects with what failed last. */
export function hedged<T>(hedge: Hedge<T>): Promise<T> {
  return new Promise((resolve, reject) => new Calls(hedge, resolve, reject).begin());
}

class Calls<T> {
  readonly #hedge: Hedge<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #cut = new AbortController();
  #begun = 0;
  #open = 0;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(hedge: Hedge<T>, resolve: (value: T) => void, reject: (error: unknown) => void) {
    this.#hedge = hedge;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    this.#begun += 1;
    this.#open += 1;
    void this.#one().then(
      (value) => {
        this.#open -= 1;
        this.#end(() => this.#resolve(value));
      },
      (error: unknown) => this.#failed(error),
    );
  }

  async #one(): Promise<T> {
    const { reach, call } = this.#hedge;
    const session = await reach(this.#cut.signal);
    if (session.path.kind !== "relayed") return await call(session, this.#cut.signal);
    this.#wait(session);
    try {
      return await call(session, this.#cut.signal);
    } catch (error) {
      // It broke, or time is up: its relay is not to be the first one next time.
      if (!this.#isOver && isOfSession(error)) this.#another(session);
      throw error;
    }
  }

  /** Until the relay of this session is taken for silent. */
  #wait(session: Session): void {
    const { now, deadline } = this.#hedge;
    const { bytesRead } = session;
    const dueAt = now() + this.#patienceMs(session);
    this.#timer = setTimeout(() => {
      // Whatever comes over the session comes from the member: it is there, and the answer is on its way.
      const isSilent = session.bytesRead === bytesRead && now() - dueAt <= LATE_MS;
      if (isSilent) this.#another(session);
      else if (now() < deadline) this.#wait(session);
    }, dueAt - now());
  }

  #patienceMs({ roundTripMs = 0 }: Session): number {
    const { now, deadline } = this.#hedge;
    const share = Math.min(PATIENCE_MS_MAX, PATIENCE_SHARE * (deadline - now()));
    return Math.max(share, PATIENCE_TRIPS * roundTripMs);
  }

  #another(blamed: Session): void {
    clearTimeout(this.#timer);
    const { now, deadline, blame } = this.#hedge;
    if (this.#isOver) return;
    blame(blamed);
    if (this.#begun < RELAYS_MAX && now() < deadline) this.begin();
  }

  #failed(error: unknown): void {
    this.#open -= 1;
    if (this.#open === 0) this.#end(() => this.#reject(error));
  }

  #end(tell: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    // As a rule there was one call, and nothing is left to end: firing a signal takes as long as a tenth of a call.
    if (this.#open > 0) this.#cut.abort();
    tell();
  }
}

/** Did a session fail, and not the dial of one? */
export function isOfSession(error: unknown): boolean {
  if (!(error instanceof FirefliesError) || error instanceof DialError) return false;
  return error.code === "link-closed" || error.code === "timeout";
}
