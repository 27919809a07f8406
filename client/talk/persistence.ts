/**
 * How long a message looks for a way to its member. Paths die and come back within seconds, and what failed a moment ago is left
 * alone for a while: so that no way is there now does not mean that there is none before its deadline.
 */
import { FirefliesError } from "../../identity/index.js";
import { type Deadline, DialError, msUntil, onAbort, pause } from "../../net/index.js";

/** The first pause, milliseconds: a round trip. Doubled each time, up to the last, after which another relay has taken over. */
const PAUSE_FIRST_MS = 50;
const PAUSE_LAST_MS = 1_000;
/** Tries of one message: a minute, however patient its caller is. */
const TRIES_MAX = 64;

export interface Until extends Pick<Deadline, "deadline"> {
  /** One of them fires when nobody waits any more. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

/** Milliseconds to wait before the next try. `tries`: those made so far. */
export function pauseMs(tries: number): number {
  return tries === 0 ? 0 : Math.min(PAUSE_LAST_MS, PAUSE_FIRST_MS * 2 ** (tries - 1));
}

/**
 * Runs `run` until it succeeds, or fails in another way than `goesOn` says, or there is no time for another try: then rejects with
 * the last failure. `tried`: how often this message was tried before.
 */
export async function persistently<T>(
  run: () => Promise<T>,
  until: Until,
  goesOn: (failure: unknown) => boolean,
  tried = 0,
): Promise<T> {
  if (tried > 0) await paused(pauseMs(tried), until);
  for (let tries = tried + 1; ; tries++) {
    try {
      return await run();
    } catch (failure) {
      const isOver = tries >= TRIES_MAX || msUntil(until.deadline) <= pauseMs(tries);
      if (isOver || isGivenUp(until) || !goesOn(failure)) throw failure;
      await paused(pauseMs(tries), until);
      if (isGivenUp(until)) throw failure;
    }
  }
}

/** Has a way failed, and not the member? Its host's own refusal says that its process is gone, and a policy does not change. */
export function isWay(failure: unknown): boolean {
  if (failure instanceof DialError && (failure.reason === "refused" || failure.reason === "forbidden")) return false;
  const code = failure instanceof FirefliesError ? failure.code : undefined;
  return code === "peer-unreachable" || code === "timeout" || code === "link-closed";
}

/** Has a way not been tried, because it failed a moment ago? */
export function isUntried(failure: unknown): boolean {
  return isWay(failure) && failure instanceof DialError && failure.reasons.includes("backoff");
}

function isGivenUp({ signals }: Until): boolean {
  return signals.some((signal) => signal?.aborted);
}

async function paused(ms: number, { signals }: Until): Promise<void> {
  const cut = new AbortController();
  const unwatch = signals.map((signal) => onAbort(signal, () => cut.abort()));
  await pause(ms, cut.signal);
  for (const stop of unwatch) stop();
}
