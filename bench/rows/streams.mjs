/** Streams of 64 KiB chunks between two members, against grpc-js; node:tls beside them as the limit of Node. */
import { openMembers, openPeers, withPairs } from "../talk/pairs.mjs";

const CHUNK_BYTES = 64 * 1024;
/** One measurement, and the warm-up before the first, milliseconds. */
const RUN_MS = 3000;
const WARM_UP_MS = 1000;
const QUICK_MS = 200;

const PEER = "grpc-js bidirectional stream over mutual TLS";

function measuring(direction) {
  return async ({ runs, quick }) => {
    const ms = quick ? QUICK_MS : RUN_MS;
    const sides = [openMembers, () => openPeers("raw.mjs", "raw"), () => openPeers("tls.mjs", "tls")];
    return await withPairs(sides, async (...pairs) => {
      // Of node:tls one direction says all: it has no windows.
      const whats = [direction, direction, "down"];
      const once = (index, time) => pairs[index].ask(whats[index], { bytes: CHUNK_BYTES, ms: time });
      for (const index of pairs.keys()) await once(index, quick ? QUICK_MS : WARM_UP_MS);
      const figures = pairs.map(() => []);
      for (let run = 0; run < runs; run++) for (const index of pairs.keys()) figures[index].push(await once(index, ms));
      const [ours, peer, tls] = figures;
      return { ours, peer, details: { chunkBytes: CHUNK_BYTES, tls } };
    });
  };
}

export const rows = [
  {
    name: "stream-up",
    what: "A stream of 64 KiB chunks from the member that opened it.",
    unit: "MiB/s",
    aim: { atLeast: 1 },
    peer: PEER,
    limits:
      "HTTP/2 of Node: framing, windows of 1 MiB and their updates, and gRPC's copies on the way in and out; node:tls alone shows what is left below.",
    run: measuring("up"),
  },
  {
    name: "stream-down",
    what: "A stream of 64 KiB chunks to the member that opened it.",
    unit: "MiB/s",
    aim: { atLeast: 1 },
    peer: PEER,
    limits:
      "As stream-up, the other way; a window of 8 MiB would be faster and let a reader that has stopped hold as much.",
    run: measuring("down"),
  },
];
