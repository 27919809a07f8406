/** What is known of the way to one member: round-trip time (RFC 6298), loss, and how many misses mean silence. */

/** All times in milliseconds. */
export interface Path {
  /** Smoothed round-trip time and its variation; undefined until the first answer. */
  readonly srtt: number | undefined;
  readonly rttvar: number;
  /** Share of first pings of a visit that went unanswered, smoothed; 0 .. 1. */
  readonly loss: number;
}

/** Loss assumed of a way not yet measured: an ordinary network, three misses (protocol section 4). */
const LOSS_PRIOR = 0.01;
const LOSS_FLOOR = 0.01;
/** How much one ping moves the estimate: about the last thirty count. */
const LOSS_GAIN = 1 / 32;
/** Probability with which a live member may be accused for lost pings alone, per visit (protocol section 4). */
const MISTAKE_PROBABILITY = 1e-6;
/** What the product of a few losses may be off by: three times 1 % is within P. */
const ROUNDING = 1 + 1e-9;
/** Rapid's observation (ATC 2018): a way that loses more than this is a failure, not bad luck (protocol section 4). */
const MISSES_MAX = 14;

/**
 * Below this a scheduler's hiccup on a busy machine passes for a lost ping. RFC 6298 asks for one second, for TCP over
 * the internet; probing again costs one datagram here.
 */
const TIMEOUT_MIN_MS = 100;
const TIMEOUT_FIRST_MS = 300;

export const NEW_PATH: Path = { srtt: undefined, rttvar: 0, loss: LOSS_PRIOR };

/** RFC 6298, section 2, with alpha 1/8 and beta 1/4. */
export function withRoundTrip(path: Path, sample: number): Path {
  if (path.srtt === undefined) return { ...path, srtt: sample, rttvar: sample / 2 };
  const rttvar = 0.75 * path.rttvar + 0.25 * Math.abs(path.srtt - sample);
  return { ...path, srtt: 0.875 * path.srtt + 0.125 * sample, rttvar };
}

export function withOutcome(path: Path, answered: boolean): Path {
  return { ...path, loss: (1 - LOSS_GAIN) * path.loss + (answered ? 0 : LOSS_GAIN) };
}

/** How long to wait for a pong before probing again; never more than `max`. */
export function probeTimeoutMs(path: Path, max: number): number {
  const estimate = path.srtt === undefined ? TIMEOUT_FIRST_MS : path.srtt + 4 * path.rttvar;
  return Math.min(max, Math.max(TIMEOUT_MIN_MS, estimate));
}

/**
 * Misses in a row after which the member counts as silent: ceil(ln P / ln q), at most MISSES_MAX. That is the least power of
 * the loss within P; by products, because a logarithm may differ in its last digit from one engine to the next.
 */
export function missLimit(loss: number): number {
  const measured = Math.min(0.99, Math.max(LOSS_FLOOR, loss));
  let misses = 1;
  for (let chance = measured; chance > MISTAKE_PROBABILITY * ROUNDING && misses < MISSES_MAX; misses++)
    chance *= measured;
  return misses;
}
