/**
 * A file while its path changes: between members behind NATs, each a process in a network namespace. A path that goes from
 * relayed to punched, a NAT that gets another address in the middle, over reliable UDP and over TCP, by plain streams and by
 * those that reconnect. For each: whole or not (SHA-256 of both ends), how fast before and after, how long nothing came, and
 * what the stream was told. As root, on Linux.
 *
 *   npm run -s build && node test/long/moving-file.mjs [--mib 1024] [--only "udx"] [--delay 0] [--json]
 */
import { parseArgs } from "node:util";
import { labProblem } from "../support/nat-lab.mjs";
import { LabNetwork } from "./nat-lab/lab.mjs";

const RELAYS = 3;
const MIB = 1024 * 1024;
/** A file takes minutes where a relay passes it on. */
const FILE_MS = 10 * 60_000;
const SETTLE_MS = 30_000;
/** A punch may fail, and the file be there before the next one: so often another pair is taken. */
const TRIES = 3;

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "1024" },
    only: { type: "string", default: "" },
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
const mib = Number(values.mib);

await network.open(RELAYS);
let count = 0;

/** A member behind a NAT of its own. */
async function behind(kind, options = {}) {
  const site = network.lab.site(kind);
  const member = await network.start(`behind-${++count}`, site.hosts[0], { behindNat: true, ...options });
  return { site, member };
}

/** One that anybody can dial. */
async function open(listen) {
  const [host] = network.lab.site("public").hosts;
  return await network.start(`open-${++count}`, host, { listen: listen(host.address) });
}

const TCP = { listen: "0.0.0.0:0" };
const UDX = { listen: ["0.0.0.0:0", "udx://0.0.0.0:0"] };
const atTcp = (address) => `${address}:8400`;
const atUdx = (address) => `udx://${address}:8400`;

/**
 * `change` happens at half of the file. `expect` is what must come of it: "whole" with a cut
 * in between or without, or the code that a plain stream has to end with. `turns`: the path has to change by itself.
 */
const ROWS = [
  { title: "relayed, then punched, tcp", turns: true, make: punched(TCP), expect: "whole, not cut" },
  { title: "relayed, then punched, udx", turns: true, make: punched(UDX), expect: "whole, not cut" },
  { title: "relayed, then punched, tcp, reconnect", turns: true, make: punched(TCP), reconnect: true, expect: "whole" },
  { title: "address changes, udx", make: moved(atUdx, UDX), expect: "whole, not cut" },
  { title: "address changes, udx, reconnect", make: moved(atUdx, UDX), reconnect: true, expect: "whole, not cut" },
  { title: "address changes, tcp", make: moved(atTcp, TCP), expect: "link-closed" },
  { title: "address changes, tcp, reconnect", make: moved(atTcp, TCP), reconnect: true, expect: "whole" },
];

function punched(options) {
  return async () => {
    const [a, b] = [await behind("port-restricted", options), await behind("port-restricted", options)];
    return { from: a.member, to: b.member, change: () => {} };
  };
}

function moved(listen, options) {
  return async () => {
    const far = await open(listen);
    const { site, member } = await behind("port-restricted", options);
    return { from: member, to: far, change: () => network.lab.move(site) };
  };
}

let failed = 0;
if (!values.json)
  console.log(
    "| path | came of it | s | MiB/s before, after | nothing came for | reconnects |\n| --- | --- | --- | --- | --- | --- |",
  );
for (const row of ROWS.filter(({ title }) => title.includes(values.only))) {
  let result = await run(row);
  for (let tries = 1; tries < TRIES && row.turns && result.paths?.length === 1; tries++) result = await run(row);
  if (row.turns && result.paths?.length === 1) Object.assign(result, { isAsExpected: false });
  if (!result.isAsExpected) failed += 1;
  console.log(values.json ? JSON.stringify(result) : lineOf(result));
}
process.exit(failed === 0 ? 0 : 1);

async function run({ title, make, reconnect = false, expect }) {
  const { from, to, change } = await make();
  await from.until("view", {}, ({ members = [] }) => members.includes(to.id), SETTLE_MS);
  await to.until("view", {}, ({ members = [] }) => members.includes(from.id), SETTLE_MS);
  await from.until(
    "relays",
    { id: to.id },
    ({ count: relays }) => relays >= RELAYS || to.name.startsWith("open"),
    SETTLE_MS,
  );
  const sending = from.ask("send-file", { id: to.id, bytes: mib * MIB, reconnect, withinMs: FILE_MS });
  const half = to.first(
    ({ event, bytes }) => event === "file" && bytes >= (mib * MIB) / 2,
    "half of the file",
    FILE_MS,
  );
  half.catch(() => {});
  await Promise.race([half, sending]);
  change();
  const sent = await sending;
  if (sent.name === undefined) return { title, outcome: `not opened: ${sent.message}`, isAsExpected: false };
  const end = await to.first(({ event, name }) => event === "file-end" && name === sent.name, "the end of the file");
  for (const member of [from, to]) member.kill();
  const isWhole = sent.error === undefined && end.bytes === mib * MIB && end.sha256 === sent.sha256;
  const cuts = sent.reconnects.filter((why) => why !== null).length;
  const outcome = !isWhole ? (sent.error ?? end.error ?? "not whole") : cuts > 0 ? "whole" : "whole, not cut";
  const isAsExpected = outcome === expect || (expect === "whole" && isWhole);
  return { title, outcome, isAsExpected, ...figures(end, sent) };
}

/** Where the path was another one, or at half of it. */
function figures({ seconds, marks, pauseMs }, { reconnects, paths }) {
  const turn = paths[1]?.seconds;
  const at = marks.findIndex((mark) => (turn === undefined ? mark.bytes >= (mib * MIB) / 2 : mark.seconds >= turn));
  const [middle, last] = [marks[Math.max(0, at)], marks.at(-1)];
  const rate = (bytes, time) => (time > 0 ? Math.round(bytes / MIB / time) : undefined);
  return {
    seconds,
    before: rate(middle.bytes, middle.seconds),
    after: rate(last.bytes - middle.bytes, last.seconds - middle.seconds),
    pauseMs,
    reconnects,
    paths,
  };
}

function lineOf({ title, outcome, isAsExpected, seconds, before, after, pauseMs, reconnects, paths }) {
  const how = isAsExpected ? outcome : `${outcome} (NOT AS EXPECTED)`;
  const codes = reconnects.map((why) => why ?? "better path").join(", ");
  const over = paths.map(({ path, seconds: at }) => `${path} at ${at.toFixed(1)} s`).join(", ");
  return `| ${title} | ${how} | ${seconds.toFixed(1)} | ${before}, ${after} | ${pauseMs} ms | ${codes} | (${over})`;
}
