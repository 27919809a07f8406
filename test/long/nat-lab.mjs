/**
 * Members behind NATs of every kind, each a process in a network namespace, with 25 ms to the core and back: for each pair of
 * kinds how long the first message takes, over which path, and when there is a path without a relay. A table, as in
 * docs/reach.md. As root, on Linux; the delay needs python3.
 *
 *   npm run -s build && node test/long/nat-lab.mjs [--delay 25] [--kinds "full cone,symmetric"] [--relays 4] [--json]
 */
import { parseArgs } from "node:util";
import { KINDS, labProblem } from "../support/nat-lab.mjs";
import { LabNetwork } from "./nat-lab/lab.mjs";

/** A path without a relay is waited for so long after the first message, milliseconds. */
const BETTER_MS = 6_000;
/** Of each kind: pairs of one kind need two, and of several pairs one that has no link yet is measured. */
const TWINS = 2;

const { values } = parseArgs({
  options: {
    delay: { type: "string", default: "25" },
    kinds: { type: "string" },
    relays: { type: "string", default: "4" },
    json: { type: "boolean", default: false },
    behind: { type: "boolean", default: false },
  },
});
const problem = labProblem();
if (problem) {
  console.error(`No lab here: ${problem}.`);
  process.exit(1);
}
const kinds = values.kinds?.split(",").map((kind) => kind.trim()) ?? Object.keys(KINDS);
const network = new LabNetwork({ delayMs: Number(values.delay) });
process.on("exit", () => network.close());
process.on("SIGINT", () => process.exit(130));

await network.open(Number(values.relays));
const members = new Map();
for (const kind of kinds) {
  const twins = [];
  for (let index = 0; index < TWINS; index++) {
    const [host] = network.lab.site(kind).hosts;
    const options =
      kind === "public"
        ? { listen: `${host.address}:443` }
        : { listen: ["0.0.0.0:0", "udx://0.0.0.0:0"], ...(values.behind && { behindNat: true }) };
    twins.push(await network.start(`${kind.replaceAll(/[^A-Za-z0-9]/g, "-")}-${index}`, host, options));
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
if (!values.json)
  console.log("| from | to | first message | over | without a relay after |\n| --- | --- | --- | --- | --- |");
let failed = 0;
for (const from of kinds) for (const to of kinds) await measure(from, to);
process.exit(failed === 0 ? 0 : 1);

async function measure(from, to) {
  const [caller, callee, wasLinked] = await pair(from, to);
  const first = await caller.ask("call", { id: callee.id });
  const isDirect = ({ path }) => path !== undefined && path !== "relayed";
  const better = await caller.until("path", { id: callee.id }, isDirect, first.error ? 0 : BETTER_MS);
  if (first.error) failed += 1;
  const row = {
    from,
    to,
    error: first.error,
    ms: first.ms && Math.round(first.ms),
    over: first.path,
    wasLinked,
    betterMs: better.isIt ? Math.round(better.afterMs) : undefined,
    better: better.path,
  };
  console.log(values.json ? JSON.stringify(row) : lineOf(row));
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

function lineOf({ from, to, error, ms, over, wasLinked, betterMs, better }) {
  const first = error ?? `${ms} ms${wasLinked ? " (there was a link)" : ""}`;
  const after = over !== "relayed" && !error ? "" : betterMs === undefined ? "never" : `${betterMs} ms, ${better}`;
  return `| ${from} | ${to} | ${first} | ${over ?? ""} | ${after} |`;
}
