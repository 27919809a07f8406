/**
 * What forwarding can be at best in Node: the rows forward-bulk and forward-http with two plain programs between, which pipe
 * a connection into another one over TCP alone, or over TLS 1.3; beside ours and `ssh -L`. CPU is that of the two programs
 * between, where they are Node's.
 *
 *   node bench/forward/floor.mjs [--runs 5]
 */
import { parseArgs } from "node:util";
import { median } from "../support/measure.mjs";
import { pairOfKeys } from "../talk/certificates.mjs";
import { Child } from "../talk/child.mjs";
import { withSides } from "./sides.mjs";

const { values } = parseArgs({ options: { runs: { type: "string", default: "5" } } });
const MIB = 1024 * 1024;
const BULK = { bytes: 256 * MIB };
const HTTP = { connections: 50, ms: 2000 };

/** Two plain programs to each of the ports. */
async function openPlain(way, targets) {
  const { server, client } = await pairOfKeys();
  const children = ["far", "near"].map((name) => new Child("../forward/pipe.mjs", `${way}-${name}`));
  const [far, near] = children;
  const ports = {};
  for (const [name, port] of Object.entries(targets))
    ports[name] = await near.ask("near", {
      way,
      keys: client,
      port: await far.ask("far", { way, keys: server, port }),
    });
  return { ports, children };
}

/** Of one way: figures of both rows, and CPU of `children` for a MiB and for a request. */
async function measure(load, { ports, children }) {
  const cpu = async () => (await Promise.all(children.map((child) => child.cpu()))).reduce((sum, one) => sum + one, 0);
  const before = await cpu();
  const mibs = await load.ask("bulk", { port: ports.bulk, ...BULK });
  const between = await cpu();
  const requests = await load.ask("requests", { port: ports.http, ...HTTP });
  const after = await cpu();
  const count = (requests * HTTP.ms) / 1000;
  return [mibs, (between - before) / 1000 / (BULK.bytes / MIB), requests, (after - between) / count];
}

await withSides(async ({ load, ours, peer, direct, members }) => {
  const ways = {
    "no one between": { ports: direct, children: [] },
    "TCP, plain": await openPlain("plain", direct),
    "TLS, plain": await openPlain("tls", direct),
    ours: { ports: ours, children: members },
    "ssh -L": { ports: peer, children: [] },
  };
  const figures = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let run = -1; run < Number(values.runs); run++)
    for (const [name, way] of Object.entries(ways)) {
      const measured = await measure(load, way);
      if (run >= 0) figures[name].push(measured);
    }
  console.log("between            MiB/s   CPU ms/MiB   requests/s   CPU us/request");
  for (const [name, runs] of Object.entries(figures)) {
    const [mibs, perMib, requests, perRequest] = [0, 1, 2, 3].map((index) => median(runs.map((run) => run[index])));
    const cells = [
      mibs.toFixed(0),
      perMib ? perMib.toFixed(2) : "",
      requests.toFixed(0),
      perRequest ? perRequest.toFixed(1) : "",
    ];
    console.log(
      name.padEnd(16),
      cells[0].padStart(7),
      cells[1].padStart(12),
      cells[2].padStart(12),
      cells[3].padStart(16),
    );
  }
  for (const way of ["TCP, plain", "TLS, plain"]) for (const child of ways[way].children) await child.end();
});
