/** Datagrams between two members, sealed and opened, against those of a socket without anything above it. */
import { openMembers, openPeers, withPairs } from "../talk/pairs.mjs";

const DATAGRAM_BYTES = 1000;
/** One measurement, and the warm-up before the first, milliseconds. By UDP, once the path has been proven. */
const RUN_MS = 3000;
const WARM_UP_MS = 2000;
const QUICK_MS = 300;

const once = (pair, ms) => pair.ask("datagrams", { bytes: DATAGRAM_BYTES, ms });

async function run({ runs, quick }) {
  const members = () => openMembers({ listen: "127.0.0.1:0" });
  const sockets = () => openPeers("raw-datagrams.mjs", "dgram", { keys: { server: {}, client: {} } });
  return await withPairs([members, sockets], async (...pairs) => {
    const figures = pairs.map(() => []);
    const lost = [0, 0];
    for (const pair of pairs) await once(pair, quick ? QUICK_MS : WARM_UP_MS);
    for (let count = 0; count < runs; count++)
      for (const [index, pair] of pairs.entries()) {
        const result = await once(pair, quick ? QUICK_MS : RUN_MS);
        figures[index].push(result.perSecond);
        lost[index] = Math.max(lost[index], result.lost);
      }
    const [ours, peer] = figures;
    return { ours, peer, details: { bytes: DATAGRAM_BYTES, lostOurs: lost[0], lostPeer: lost[1] } };
  });
}

export const rows = [
  {
    name: "datagrams",
    what: "Datagrams of 1,000 bytes one way, 64 under way: sealed with keys of the session and opened, by `sendDatagram`.",
    unit: "datagrams/s",
    aim: undefined,
    peer: "the same by `node:dgram`, neither sealed nor authenticated",
    limits:
      "A third of the sender's time is the system call of each send, a quarter ChaCha20-Poly1305 with a cipher object for each datagram, a tenth the garbage of both; with 64 under way either end waits for the other now and then.",
    run,
  },
];
