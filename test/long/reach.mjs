/**
 * What members find out about themselves behind NATs: five that can be dialled, and one behind each kind of NAT, as processes in
 * network namespaces. Prints a row for each (docs/reach.md has them), and ends with 1 when one of them is wrong.
 *
 *   npm run -s build && node test/long/reach.mjs [--delay MS] [--json]
 *
 * Needs root on Linux; a delay needs python3.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { MAIN, Process } from "../../bench/process.mjs";
import { KINDS, labProblem, NatLab } from "../support/nat-lab.mjs";

const PUBLIC = 5;
const PORT = 8400;
/** For a member to know how it is reached, milliseconds. */
const PATIENCE_MS = 60_000;

/** What is behind each, and what the member there is to find out. */
const ROWS = [
  { kind: "full cone", dialable: "no", nat: "mapped" },
  { kind: "address-restricted", dialable: "no", nat: "mapped" },
  { kind: "port-restricted", dialable: "no", nat: "mapped" },
  { kind: "symmetric", dialable: "no", nat: "symmetric" },
  { kind: "no UDP", dialable: "no", nat: "translated" },
  { kind: "port-restricted", isForwarded: true, dialable: "yes", nat: "mapped" },
  { kind: "symmetric", isForwarded: true, dialable: "yes", nat: "symmetric" },
];

const { values } = parseArgs({
  options: { delay: { type: "string", default: "0" }, json: { type: "boolean", default: false } },
});

const problem = labProblem();
if (problem !== undefined) {
  console.log(`skipped: ${problem}`);
  process.exit(0);
}

const lab = new NatLab({ delayMs: Number(values.delay) });
const root = mkdtempSync(join(tmpdir(), "fireflies-reach-"));
const running = [];

function start(name, host, args) {
  const one = new Process(name, args, ["ip", "netns", "exec", host.space]);
  running.push(one);
  return one;
}

function ask(name, ...command) {
  const { stdout } = spawnSync(process.execPath, [MAIN, ...command, "--dir", join(root, name), "--json"], {
    encoding: "utf8",
  });
  return JSON.parse(stdout.split("\n")[0]);
}

async function known(name, isRight, startedAt) {
  for (;;) {
    const info = ask(name, "info");
    const ms = performance.now() - startedAt;
    if (isRight(info) || ms > PATIENCE_MS) return { info, ms };
    await sleep(200);
  }
}

try {
  const sites = Array.from({ length: PUBLIC }, () => lab.site("public"));
  const [first] = sites;
  const ca = start("ca", first.hosts[0], [
    "ca",
    "--dir",
    join(root, "ca"),
    "--host",
    "0.0.0.0",
    "--port",
    "8300",
    "--open",
  ]);
  const { fingerprint } = await ca.event("listening");
  const member = async (name, host) => {
    const place = ["--dir", join(root, name), "--ca", `https://${first.outer}:8300`, "--ca-fingerprint", fingerprint];
    await start(name, host, ["agent", ...place, "--name", name, "--listen", `0.0.0.0:${PORT}`]).event("ready");
  };
  for (const [index, site] of sites.entries()) await member(`public-${index + 1}`, site.hosts[0]);
  let wrong = 0;
  for (const [index, { kind, isForwarded = false, dialable, nat }] of ROWS.entries()) {
    const site = lab.site(isForwarded ? { ...KINDS[kind], forward: [PORT] } : kind);
    const name = `nat-${index + 1}`;
    const startedAt = performance.now();
    await member(name, site.hosts[0]);
    const outer = `${site.outer}:${PORT}`;
    const isRight = (info) =>
      info.dialable === dialable && info.nat === nat && info.advertised.includes(outer) === isForwarded;
    const { info, ms } = await known(name, isRight, startedAt);
    const report = ask(name, "doctor");
    const row = {
      ...{ nat: kind, forwarded: isForwarded, right: isRight(info), ms: Math.round(ms), dialable: info.dialable },
      ...{ found: info.nat, advertised: info.advertised, udp: report.udp },
      findings: report.findings.map(({ level, code }) => `${level} ${code}`),
    };
    wrong += Number(!row.right);
    console.log(values.json ? JSON.stringify(row) : rowText(row));
  }
  const all = sites.map((_, index) => ask(`public-${index + 1}`, "info"));
  const isOpen = all.every((info) => info.dialable === "yes" && info.nat === "none");
  console.log(
    values.json
      ? JSON.stringify({ public: isOpen })
      : `| public, ${PUBLIC} of them | all ${isOpen ? "right" : "WRONG"} |`,
  );
  process.exitCode = wrong > 0 || !isOpen ? 1 : 0;
} finally {
  await Promise.all(running.map((one) => one.end("SIGKILL")));
  lab.close();
  rmSync(root, { recursive: true, force: true });
}

function rowText({ nat, forwarded, right, ms, dialable, found, advertised, udp, findings }) {
  const cells = [
    forwarded ? `${nat}, port forwarded` : nat,
    `${dialable}${right ? "" : " (WRONG)"}`,
    found,
    advertised.join(", "),
    `out ${udp.out ?? "?"}, in ${udp.in ?? "?"}`,
    `${(ms / 1000).toFixed(1)} s`,
    findings.join(", ") || "-",
  ];
  return `| ${cells.join(" | ")} |`;
}
