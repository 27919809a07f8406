/**
 * Members behind NATs of every kind, each a process in a network namespace, with 25 ms to the core and back: for each pair of
 * kinds how long the first message takes to the other side's handler, over which path, and when there is a path without a
 * relay. A table, as in docs/reach.md; ends with 1 when a pair fails, or does not meet though it could. As root, on Linux;
 * the delay needs python3. `--short` is for a change of what it shows: four kinds, half a minute (`npm run test:nat`).
 *
 *   npm run -s build && node test/long/nat-lab.mjs [--short | --homes] [--delay 25] [--kinds "full cone,symmetric"] [--relays 4]
 *   [--json]
 *
 * `--homes` has pairs behind one router instead: with its hosts apart or not, hairpin or not. test/long/nat-lab.sh is both.
 */
import { parseArgs } from "node:util";
import { canMeet, canMeetAtHome, HOMES, KINDS, labProblem } from "../support/nat-lab.mjs";
import { LabNetwork } from "./nat-lab/lab.mjs";

/** A path without a relay is waited for so long after the first message, milliseconds. */
const BETTER_MS = 5_000;
/** Of each kind: pairs of one kind need two, and of several pairs one that has no link yet is measured. */
const TWINS = 2;
/** Few, so that not everybody is everybody's neighbour, and pairs are left that have no link. */
const RINGS = 3;
/** After the start all is left alone for so long, milliseconds: on two cores twenty members take their time. */
const SETTLE_MS = 10_000;
const SHORT = ["public", "port-restricted", "symmetric", "no UDP"];

const { values } = parseArgs({
  options: {
    delay: { type: "string", default: "25" },
    kinds: { type: "string" },
    relays: { type: "string", default: "4" },
    json: { type: "boolean", default: false },
    short: { type: "boolean", default: false },
    homes: { type: "boolean", default: false },
  },
});
const problem = labProblem();
if (problem) {
  console.log(`skipped: ${problem}`);
  process.exit(0);
}
const asked = values.homes ? Object.keys(HOMES) : values.short ? SHORT : Object.keys(KINDS);
const kinds = values.kinds?.split(",").map((kind) => kind.trim()) ?? asked;
const network = new LabNetwork({ delayMs: Number(values.delay) });
process.on("exit", () => network.close());
process.on("SIGINT", () => process.exit(130));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

await network.open(Number(values.relays), RINGS);
const members = new Map();
for (const kind of kinds) {
  const twins = [];
  const home = HOMES[kind] && network.lab.site(HOMES[kind], { hosts: TWINS });
  for (let index = 0; index < TWINS; index++) {
    const host = home ? home.hosts[index] : network.lab.site(kind).hosts[0];
    const name = `${kind.replaceAll(/[^A-Za-z0-9]/g, "-")}-${index}`;
    twins.push(await network.start(name, host, optionsOf(kind, host)));
  }
  members.set(kind, twins);
}
const all = [...members.values()].flat();
const count = all.length + Number(values.relays);
for (const member of all) {
  const seen = await member.until("view", {}, ({ members: ids = [] }) => ids.length >= count - 1, 30_000);
  if (!seen.isIt) console.error(`${member.name} sees ${seen.members?.length} of ${count - 1}`);
}
// Each finds out whether others can dial it; one that they cannot has relays then, and the others hear of them.
for (const member of all) {
  const isSettled = ({ info }) => info.dialable === "yes" || info.relay.mine.length >= 3;
  const { info, isIt } = await member.until("info", {}, isSettled, 30_000);
  if (!isIt) console.error(`${member.name}: dialable ${info.dialable}, ${info.relay.mine.length} relays`);
  if (info.dialable === "yes") continue;
  for (const other of all.filter((each) => each !== member))
    await other.until("relays", { id: member.id }, ({ count: relays }) => relays >= 3, 5_000);
}
await sleep(values.short ? 0 : SETTLE_MS);
let calls = 0;
let wrong = 0;
const rows = [];
if (!values.json)
  console.log(
    "| pair | first message | first byte at the handler | answer | in the end |\n| --- | --- | --- | --- | --- |",
  );
