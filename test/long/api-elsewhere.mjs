/**
 * The API of an agent from another machine: a network namespace of its own, joined by a pair of virtual interfaces. A member that
 * `api_allow` names asks by its certificate, one that it does not name is refused, a token does where there is one, and an
 * agent that is another member than `ID@` says is not believed. As root; prints what it tried, and ends with 1 when one
 * is not as it should be. Needs a build.
 *
 *   node test/long/api-elsewhere.mjs
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const SPACE = `ff-api-${process.pid}`;
const [HERE, THERE] = ["10.213.77.1", "10.213.77.2"];
const PAIR = [`ffa${process.pid % 10_000}`, `ffb${process.pid % 10_000}`];
const STARTED_MS = 60_000;

const root = mkdtempSync(join(tmpdir(), "ff-api-"));
const children = [];
const ip = (...args) => execFileSync("ip", args);
let failures = 0;

function begin(...args) {
  const child = spawn(process.execPath, [PROGRAM, ...args, "--json"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const told = [];
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => told.push(JSON.parse(line)));
  return async (kind) => {
    for (;;) {
      const found = told.find(({ event }) => event === kind);
      if (found) return found;
      await once(lines, "line", { signal: AbortSignal.timeout(STARTED_MS) });
    }
  };
}

/** In the other namespace. Resolves to what it ended with and wrote. */
function elsewhere(...args) {
  return new Promise((resolve) => {
    execFile(
      "ip",
      ["netns", "exec", SPACE, process.execPath, PROGRAM, ...args],
      { cwd: root },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });
}

async function tried(what, wanted, ...args) {
  const { code, stdout, stderr } = await elsewhere(...args);
  const isRight = wanted === 0 ? code === 0 : code !== 0 && stderr.includes(wanted);
  if (!isRight) failures += 1;
  console.log(
    `${isRight ? "as it should be" : "WRONG"}: ${what}: ${code === 0 ? stdout.split("\n")[0] : stderr.trim()}`,
  );
}

try {
  ip("netns", "add", SPACE);
  ip("link", "add", PAIR[0], "type", "veth", "peer", "name", PAIR[1], "netns", SPACE);
  ip("addr", "add", `${HERE}/30`, "dev", PAIR[0]);
  ip("link", "set", PAIR[0], "up");
  ip("-n", SPACE, "addr", "add", `${THERE}/30`, "dev", PAIR[1]);
  ip("-n", SPACE, "link", "set", PAIR[1], "up");
  ip("-n", SPACE, "link", "set", "lo", "up");
  const { url: ca, fingerprint } = await begin("ca", "--dir", "ca", "--port", "0", "--open")("listening");
  const open = ["--ca", ca, "--ca-fingerprint", fingerprint, "--listen", "127.0.0.1:0", "--preset", "local"];
  const members = ["ops", "eve"].map((name) => begin("agent", "--dir", name, "--name", name, ...open));
  for (const member of members) await member("ready");
  const api = ["--api-listen", `${HERE}:0`, "--api-allow", "ops", "--api-token-file", join(root, "bob.token")];
  const bob = begin("agent", "--dir", "bob", "--name", "bob", ...open, ...api);
  const { id } = await bob("ready");
  const { url } = await bob("api");
  await tried("a member that api_allow names", 0, "status", "--api", url, "--dir", "ops");
  await tried("its question by the name of the agent", 0, "members", "--api", url.replace(id, "bob"), "--dir", "ops");
  await tried("a member that it does not name", "agent-forbidden", "status", "--api", url, "--dir", "eve");
  await tried(
    "who takes it for another member",
    "it is bob",
    "status",
    "--api",
    url.replace(id, "eve"),
    "--dir",
    "ops",
  );
  const token = ["--api-token-file", "bob.token"];
  await tried("who has the token, and knows the root", 0, "info", "--api", url, ...token, "--dir", "eve");
  await tried("a stream, by upgrade", 0, "send", "ops", "hello", "--api", url, "--dir", "ops");
  await tried(
    "nobody, at a port where nobody listens",
    "agent-",
    "status",
    "--api",
    `https://${HERE}:1`,
    "--dir",
    "ops",
  );
} finally {
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(children.map((child) => child.exitCode ?? once(child, "close")));
  try {
    ip("netns", "del", SPACE);
  } catch {
    // It was never there.
  }
  rmSync(root, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;
