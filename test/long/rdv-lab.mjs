/**
 * Two that meet through a rendezvous server, each behind a NAT of every kind, in network namespaces: whether directly or by
 * the relay, and after how many milliseconds the dialler has a connection, the accepter waiting already. The table of
 * docs/rdv.md. As root, on Linux; a delay needs python3, and so does a foreign end (`rdv-lab/once.py`), which dials once.
 *
 *   npm run -s build && node test/long/rdv-lab.mjs [--delay 25] [--kinds "full cone,symmetric"] [--rounds 3]
 *     [--dialler ours|once] [--accepter ours|once] [--json]
 *
 * Ends with 1 when a pair did not meet, or did not hear each other.
 */
import { parseArgs } from "node:util";
import { labProblem, NatLab } from "../support/nat-lab.mjs";
import { LabEnd, startServer } from "./rdv-lab/ends.mjs";

const KINDS = ["public", "full cone", "address-restricted", "port-restricted", "rejecting", "symmetric"];

const { values } = parseArgs({
  options: {
    delay: { type: "string", default: "0" },
    kinds: { type: "string" },
    rounds: { type: "string", default: "3" },
    dialler: { type: "string", default: "ours" },
    accepter: { type: "string", default: "ours" },
    json: { type: "boolean", default: false },
  },
});
const problem = labProblem();
if (problem) {
  console.error(`No lab here: ${problem}.`);
  process.exit(1);
}
const kinds = values.kinds?.split(",").map((kind) => kind.trim()) ?? KINDS;
const lab = new NatLab({ delayMs: Number(values.delay) });
const children = [];
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  lab.close();
});
process.on("SIGINT", () => process.exit(130));

const [place] = lab.site("public").hosts;
children.push(await startServer(place));
const end = (kind, program) => {
  const made = new LabEnd(lab.site(kind).hosts[0], program, place.address);
  children.push(made);
  return made;
};
const diallers = new Map(kinds.map((kind) => [kind, end(kind, values.dialler)]));
const accepters = new Map(kinds.map((kind) => [kind, end(kind, values.accepter)]));

if (!values.json) console.log(`| dials \\ accepts | ${kinds.join(" | ")} |\n|${" --- |".repeat(kinds.length + 1)}`);
let failed = 0;
for (const from of kinds) {
  const cells = [];
  for (const to of kinds) {
    const results = [];
    for (let round = 0; round < Number(values.rounds); round++) results.push(await meet(from, to, round));
    failed += results.filter(({ error }) => error).length;
    if (values.json) for (const result of results) console.log(JSON.stringify({ from, to, ...result }));
    else cells.push(cellOf(results));
  }
  if (!values.json) console.log(`| ${from} | ${cells.join(" | ")} |`);
}
process.exit(failed === 0 ? 0 : 1);

/** Each pair anew; the accepter is in the lobby before. */
async function meet(from, to, round) {
  const token = `${from}-${to}-${round}-${process.pid}`.replaceAll(" ", "-");
  const accepted = accepters.get(to).ask({ method: "ACCEPT", token, word: "from-accepter" });
  await new Promise((done) => setTimeout(done, 100 + 6 * lab.delayMs));
  const dialled = await diallers.get(from).ask({ method: "DIAL", token, word: "from-dialler" });
  const { relay, error, heard } = await accepted;
  const isWhole = heard === "from-dialler" && dialled.heard === "from-accepter" && relay === dialled.relay;
  const why = dialled.error ?? error ?? (isWhole ? undefined : `${dialled.heard}, ${heard}`);
  return { relay: dialled.relay, ms: dialled.ms, wordMs: dialled.wordMs, error: why };
}

/** The median of those by the way that most took; how many of them, where not all did. */
function cellOf(results) {
  const broken = results.find(({ error }) => error);
  if (broken) return `**${broken.error}**`;
  const direct = results.filter(({ relay }) => !relay);
  const shown = direct.length * 2 >= results.length ? direct : results.filter(({ relay }) => relay);
  const times = shown.map(({ ms }) => ms).sort((a, b) => a - b);
  const share = shown.length === results.length ? "" : `, ${shown.length} of ${results.length}`;
  return `${shown === direct ? "" : "relay "}${Math.round(times[Math.floor(times.length / 2)])}${share}`;
}
