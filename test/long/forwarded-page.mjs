/**
 * A page of one machine in the browser of another: two agents, `fireflies forward`, `fireflies listen`, and a headless Chromium
 * that loads the page through them, runs its script, and shows what that has fetched. Prints what it did, and how long it
 * took. Without Chromium (Debian: `apt-get install chromium`) it says that it was skipped. Needs a build.
 *
 *   node test/long/forwarded-page.mjs
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];
const BROWSER_MS = 60_000;
const STARTED_MS = 60_000;
const WORDS = "the script has fetched this through two members";
const PAGE = `<!doctype html><title>page</title><p id="said">waiting</p>
<script>fetch("/words").then((answer) => answer.text()).then((text) => { document.getElementById("said").textContent = text; });</script>`;

const root = mkdtempSync(join(tmpdir(), "ff-page-"));
const children = [];

/** A command of ours, and the first event of a kind that it tells. */
function begin(...args) {
  const child = spawn(process.execPath, [PROGRAM, ...args, "--json"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const told = [];
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => told.push(JSON.parse(line)));
  return async (kind, more = () => true) => {
    for (;;) {
      const found = told.find((each) => each.event === kind && more(each));
      if (found) return found;
      await once(lines, "line", { signal: AbortSignal.timeout(STARTED_MS) });
    }
  };
}

async function browser() {
  for (const name of BROWSERS) {
    const found = await promisify(execFile)(name, ["--version"]).catch(() => undefined);
    if (found) return name;
  }
  return undefined;
}

async function serve() {
  const server = createServer((request, response) => {
    response.setHeader("content-type", request.url === "/words" ? "text/plain" : "text/html");
    response.end(request.url === "/words" ? WORDS : PAGE);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function run(name) {
  const { url, fingerprint } = await begin("ca", "--dir", "ca", "--port", "0", "--open")("listening");
  const agent = (who) =>
    begin(
      "agent",
      "--dir",
      who,
      "--name",
      who,
      "--ca",
      url,
      "--ca-fingerprint",
      fingerprint,
      "--listen",
      "127.0.0.1:0",
    );
  const [ann, bob] = [agent("ann"), agent("bob")];
  await Promise.all([ann("ready"), bob("ready")]);
  await ann("joined", (told) => told.name === "bob");
  const server = await serve();
  const target = `127.0.0.1:${server.address().port}`;
  await begin("forward", "--dir", "bob", "--protocol", "/x/http", "--target", target)("forwarding");
  const listening = ["--protocol", "/x/http", "--listen", "127.0.0.1:0"];
  const { address } = await begin("listen", "--dir", "ann", "--to", "bob", ...listening)("listening");
  const since = performance.now();
  const flags = [
    "--headless",
    "--disable-gpu",
    "--virtual-time-budget=10000",
    `--user-data-dir=${join(root, "profile")}`,
  ];
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const { stdout } = await promisify(execFile)(name, [...flags, ...sandbox, "--dump-dom", `http://${address}/`], {
    timeout: BROWSER_MS,
    env: { ...process.env, HOME: root },
  });
  server.close();
  server.closeAllConnections();
  if (!stdout.includes(WORDS)) throw new Error(`the browser shows something else: ${stdout}`);
  const ms = Math.round(performance.now() - since);
  console.log(`${name} has loaded http://${address}/ through two agents from ${target} in ${ms} ms`);
}

try {
  const name = await browser();
  if (name === undefined) console.log(`skipped: there is no ${BROWSERS.join(", ")} here (apt-get install chromium)`);
  else await run(name);
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
}
