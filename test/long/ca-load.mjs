/**
 * Ten thousand enrolments at once against `fireflies ca`, each with an answer: 200, 429 or 503, the slowest hundredth within 5 s,
 * memory below 300 MB, every 200 on record, and the audit whole. Needs a build.
 *
 *   node test/long/ca-load.mjs [--requests 10000] [--connections 1000]
 *
 * They come from twenty loopback addresses, so that the limit per address does not answer most of them. With h2load (Debian:
 * nghttp2-client) a second part asks from one address with another program's HTTP.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createRequest, generateKeyPair } from "../../dist/identity/index.js";

const { values } = parseArgs({
  options: { requests: { type: "string", default: "10000" }, connections: { type: "string", default: "1000" } },
});
const REQUESTS = Number(values.requests);
const CONNECTIONS = Math.min(Number(values.connections), REQUESTS);
const ADDRESSES = process.platform === "linux" ? 20 : 1;
const P99_MAX_MS = 5_000;
const MEMORY_MAX_MB = 300;
const ALLOWED = new Set(["200", "429", "503"]);

const directory = mkdtempSync(join(tmpdir(), "fireflies-load-"));
const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const child = spawn(
  process.execPath,
  [program, "ca", "--dir", directory, "--open", "--port", "0", "--admin-port", "0", "--json"],
  { stdio: ["ignore", "pipe", "inherit"] },
);
const problems = [];
let issued = 0;

try {
  const { url, adminPort } = await listening(child);
  const port = Number(new URL(url).port);
  const connected = performance.now();
  const sockets = await connectAll(port);
  print(`connections      ${sockets.length} TLS in ${seconds(connected)} s`);
  await enrolAll(sockets);
  for (const socket of sockets) socket.destroy();
  await compareRecords(adminPort);
  otherProgram(url);
  print(`memory, highest  ${memory()} MB`);
  if (memory() >= MEMORY_MAX_MB) problems.push(`memory is not below ${MEMORY_MAX_MB} MB`);
} finally {
  child.kill("SIGTERM");
  await once(child, "close");
}
const audit = spawnSync(process.execPath, [program, "ca", "audit", "verify", "--dir", directory], { encoding: "utf8" });
print(`audit            ${audit.stdout.trim() || audit.stderr.trim()}`);
if (audit.status !== 0) problems.push("the audit does not hold");
rmSync(directory, { recursive: true, force: true });
for (const problem of problems) print(`FAILED           ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function listening({ stdout }) {
  for await (const line of createInterface({ input: stdout })) {
    const told = JSON.parse(line);
    if (told.event !== "listening") continue;
    stdout.resume();
    return told;
  }
  throw new Error("the authority ended before it listened");
}

/** A hundred handshakes at a time: what is measured is the requests. */
async function connectAll(port) {
  const sockets = [];
  while (sockets.length < CONNECTIONS) {
    const count = Math.min(100, CONNECTIONS - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: count }, (_, i) => connectOne(port, sockets.length + i)))));
  }
  return sockets;
}

async function connectOne(port, index) {
  const localAddress = ADDRESSES === 1 ? undefined : `127.0.0.${2 + (index % ADDRESSES)}`;
  const socket = connect({ host: "127.0.0.1", port, localAddress, rejectUnauthorized: false });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

async function enrolAll(sockets) {
  const request = Buffer.from(await createRequest(generateKeyPair())).toString("base64");
  const each = Math.ceil(REQUESTS / sockets.length);
  const started = performance.now();
  const all = await Promise.all(sockets.map((socket, index) => enrolOn(socket, index * each, each, request)));
  const answers = all.flat();
  const times = answers.map(({ after }) => after).sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  const statuses = Map.groupBy?.(answers, ({ status }) => status) ?? groups(answers);
  issued = statuses.get("200")?.length ?? 0;
  const counts = [...statuses].map(([status, list]) => `${status}: ${list.length}`).join(", ");
  print(
    `enrolments       ${each * sockets.length} sent at once, ${answers.length} answered in ${seconds(started)} s: ${counts}`,
  );
  print(`time to answer   p50 ${ms(at(0.5))}, p99 ${ms(at(0.99))}, slowest ${ms(at(1))} ms`);
  if (answers.length !== each * sockets.length) problems.push("some had no answer");
  if (at(0.99) >= P99_MAX_MS) problems.push(`p99 is not below ${P99_MAX_MS} ms`);
  const other = [...statuses.keys()].filter((status) => !ALLOWED.has(status));
  if (other.length > 0) problems.push(`statuses ${other.join(", ")}`);
}

function groups(answers) {
  const found = new Map();
  for (const answer of answers) found.set(answer.status, [...(found.get(answer.status) ?? []), answer]);
  return found;
}

/** Sends `count` requests in one write and resolves to their answers, or to those that came before the connection ended. */
function enrolOn(socket, first, count, request) {
  const bodies = Array.from({ length: count }, (_, i) => JSON.stringify({ request, principal: `member-${first + i}` }));
  const head = "POST /v1/enroll HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ";
  const started = performance.now();
  const answers = [];
  let text = "";
  return new Promise((resolve) => {
    socket.on("close", () => resolve(answers));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = endOfAnswer(text); end > 0; end = endOfAnswer(text)) {
        answers.push({ status: text.slice(9, 12), after: performance.now() - started });
        text = text.slice(end);
      }
      if (answers.length === count) resolve(answers);
    });
    socket.write(bodies.map((body) => `${head}${body.length}\r\n\r\n${body}`).join(""));
  });
}

/** Where the first answer in `text` ends; 0 when it has not arrived as a whole. */
function endOfAnswer(text) {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return 0;
  const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
  const end = head + 4 + length;
  return text.length >= end ? end : 0;
}

async function compareRecords(adminPort) {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const recorded = Number(/^fireflies_ca_certificates (\d+)$/m.exec(page)?.[1]);
  print(`on record        ${recorded} certificates`);
  if (recorded !== issued) problems.push(`${issued} were answered with 200, ${recorded} are on record`);
  const ready = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
  if (ready.status !== 200) problems.push("it is not ready afterwards");
}

function otherProgram(url) {
  const args = ["--h1", "-n", String(REQUESTS), "-c", "500", "-m", "20", `${url}/v1/network`];
  const run = spawnSync("h2load", args, { encoding: "utf8" });
  if (run.error !== undefined) return print("h2load           is not installed (Debian: nghttp2-client)");
  const [, codes] = /^status codes: (.*)$/m.exec(run.stdout) ?? [];
  const [, requests] = /^requests: (.*)$/m.exec(run.stdout) ?? [];
  print(`h2load           ${requests}\n                 ${codes}`);
  if (/ [1-9]\d* (failed|errored|timeout)/.test(` ${(requests ?? "").replace(/\d+ failed/, "")}`)) {
    problems.push("h2load had errors");
  }
}

function memory() {
  if (process.platform !== "linux" || child.exitCode !== null) return Number.NaN;
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1_024);
}

function seconds(since) {
  return ((performance.now() - since) / 1_000).toFixed(1);
}

function ms(value) {
  return Math.round(value);
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
