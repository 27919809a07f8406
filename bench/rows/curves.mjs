/** How messages behave as more of them are in flight, and as they grow, beside grpc-js: the points of two plots. */
import { median, rounded } from "../support/measure.mjs";
import { openMembers, openPeers, withPairs } from "../talk/pairs.mjs";

const IN_FLIGHT = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const SIZES = [16, 100, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
/** Payload while the number in flight varies, and the other way round. */
const BYTES = 100;
const CALLS = 50;
/** Large ones: no more than this under way at once, in bytes, or the queue and not the way of a message is measured. */
const UNDER_WAY_BYTES = 8 * 1024 * 1024;
/** Each point, milliseconds; many points, so shorter than a row. */
const POINT_MS = 1000;
const QUICK_MS = 50;
const PEER = "grpc-js unary over mutual TLS, unsigned";

/** A row whose figure is that of `shown`, and whose details hold all points: { x, ours: { perSecond, p50, p99 }, peer }. */
function curve({ xs, loadOf, shown }) {
  return async ({ runs, quick }) => {
    const ms = quick ? QUICK_MS : POINT_MS;
    return await withPairs([openMembers, () => openPeers("raw.mjs", "raw")], async (...pairs) => {
      for (const pair of pairs) await pair.ask("messages", { ...loadOf(shown), ms });
      const points = [];
      for (const x of xs) points.push({ x, ...(await measurePoint(pairs, { ...loadOf(x), ms }, runs)) });
      const { ours, peer } = points.find(({ x }) => x === shown);
      return { ours: ours.perSecond, peer: peer.perSecond, details: { points: points.map(medians) } };
    });
  };
}

async function measurePoint(pairs, load, runs) {
  const found = pairs.map(() => ({ perSecond: [], p50: [], p99: [] }));
  for (let run = 0; run < runs; run++) {
    for (const [index, pair] of pairs.entries()) {
      const told = await pair.ask("messages", load);
      for (const key of Object.keys(found[index])) found[index][key].push(told[key]);
    }
  }
  return { ours: found[0], peer: found[1] };
}

function medians({ x, ours, peer }) {
  const of = (figures) => Object.fromEntries(Object.entries(figures).map(([key, all]) => [key, rounded(median(all))]));
  return { x, ours: of(ours), peer: of(peer) };
}

export const rows = [
  {
    name: "curve-in-flight",
    what: `Signed requests with signed replies, ${BYTES} bytes each, from 1 to 1,000 in flight; the figure here is that of 200.`,
    unit: "calls/s",
    peer: PEER,
    run: curve({ xs: IN_FLIGHT, loadOf: (inFlight) => ({ inFlight, bytes: BYTES }), shown: 200 }),
  },
  {
    name: "curve-bytes",
    what: `Signed requests with signed replies of 16 bytes to 1 MiB, ${CALLS} in flight (of the largest, as many as make 8 MiB); the figure here is that of 1 KiB.`,
    unit: "calls/s",
    peer: PEER,
    run: curve({
      xs: SIZES,
      loadOf: (bytes) => ({ bytes, inFlight: Math.min(CALLS, UNDER_WAY_BYTES / bytes) }),
      shown: 1024,
    }),
  },
];
