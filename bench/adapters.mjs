/**
 * What the pieces of docs/adapters.md cost: looking at a key when the view has changed, a unit of a shared budget, a message by way of
 * a thread, and the time until a leader is elected and until a suddenly hot key has its part. `node bench/adapters.mjs`, after
 * `npm run build`.
 */
import { randomBytes } from "node:crypto";
import { MessageChannel } from "node:worker_threads";
import { elect, rateLimiter } from "fireflies/coordination";
import { startTestNetwork } from "fireflies/testing";
import { clientOver, shareClient } from "fireflies/threads";
import { owedFor } from "../dist/services/coordination/owed.js";

const ROUNDS = 2_000;
const MEMBERS = 50;

/** Microseconds of one run of `run`, the median of nine rounds. */
async function each(count, run) {
  const times = [];
  for (let round = 0; round < 9; round++) {
    const begun = performance.now();
    for (let index = 0; index < count; index++) await run(index);
    times.push(((performance.now() - begun) * 1_000) / count);
  }
  return times.toSorted((a, b) => a - b)[4];
}

const say = (what, figure) => console.log(`${what.padEnd(64)} ${figure}`);

const members = Array.from({ length: MEMBERS }, () => ({ id: randomBytes(32).toString("hex") }));
const change = { me: members[0].id, before: members.slice(1), now: members, copies: 2 };
say(
  `a key looked at, ${MEMBERS} members`,
  `${(await each(ROUNDS, (at) => owedFor(`key ${at}`, change))).toFixed(1)} us`,
);

const network = await startTestNetwork({ members: 2 });
const [client, other] = network.members;
const begun = performance.now();
await new Promise((resolve) => {
  for (const member of network.members) elect(member, "job", { lead: resolve });
});
say("until there is a leader, 2 members", `${(performance.now() - begun).toFixed(0)} ms`);

const [here, there] = network.members.map((member) => rateLimiter(member, "api", { limit: 1_000 }));
const taking = await each(ROUNDS, (at) => here.take(`key ${at % 1_000}`, 0.001));
say("a unit of a budget, 2 members, 1,000 keys", `${taking.toFixed(2)} us`);
while (there.members < 2 || here.members < 2) await new Promise((resolve) => setTimeout(resolve, 10));
const hotSince = performance.now();
let second = 0;
for (let hotMs = 0; hotMs < 4_000; hotMs = performance.now() - hotSince) {
  for (let count = 0; count < 40; count++) if (here.take("hot") && hotMs > 3_000) second += 1;
  await new Promise((resolve) => setTimeout(resolve, 10));
}
say("of 1,000 a second, let through in the fourth second at one of 2", `${second}`);

other.serve("echo", (data) => data);
while (client.members({ service: "echo" }).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
const { port1, port2 } = new MessageChannel();
const share = shareClient(client, port1);
const remote = await clientOver(port2);
const data = new Uint8Array(64);
const direct = await each(500, () => client.sendToId(other.id, data, { service: "echo" }));
const across = await each(500, () => remote.sendToId(other.id, data, { service: "echo" }));
say("a message and its answer, by the client itself", `${direct.toFixed(0)} us`);
say("the same by way of a port", `${across.toFixed(0)} us`);
share.close();
port1.close();
await network.stop();
