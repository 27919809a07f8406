/**
 * Signed, answered messages between two members, against unary calls of grpc-js. Two processes each; ours through the
 * public API with default settings and membership running.
 */
import { openMembers, openPeers, withPairs } from "../talk/pairs.mjs";

/** One measurement, and the warm-up before the first, milliseconds. */
const RUN_MS = 3000;
const WARM_UP_MS = 2000;
const QUICK_MS = 200;

const UNSIGNED = "grpc-js unary over mutual TLS, unsigned";
const SIGNED = "grpc-js unary over mutual TLS, each request and reply signed and verified";

/** Both sides in turns; `figure` is what the row is about. */
function measuring({ inFlight, bytes, signed = false, figure = "perSecond" }) {
  return async ({ runs, quick }) => {
    const ms = quick ? QUICK_MS : RUN_MS;
    const sides = [openMembers, () => openPeers("raw.mjs", "raw")];
    return await withPairs(sides, async (...pairs) => {
      const once = async (pair, time) => {
        const before = await pair.cpu();
        const told = await pair.ask("messages", { inFlight, bytes, signed, ms: time });
        const after = await pair.cpu();
        return { ...told, cpu: after.map((value, index) => (value - before[index]) / told.calls) };
      };
      for (const pair of pairs) await once(pair, quick ? QUICK_MS : WARM_UP_MS);
      const [ours, peer] = [[], []];
      for (let run = 0; run < runs; run++) {
        ours.push(await once(pairs[0], ms));
        peer.push(await once(pairs[1], ms));
      }
      const of = (name) => ({ ours: ours.map((one) => one[name]), peer: peer.map((one) => one[name]) });
      return {
        ...of(figure),
        details: { inFlight, bytes, perSecond: of("perSecond"), p50: of("p50"), p99: of("p99") },
      };
    });
  };
}

export const rows = [
  {
    name: "message-1",
    what: "Latency of one signed request and its signed reply, 100 bytes each, one at a time (p50).",
    unit: "ms",
    aim: { atMost: 1.3 },
    peer: UNSIGNED,
    run: measuring({ inFlight: 1, bytes: 100, figure: "p50" }),
  },
  {
    name: "message-50",
    what: "Signed requests with signed replies, 100 bytes each, 50 in flight.",
    unit: "calls/s",
    aim: { atLeast: 8 },
    peer: UNSIGNED,
    run: measuring({ inFlight: 50, bytes: 100 }),
  },
  {
    name: "message-500",
    what: "Signed requests with signed replies, 100 bytes each, 500 in flight.",
    unit: "calls/s",
    aim: { atLeast: 15 },
    peer: UNSIGNED,
    run: measuring({ inFlight: 500, bytes: 100 }),
  },
  {
    name: "message-signed-500",
    what: "Signed requests with signed replies, 100 bytes each, 500 in flight, against calls that are signed too.",
    unit: "calls/s",
    aim: { atLeast: 40 },
    peer: SIGNED,
    run: measuring({ inFlight: 500, bytes: 100, signed: true }),
  },
  {
    name: "message-10k-50",
    what: "Signed requests with signed replies, 10 KiB each, 50 in flight.",
    unit: "calls/s",
    aim: { atLeast: 1.6 },
    peer: UNSIGNED,
    run: measuring({ inFlight: 50, bytes: 10 * 1024 }),
  },
];
