/**
 * What a flood of datagrams costs a member's UDP port: the CPU of its process, and how many pings are answered meanwhile. Each
 * kind of junk for some seconds: bytes of nobody, first datagrams of dials, packets of streams that are no more, and forged
 * words about paths. Three processes; the flood comes from 64 ports.
 *
 *   npm run build && node bench/udp-flood.mjs [--rate 50000] [--seconds 4]
 */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { UdpPort, UdxEndpoint } from "../dist/net/index.js";
import { answer, Child } from "./talk/child.mjs";

const PORTS = 64;
/** Between two bursts of the flood, and between two pings, milliseconds. */
const BURST_MS = 2;
const PING_MS = 20;
const PING = Buffer.alloc(65, 0x10);

/** By what they are: the first byte, further fixed ones, and the length. */
const JUNK = {
  "nobody's": [0x77, [], 60],
  "hello (dials)": [0x20, [1], 40],
  "packets of no stream": [0xff, [1, 1, 0], 1_200],
  "forged paths": [0x26, [], 48],
};

if (process.send) {
  let port;
  answer({
    async listen() {
      port = await UdpPort.bind({ host: "127.0.0.1", port: 0 }, { streams: true });
      UdxEndpoint.of(port)?.listen(() => {});
      const pings = port.carrier("ping");
      pings.onDatagram((bytes, from) => pings.send(bytes, from));
      return port.local.port;
    },
    held: () => UdxEndpoint.of(port)?.figures.connections ?? 0,
    flood,
  });
} else await measure();

async function flood({ port, kind, rate, seconds }) {
  const [first, fixed, length] = JUNK[kind];
  const sockets = Array.from({ length: PORTS }, () => createSocket("udp4"));
  const end = performance.now() + seconds * 1_000;
  const start = performance.now();
  let sent = 0;
  while (performance.now() < end) {
    for (const due = ((performance.now() - start) / 1_000) * rate; sent < due; sent++) {
      const junk = randomBytes(length);
      junk.set([first, ...fixed]);
      sockets[sent % PORTS].send(junk, port, "127.0.0.1");
    }
    await new Promise((resolve) => setTimeout(resolve, BURST_MS));
  }
  for (const socket of sockets) socket.close();
  return sent;
}

async function pinging(port) {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  let [sent, answered] = [0, 0];
  socket.on("message", () => answered++);
  const timer = setInterval(() => socket.send(PING, port, "127.0.0.1", () => sent++), PING_MS);
  return async () => {
    clearInterval(timer);
    await new Promise((resolve) => setTimeout(resolve, 500));
    socket.close();
    return `${answered} of ${sent}`;
  };
}

async function measure() {
  const { values } = parseArgs({
    options: { rate: { type: "string", default: "50000" }, seconds: { type: "string", default: "4" } },
  });
  const [rate, seconds] = [Number(values.rate), Number(values.seconds)];
  const file = fileURLToPath(import.meta.url);
  const [target, flooder] = [new Child(file, "target"), new Child(file, "flooder")];
  const port = await target.ask("listen");
  console.log("junk                   sent per s   CPU of the member   pings answered   connections held");
  for (const kind of Object.keys(JUNK)) {
    const stop = await pinging(port);
    const before = await target.cpu();
    const sent = await flooder.ask("flood", { port, kind, rate, seconds });
    const cpu = ((await target.cpu()) - before) / 1e6 / seconds;
    const cells = [
      kind.padEnd(22),
      String(Math.round(sent / seconds)).padStart(10),
      `${Math.round(100 * cpu)} %`.padStart(19),
    ];
    console.log([...cells, (await stop()).padStart(16), String(await target.ask("held")).padStart(18)].join(" "));
  }
  await Promise.all([target.end(), flooder.end()]);
}
