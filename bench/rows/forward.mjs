/** Ports of other programs, by way of two members, against `ssh -L`. */
import { withSides } from "../forward/sides.mjs";

const BULK_BYTES = 256 * 1024 * 1024;
const QUICK_BYTES = 4 * 1024 * 1024;
const CONNECTIONS = 50;
const RUN_MS = 3000;
const QUICK_MS = 200;
const PEER = "ssh -L over loopback";

/** By turns, after one of each to warm up. */
async function byTurns(runs, measures) {
  for (const measure of measures) await measure();
  const figures = measures.map(() => []);
  for (let run = 0; run < runs; run++)
    for (const [index, measure] of measures.entries()) figures[index].push(await measure());
  return figures;
}

export const rows = [
  {
    name: "forward-bulk",
    what: "256 MiB over one connection through listen and forward, from the target to the local program.",
    unit: "MiB/s",
    aim: { atLeast: 2 },
    peer: PEER,
    limits:
      "TLS and sockets of Node: two plain programs that pipe bytes over TLS 1.3, with one buffer for all that they read, take two thirds of the CPU of ours, over TCP alone a third (`node bench/forward/floor.mjs`). A program of Node that encrypts is not twice as fast as ssh on two cores.",
    tried: [
      "Records of AES-GCM by node:crypto over bare TCP between two plain programs, in place of TLS: as much CPU.",
      "At most 96 or 192 KiB ahead of HTTP/2 instead of 512: as much CPU.",
    ],
    run: ({ runs, quick }) =>
      withSides(async ({ load, ours, peer, direct }) => {
        const bytes = quick ? QUICK_BYTES : BULK_BYTES;
        const ways = [ours.bulk, peer.bulk, direct.bulk];
        const figures = await byTurns(
          runs,
          ways.map((port) => () => load.ask("bulk", { port, bytes })),
        );
        return { ours: figures[0], peer: figures[1], details: { bytes, direct: figures[2] } };
      }),
  },
  {
    name: "forward-http",
    what: `Requests of HTTP with answers of 100 bytes, over ${CONNECTIONS} connections that are kept, through listen and forward.`,
    unit: "requests/s",
    aim: { atLeast: 1 },
    peer: PEER,
    limits:
      "A read and a write of the local socket for each request, at each member, and the streams of Node above them: as much CPU as two plain programs take that pipe the connections over TCP, and four fifths of what they take over TLS (`node bench/forward/floor.mjs`); ssh and sshd take less. What goes between the members leaves in one write for twenty requests.",
    run: ({ runs, quick }) =>
      withSides(async ({ load, ours, peer, direct }) => {
        const ms = quick ? QUICK_MS : RUN_MS;
        const ways = [ours.http, peer.http, direct.http];
        const asking = (port) => () => load.ask("requests", { port, connections: CONNECTIONS, ms });
        const figures = await byTurns(runs, ways.map(asking));
        return { ours: figures[0], peer: figures[1], details: { connections: CONNECTIONS, direct: figures[2] } };
      }),
  },
];
