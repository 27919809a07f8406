/**
 * How long the first message takes to a member without a link to it, through relays: two members behind symmetric NATs and three
 * that relay, in memory. `node bench/relay-first.mjs [--one-way-ms 25] [--runs 5]`: the time in milliseconds, and in round trips
 * between the two through the relay.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { TestNetwork } from "../dist/testing/index.js";

const { values } = parseArgs({
  options: { "one-way-ms": { type: "string", default: "25" }, runs: { type: "string", default: "5" } },
});
const oneWayMs = Number(values["one-way-ms"]);

async function measured() {
  const network = await TestNetwork.start({ members: 3, client: { preset: "lan", linkIdleMs: 1_000 }, deltaMs: 1_500 });
  const wires = network.network;
  const hidden = [];
  for (const name of ["near", "far"]) {
    const lan = wires.lan({ name: `home of ${name}`, nat: "symmetric" });
    wires.link(lan, network.lan, { latencyMs: oneWayMs });
    const client = await network.member({ lan, behindNat: true });
    client.registerMessageHandler((data) => data);
    await client.start();
    hidden.push(client);
  }
  const [near, far] = hidden;
  await network.whole();
  const isNamed = () => near.member(far.id)?.addresses.some((address) => address.startsWith("relay://"));
  for await (const _ of near.changes()) if (isNamed()) break;
  const isLinked = () => near.paths().find(({ id }) => id === far.id)?.path !== undefined;
  while (isLinked()) await sleep(20); // Gossip has made one; it is closed when it is idle.
  const times = [];
  for (let index = 0; index < 2; index++) {
    const before = performance.now();
    await near.sendToId(far.id, new Uint8Array(100));
    times.push(performance.now() - before);
  }
  await network.stop();
  return times;
}

// Each leg twice, there and back.
const roundTripMs = 4 * oneWayMs;
console.log(`round trip through the relay: ${roundTripMs} ms`);
for (let run = 0; run < Number(values.runs); run++) {
  const [first, second] = await measured();
  const shown = (ms) => `${ms.toFixed(0)} ms (${(ms / roundTripMs).toFixed(1)} round trips)`;
  console.log(`first message and answer: ${shown(first)}, the next: ${shown(second)}`);
}
