/**
 * A stream through a relay, against the same stream over two direct hops: a member between that takes one stream and opens
 * the next, as a program would without relays. Three processes on either side.
 */

import { withPairs } from "../talk/pairs.mjs";
import { openRelayed } from "../talk/relayed.mjs";

const CHUNK_BYTES = 64 * 1024;
/** One measurement, and the warm-up before the first, milliseconds. */
const RUN_MS = 3000;
const WARM_UP_MS = 1000;
const QUICK_MS = 200;

export const rows = [
  {
    name: "path-relay",
    what: "A stream of 64 KiB chunks to a member that nobody can dial, through one that relays.",
    unit: "MiB/s",
    aim: { atLeast: 0.8 },
    peer: "two direct hops: a member between passes on the chunks of one stream by another",
    limits:
      "TLS at the ends alone, once a conduit is there: the relay reads and writes each byte in JavaScript. The first second is without it.",
    run: async ({ runs, quick }) => {
      const sides = [() => openRelayed("relayed"), () => openRelayed("hops")];
      return await withPairs(sides, async (...pairs) => {
        const once = (pair, ms) => pair.ask("up", { bytes: CHUNK_BYTES, ms });
        for (const pair of pairs) await once(pair, quick ? QUICK_MS : WARM_UP_MS);
        const figures = pairs.map(() => []);
        for (let run = 0; run < runs; run++)
          for (const [index, pair] of pairs.entries()) figures[index].push(await once(pair, quick ? QUICK_MS : RUN_MS));
        const [ours, peer] = figures;
        return { ours, peer, details: { chunkBytes: CHUNK_BYTES } };
      });
    },
  },
];
