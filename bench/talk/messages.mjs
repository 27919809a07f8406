/** Messages between two members and requests between two processes of a peer, measured in the same way. */
import { openMembers, withPairs } from "./pairs.mjs";

/** One measurement, and the warm-up before the first, milliseconds. */
const RUN_MS = 3000;
const WARM_UP_MS = 2000;
const QUICK_MS = 200;

/**
 * The `run` of a row: two members and two processes of the peer, which `peer` opens, in turns; `figure` is what the row is
 * about, `ask` what our members are asked to measure.
 */
export function measuring({ peer: openPeer, inFlight, bytes, signed = false, figure = "perSecond", ask = "messages" }) {
  return async ({ runs, quick }) => {
    const ms = quick ? QUICK_MS : RUN_MS;
    return await withPairs([openMembers, openPeer], async (...pairs) => {
      const once = async (pair, time, what = "messages") => {
        const before = await pair.cpu();
        const told = await pair.ask(what, { inFlight, bytes, signed, ms: time });
        const after = await pair.cpu();
        return { ...told, cpu: after.map((value, index) => (value - before[index]) / told.calls) };
      };
      await once(pairs[0], quick ? QUICK_MS : WARM_UP_MS, ask);
      await once(pairs[1], quick ? QUICK_MS : WARM_UP_MS);
      const [ours, peer] = [[], []];
      for (let run = 0; run < runs; run++) {
        ours.push(await once(pairs[0], ms, ask));
        peer.push(await once(pairs[1], ms));
      }
      const of = (name) => ({ ours: ours.map((one) => one[name]), peer: peer.map((one) => one[name]) });
      return {
        ...of(figure),
        details: { inFlight, bytes, perSecond: of("perSecond"), p50: of("p50"), p99: of("p99"), cpuUs: of("cpu") },
      };
    });
  };
}
