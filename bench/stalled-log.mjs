/**
 * An agent whose log nobody reads, while another member sends it messages: its memory before and after, what of its log came
 * when the reader went on, and how long it takes to end.
 *
 *   npm run -s build && node bench/stalled-log.mjs [--seconds 20]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { CertificateAuthority, serveAuthority } from "../dist/ca/index.js";
import { Client } from "../dist/client/index.js";
import { MAIN } from "./process.mjs";

/** Messages under way at once. */
const AT_ONCE = 200;
const { values } = parseArgs({ options: { seconds: { type: "string", default: "20" } } });
const dir = await mkdtemp(join(tmpdir(), "ff-stalled-log-"));

const mebibytes = async ({ pid }) => {
  const [, kibibytes] = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"));
  return `${Math.round(kibibytes / 1024)} MiB`;
};

const authority = await CertificateAuthority.open({ directory: join(dir, "ca"), open: true });
const server = await serveAuthority(authority, { port: 0 });
const common = { listen: "127.0.0.1:0", preset: "local", ca: server.urls[0], caFingerprint: authority.fingerprint };
const args = [
  "--ca",
  common.ca,
  "--ca-fingerprint",
  common.caFingerprint,
  "--listen",
  common.listen,
  "--preset",
  "local",
];
const agent = spawn(
  process.execPath,
  [MAIN, "agent", "--dir", join(dir, "a"), "--name", "a", ...args, "--log", "json"],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);
const first = createInterface(agent.stdout);
await once(first, "line");
first.close();
agent.stdout.pause(); // From here on nobody reads.

const client = new Client({ config: false, ...common, name: "b" });
await client.start();
const [{ id }] = await client.waitForMembers(1);
const data = new Uint8Array(200).fill(120);
console.log(`before: ${await mebibytes(agent)}`);
const endAt = performance.now() + 1_000 * Number(values.seconds);
let sent = 0;
const send = async () => {
  while (performance.now() < endAt) {
    await client.sendToId(id, data);
    sent += 1;
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, send));
console.log(`after ${sent} messages in ${values.seconds} s: ${await mebibytes(agent)}`);

const [lines, missing] = [[], []];
const reader = createInterface(agent.stdout).on("line", (line) => {
  const entry = JSON.parse(line);
  if (entry.event === "left-out") missing.push(entry.lines);
  lines.push(entry.event);
});
const startedAt = performance.now();
agent.kill("SIGTERM");
await Promise.all([once(agent, "exit"), once(reader, "close")]);
console.log(`read on: ${lines.length} lines, and that ${missing.join(" and ") || "none"} were left out`);
console.log(`ended ${Math.round(performance.now() - startedAt)} ms after SIGTERM`);
await client.stop({ drain: 0 });
await server.close();
await authority.close();
await rm(dir, { recursive: true });
