/** When a controller that failed is started again. */

/** After the first failure, milliseconds: what a restart of its target takes. */
const FIRST_MS = 1_000;
/** Between two tries at most: who mends what is broken does not wait longer than a minute. */
const LONGEST_MS = 60_000;
/** One that ran for so long, milliseconds, has failed for a new reason. */
export const SETTLED_MS = 60_000;
/** Of the pause: many that failed together do not come back in one moment. */
const JITTER = 0.2;

/** Milliseconds until the next try, after so many failures in a row (1 and more). `random` in [0, 1). */
export function pauseMs(failures: number, random: number): number {
  const doubled = FIRST_MS * 2 ** Math.min(failures - 1, 16);
  return Math.round(Math.min(doubled, LONGEST_MS) * (1 - JITTER * random));
}
