/**
 * A network of twelve: four members that can be dialled, and eight behind four NATs. How soon all views are whole, how soon a
 * member behind a NAT that is killed is out of all views, and then, while those that relay are killed one after another and
 * come back, how many live members were suspected, and how many messages were lost. As root, on Linux.
 *
 *   npm run -s build && node test/long/nat-network.mjs [--minutes 10] [--delay 0] [--json]
 */
import { parseArgs } from "node:util";
import { labProblem } from "../support/nat-lab.mjs";
import { LabNetwork } from "./nat-lab/lab.mjs";

const NATS = ["full cone", "address-restricted", "port-restricted", "symmetric"];
const RELAYS = 4;
/** Between two deaths of relays, and until each is there again, milliseconds. */
const KILL_EVERY_MS = 30_000;
const GONE_MS = 15_000;
/** Each member behind a NAT sends so often, milliseconds. */
const SEND_EVERY_MS = 1_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    delay: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});
const problem = labProblem();
if (problem) {
  console.error(`No lab here: ${problem}.`);
  process.exit(1);
}
const network = new LabNetwork({ delayMs: Number(values.delay) });
process.on("exit", () => network.close());
process.on("SIGINT", () => process.exit(130));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const tell = (what, value) => console.log(values.json ? JSON.stringify({ what, value }) : `${what}: ${value}`);

const relays = await network.open(RELAYS);
const startedAt = performance.now();
const hidden = await Promise.all(
  NATS.flatMap((kind) =>
    network.lab
      .site(kind, { hosts: 2 })
      .hosts.map((host, index) => network.start(`${kind.replaceAll(" ", "-")}-${index}`, host)),
  ),
);
/** When each was killed; while it is away nothing is expected of it, and for a while after. */
const away = new Map();
const alive = () => [...relays, ...hidden].filter(({ id }) => !away.has(id));
const lastReady = performance.now();
const isWhole = (count) => async (member) =>
  (await member.until("view", {}, ({ members = [] }) => members.length === count - 1, 60_000)).isIt;
const wholes = await Promise.all(alive().map(isWhole(RELAYS + hidden.length)));
tell("all started after, s", ((lastReady - startedAt) / 1000).toFixed(1));
tell(
  "views whole after the last start, s",
  wholes.every(Boolean) ? ((performance.now() - lastReady) / 1000).toFixed(1) : "never",
);

for (const member of hidden) {
  const has = await member.until(
    "info",
    {},
    ({ info }) => info.dialable === "yes" || info.relay.mine.length >= 3,
    60_000,
  );
  if (!has.isIt) tell(`${member.name} has no relays`, JSON.stringify(has.info.relay.mine));
}

const victim = hidden.pop();
victim.kill();
away.set(victim.id, performance.now());
const killedAt = performance.now();
const gone = await Promise.all(
  alive().map(async (member) => {
    const without = await member.until("view", {}, ({ members = [] }) => !members.includes(victim.id), 60_000);
    return without.isIt ? performance.now() - killedAt : Number.POSITIVE_INFINITY;
  }),
);
tell("killed behind a NAT, out of all views after, s", (Math.max(...gone) / 1000).toFixed(1));

const stop = performance.now() + Number(values.minutes) * 60_000;
const watchFrom = performance.now();
const lost = [];
let sent = 0;
let waits = 0;
const sending = hidden.map(async (from) => {
  while (performance.now() < stop) {
    const others = alive().filter(({ id }) => id !== from.id);
    const to = others[Math.floor(Math.random() * others.length)];
    const { members = [] } = await from.ask("view");
    if (!members.includes(to.id)) {
      // It has died more than twice in ten minutes, and waits for its return (rule R13): a program does not know it.
      waits += 1;
      await sleep(SEND_EVERY_MS);
      continue;
    }
    const begun = performance.now();
    const { error, message, ms } = await from.ask("call", { id: to.id, timeoutMs: 10_000 });
    // Of one that died meanwhile nothing can be expected.
    const died = away.get(to.id);
    if (died === undefined || died < begun) sent += 1;
    if (error && (died === undefined || died < begun)) lost.push(`${from.name} to ${to.name}: ${error}: ${message}`);
    await sleep(Math.max(0, SEND_EVERY_MS - (ms ?? 0)));
  }
});
let deaths = 0;
while (performance.now() + KILL_EVERY_MS < stop) {
  const index = deaths++ % RELAYS;
  const relay = relays[index];
  away.set(relay.id, performance.now());
  relay.kill();
  await sleep(GONE_MS);
  relays[index] = await relay.again();
  await isWhole(RELAYS + hidden.length)(relays[index]);
  away.delete(relay.id);
  await sleep(KILL_EVERY_MS - GONE_MS);
}
await Promise.all(sending);
tell("relays killed", deaths);
tell("messages", sent);
tell("messages lost", lost.length);
tell("messages that were not sent to a member that waited for its return", waits);
for (const each of lost.slice(0, 10)) console.error(each);
const deadIds = new Set([victim.id, ...relays.map(({ id }) => id)]);
const suspicions = [...relays, ...hidden].flatMap(({ name, log }) =>
  log
    .filter(({ event, id, at }) => event === "suspected" && at > watchFrom && !deadIds.has(id))
    .map(({ id, at }) => `${name} suspected ${id.slice(0, 8)} at ${((at - watchFrom) / 1000).toFixed(1)} s`),
);
tell("suspicions of members that were never away", suspicions.length);
for (const each of suspicions.slice(0, 10)) console.error(each);
const failures = [...relays, ...hidden].flatMap(({ log }) =>
  log.filter(({ event, id, at }) => event === "failed" && at > watchFrom && !deadIds.has(id)),
);
tell("removals of members that were never away", failures.length);
process.exit(lost.length + failures.length === 0 ? 0 : 1);
