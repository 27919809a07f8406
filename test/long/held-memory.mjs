/**
 * Six members of bad will begin messages and never end them, 8 of 4.2 MB and 40 of 1 MB each, all but the last byte: how far the
 * memory of the process that they do it to grows. It may grow by the budget of 128 MiB and what Node keeps beside it. Needs a
 * build.
 *
 *   node test/long/held-memory.mjs [--rogues 6] [--memory-max 134217728]
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { connect as http2Connect } from "node:http2";
import { connect as tlsConnect } from "node:tls";
import { parseArgs } from "node:util";
import { certificatesToPem } from "../../dist/identity/index.js";
import { Protocols, SessionHost, tcpTransport } from "../../dist/net/index.js";
import { newNetwork, opened } from "./members.mjs";

const MIB = 1024 * 1024;
/** What may come on top of the budget: blocks that wait for the collector, and 300 streams. */
const BESIDE_MB = 150;
const PROTOCOLS = [
  { id: "messages", bytesMax: 4 * MIB + 64 * 1024, openPerPeerMax: 8 },
  { id: "stream", bytesMax: MIB, openPerPeerMax: 40 },
];

if (process.send === undefined) await attack();
else serve();

/** The process under attack: its keys come by the first message, and it says how much it holds. */
function serve() {
  process.once("message", async ({ member, memoryMax }) => {
    const protocols = new Protocols();
    for (const { id, ...limits } of PROTOCOLS) {
      protocols.register({ kind: "duplex", id, limits, onDuplex: (_, duplex) => duplex.resume() });
    }
    const own = opened(member);
    const host = new SessionHost({ identity: () => own, now: Date.now, admit: () => undefined, protocols, memoryMax });
    const at = { host: "127.0.0.1", port: 0 };
    const { address } = await tcpTransport().listen(at, (connection, from) => host.accept(connection, from));
    process.send({ port: address.port });
    setInterval(() => process.send({ rss: process.memoryUsage().rss, held: host.memory }), 100);
  });
}

async function attack() {
  const options = { rogues: { type: "string", default: "6" }, "memory-max": { type: "string", default: "134217728" } };
  const { values } = parseArgs({ options });
  const memoryMax = Number(values["memory-max"]);
  const network = await newNetwork();
  const child = fork(new URL(import.meta.url), []);
  child.send({ member: await network.member(), memoryMax });
  const [{ port }] = await once(child, "message");
  const before = await report(child);
  let most = before;
  child.on("message", (now) => {
    if (now.rss > most.rss) most = now;
  });
  const counts = { overloaded: 0, open: 0 };
  for (let i = 0; i < Number(values.rogues); i++) begin(port, opened(await network.member()), counts);
  await quiet(child);
  if (most.held === 0) throw new Error("the members of bad will were not heard");
  const mb = (bytes) => Math.round(bytes / 1e6);
  print(`before           ${mb(before.rss)} MB`);
  print(`highest          ${mb(most.rss)} MB, of which messages ${mb(most.held)} MB`);
  print(`begun            ${counts.open}, cut as overloaded ${counts.overloaded}`);
  child.kill();
  const isHeld = most.rss - before.rss <= memoryMax + BESIDE_MB * 1e6;
  print(isHeld ? "held within the budget" : "FAILED           more than the budget and what stands beside it");
  process.exit(isHeld ? 0 : 1);
}

function begin(port, { certificate, privateKey }, counts) {
  const socket = tlsConnect({
    ...{ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] },
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
    cert: certificatesToPem(certificate.leaf, certificate.issuer),
  });
  const session = http2Connect("https://member", { createConnection: () => socket, maxSessionMemory: 1_000 });
  session.on("error", () => {});
  for (const { id, bytesMax, openPerPeerMax } of PROTOCOLS) {
    for (let i = 0; i < openPerPeerMax; i++) {
      counts.open++;
      const stream = session.request({
        ...{ ":method": "POST", ":path": `/fireflies.v1.Overlay/${id}`, "content-type": "application/grpc" },
      });
      stream.on("error", () => {});
      stream.on("trailers", (trailers) => {
        if (String(trailers["grpc-message"]).startsWith("overloaded")) counts.overloaded++;
      });
      const message = Buffer.alloc(5 + bytesMax - 1);
      message.writeUInt32BE(bytesMax, 1);
      stream.resume().write(message);
    }
  }
}

/** Resolves when the child's memory has been within a hundredth for two seconds. */
async function quiet(child) {
  let [last, same] = [0, 0];
  while (same < 20) {
    const { rss } = await report(child);
    same = Math.abs(rss - last) < last / 100 ? same + 1 : 0;
    last = rss;
  }
}

async function report(child) {
  const [message] = await once(child, "message");
  return message;
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