for (const [at, one] of kinds.entries())
  for (const other of HOMES[one] ? [one] : kinds.slice(at)) await show(one, other);
const firsts = rows.filter(({ wasLinked, firstByteMs, over }) => !wasLinked && firstByteMs && over === "relayed");
const sorted = firsts.map(({ firstByteMs }) => firstByteMs).sort((a, b) => a - b);
if (!values.json && sorted.length > 0)
  console.log(
    `\nFirst byte of a first message over relays, without a link before: ${sorted[0]} to ${sorted.at(-1)} ms, ` +
      `half of them within ${sorted[Math.floor(sorted.length / 2)]} ms (${sorted.length} pairs).`,
  );
process.exit(wrong === 0 ? 0 : 1);

function optionsOf(kind, { address }) {
  if (kind === "public") return { listen: `${address}:443` };
  const port = KINDS[kind]?.forward?.[0] ?? 0;
  return { listen: [`0.0.0.0:${port}`, "udx://0.0.0.0:0"] };
}

/** Both ways, and a row of what took longer. */
async function show(one, other) {
  const both = one === other ? [await measure(one, one)] : [await measure(one, other), await measure(other, one)];
  rows.push(...both);
  const isRelayed = both.some(({ better }) => better === undefined || better === "relayed");
  const meets = HOMES[one] ? canMeetAtHome(one) : canMeet(one, other);
  const isWrong = both.some(({ error }) => error !== undefined) || (isRelayed && meets);
  wrong += Number(isWrong);
  if (values.json) for (const row of both) console.log(JSON.stringify(row));
  else console.log(lineOf(one, other, both, isWrong));
}

async function measure(from, to) {
  const [caller, callee, wasLinked] = await pair(from, to);
  const text = `call ${++calls}`;
  const first = await caller.ask("call", { id: callee.id, text });
  const handled = callee.log.find((each) => each.event === "handled" && each.text === text);
  if (first.error) console.error(`${caller.name} to ${callee.name}: ${first.error}: ${first.message}`);
  const isDirect = ({ path }) => path !== undefined && path !== "relayed";
  const better = await caller.until("path", { id: callee.id }, isDirect, first.error ? 0 : BETTER_MS);
  return {
    ...{ from, to, error: first.error, over: first.path, wasLinked, better: better.path },
    firstByteMs: handled && first.startedAt ? Math.round(handled.clock - first.startedAt) : undefined,
    answerMs: first.ms && Math.round(first.ms),
    betterMs: better.isIt ? Math.round(better.afterMs) : undefined,
    why: better.isIt ? undefined : better.whyNotBetter,
  };
}

/** Two that have no link yet, if there are such. */
async function pair(from, to) {
  let found;
  for (const caller of members.get(from)) {
    for (const callee of members.get(to)) {
      if (caller === callee) continue;
      const { path } = await caller.ask("path", { id: callee.id });
      if (path === undefined) return [caller, callee, false];
      found ??= [caller, callee, true];
    }
  }
  return found;
}

function lineOf(one, other, both, isWrong) {
  const error = both.find((row) => row.error)?.error;
  const fresh = both.filter(({ wasLinked }) => !wasLinked);
  const shown = fresh.length > 0 ? fresh : both;
  const slowest = (key) => Math.max(...shown.map((row) => row[key] ?? 0));
  const worst = both.find(({ better }) => better === "relayed") ?? both[0];
  const after = Math.max(...both.map(({ betterMs }) => betterMs ?? 0));
  const end = worst.better === "punched" && after > 50 ? `punched after ${(after / 1000).toFixed(1)} s` : worst.better;
  const over = [...new Set(shown.map((row) => row.over))].join(", ");
  const cells = [
    HOMES[one] ? one : `${one}, ${other}`,
    fresh.length > 0 ? over : `${over}, there was a link`,
    `${slowest("firstByteMs")} ms`,
    `${slowest("answerMs")} ms`,
    `${error ?? end}${isWrong ? " (WRONG)" : ""}`,
  ];
  return `| ${cells.join(" | ")} |`;
}
