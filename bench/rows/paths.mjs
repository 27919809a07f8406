/**
 * The same between two members over each transport, against TCP in the same run: both listen with that one alone, so all
 * that they say goes over it. One stream of 64 KiB chunks, and messages of 100 bytes.
 */
import { openMembers, withPairs } from "../talk/pairs.mjs";

const CHUNK_BYTES = 64 * 1024;
const MESSAGE = { bytes: 100, inFlight: 50 };
/** One measurement, and the warm-up before the first, milliseconds. */
const RUN_MS = 3000;
const WARM_UP_MS = 1000;
const QUICK_MS = 200;

const over = (scheme) => () => openMembers({ listen: `${scheme}://127.0.0.1:0` }, scheme);

/** `once(pair, ms)` gives the figure of one measurement. */
function measuring(scheme, once, details) {
  return async ({ runs, quick }) =>
    await withPairs([over(scheme), over("tcp")], async (...pairs) => {
      for (const pair of pairs) await once(pair, quick ? QUICK_MS : WARM_UP_MS);
      const figures = pairs.map(() => []);
      for (let run = 0; run < runs; run++)
        for (const [index, pair] of pairs.entries()) figures[index].push(await once(pair, quick ? QUICK_MS : RUN_MS));
      const [ours, peer] = figures;
      return { ours, peer, details };
    });
}

const stream = (pair, ms) => pair.ask("up", { bytes: CHUNK_BYTES, ms });
const messages = async (pair, ms) => (await pair.ask("messages", { ...MESSAGE, ms })).perSecond;

/** Both rows of a transport. */
function pathOf(scheme, { title, aim, limits, messageLimits }) {
  return [
    {
      name: `path-${scheme}`,
      what: `A stream of 64 KiB chunks over ${title}.`,
      unit: "MiB/s",
      aim: { atLeast: aim },
      peer: "the same over TCP",
      limits,
      run: measuring(scheme, stream, { chunkBytes: CHUNK_BYTES }),
    },
    {
      name: `path-${scheme}-50`,
      what: `Signed requests with signed replies over ${title}, 100 bytes each, 50 in flight.`,
      unit: "calls/s",
      aim: { atLeast: 0.5 },
      peer: "the same over TCP",
      limits: messageLimits,
      run: measuring(scheme, messages, MESSAGE),
    },
  ];
}

export const rows = [
  ...pathOf("udx", {
    title: "reliable UDP",
    aim: 0.2,
    limits:
      "A system call and a call into JavaScript for each datagram of 1,480 bytes, where TCP hands over 64 KiB; the library paces by timers of 1 ms. Two plain programs with TLS over it have .14 of what they have by TCP, without TLS .11 (`node bench/talk/udx-floor.mjs`): the aim is above what the library gives.",
    messageLimits:
      "The library (libudx) sends what its estimate of the path lets it send in a millisecond, and then waits for a timer, while little is under way; and it answers each datagram with one of its own, so half of those that are sent carry nothing.",
  }),
  ...pathOf("ws", {
    title: "WebSocket",
    aim: 0.8,
    limits:
      "A frame for each write, and a system call for each; without its mask of zeros the sender would go over every byte.",
  }),
];
