/** A closed loop of requests: as many in flight as asked for, the next one when one is answered. Bounded in memory. */

/** Buckets of latencies: 1.02 times the one below, from 1 microsecond to beyond a minute. */
const BUCKET = Math.log(1.02);
const BUCKETS = 1024;
const FIRST_MS = 0.001;

/**
 * Calls `send` (which resolves when the reply is there, and rejects or throws when it is not the right one) from `inFlight`
 * loops. Runs for `warmMs`, then measures for `ms`. Returns { perSecond, p50, p99 (milliseconds), calls, seconds }.
 * The first failure ends it.
 */
export async function runLoad(send, { inFlight, warmMs = 1000, ms = 3000 }) {
  const latencies = new Uint32Array(BUCKETS);
  const startedAt = performance.now() + warmMs;
  const endsAt = startedAt + ms;
  let calls = 0;
  const loop = async () => {
    for (let begun = performance.now(); begun < endsAt; ) {
      await send();
      const at = performance.now();
      if (at >= startedAt && at < endsAt) {
        calls += 1;
        latencies[bucketOf(at - begun)] += 1;
      }
      begun = at;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  if (calls === 0) throw new Error(`not one call was answered within ${ms} ms`);
  const seconds = ms / 1000;
  return {
    perSecond: calls / seconds,
    p50: quantile(latencies, calls, 0.5),
    p99: quantile(latencies, calls, 0.99),
    calls,
    seconds,
  };
}

function bucketOf(ms) {
  return Math.max(0, Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / FIRST_MS) / BUCKET)));
}

/** The upper end of the bucket in which this share of the calls is reached. */
function quantile(latencies, calls, share) {
  let seen = 0;
  for (let index = 0; index < BUCKETS; index++) {
    seen += latencies[index];
    if (seen >= share * calls) return FIRST_MS * Math.exp(BUCKET * index);
  }
  return Number.POSITIVE_INFINITY;
}
