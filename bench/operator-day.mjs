/**
 * A day in the life of an authority's operator, with the commands that one types: exits with 0 and one line per step
 * when all of it works, and with 1 at the first step that does not. It ends with a fleet's morning.
 *
 *   npm run -s operator-day
 *   npm run -s build && node bench/operator-day.mjs --fleet 10      # with a smaller fleet, or 0: none
 *   node bench/operator-day.mjs --fleet 0 --short     # neither fleet, nor what waits for certificates to age and for many commands
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fleetSteps } from "./support/fleet-morning.mjs";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const { values } = parseArgs({
  options: { fleet: { type: "string", default: "50" }, short: { type: "boolean", default: false } },
});
/** Steps that `--short` leaves out. */
const LONG = ["renew", "rotate the intermediate"];
/** For whatever a step waits for, milliseconds: machines of CI are slow. */
const DEADLINE_MS = 120_000;
/** Short, so that certificates are renewed today; long enough that nobody does so by itself. */
const LIFETIME_SECONDS = 90;
/** A renewal in the first tenth of a life answers with the same certificate. */
const FRESH_MS = (LIFETIME_SECONDS * 1_000) / 10;
const PASSPHRASE = "correct horse battery staple";
const env = { ...process.env, FIREFLIES_CA_PASSPHRASE: PASSPHRASE };

class Process {
  constructor(name, args) {
    this.name = name;
    this.log = [];
    this.waiting = [];
    this.view = new Set();
    // It ends when this program does, however that ends.
    this.child = spawn(process.execPath, [MAIN, ...args, "--json", "--while-stdin"], { env, stdio: "pipe" });
    this.complaints = "";
    this.child.stderr.on("data", (data) => {
      this.complaints += data;
    });
    this.child.once("exit", () => this.#wake());
    createInterface({ input: this.child.stdout }).on("line", (line) => this.#take(JSON.parse(line)));
  }

  #take(event) {
    this.log.push(event);
    if (event.event === "ready") this.id = event.id;
    if (event.event === "joined") this.view.add(event.id);
    if (event.event === "left" || event.event === "failed") this.view.delete(event.id);
    this.#wake();
  }

  #wake() {
    for (const wake of this.waiting.splice(0)) wake();
  }

  async until(condition, what) {
    const deadline = performance.now() + DEADLINE_MS;
    while (!condition()) {
      if (this.child.exitCode !== null) throw new Error(`${this.name} has ended: ${this.complaints}`);
      if (performance.now() > deadline) throw new Error(`${this.name}: not within ${DEADLINE_MS} ms: ${what}`);
      let timer;
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, 1_000);
      });
      await Promise.race([new Promise((resolve) => this.waiting.push(resolve)), late]);
      clearTimeout(timer);
    }
  }

  async event(name) {
    await this.until(() => this.log.some(({ event }) => event === name), name);
    return this.log.find(({ event }) => event === name);
  }

  async end(signal) {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, "exit");
    this.child.kill(signal);
    await exit;
  }
}

/** Runs a command, and returns what it said in JSON: one document, or one per line. */
async function command(...args) {
  const child = spawn(process.execPath, [MAIN, ...args, "--json"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].on("data", (data) => {
      texts[name] += data;
    });
  }
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`fireflies ${args.join(" ")}: exit code ${code}: ${texts.stderr}`);
  const lines = texts.stdout
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return lines.length === 1 ? lines[0] : lines;
}

/** What anyone may ask of the authority. */
function get(path) {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, rejectUnauthorized: false };
    const sent = request(options, async (response) => {
      const chunks = await response.toArray();
      resolve(Buffer.concat(chunks));
    });
    sent.on("error", reject).end();
  });
}

function must(condition, what) {
  if (!condition) throw new Error(what);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const at = performance.now();
const root = await mkdtemp(join(tmpdir(), "fireflies-day-"));
const [caDir, vault, backup, list] = ["ca", "vault", "ca.backup", "revocations.json"].map((name) => join(root, name));
const running = [];
let ca;
let port = "0";
const members = new Map();

function start(name, args) {
  const started = new Process(name, args);
  running.push(started);
  return started;
}

/** Asks again and again. */
async function until(condition, what, everyMs) {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await sleep(everyMs);
  }
}

async function serve() {
  const options = ["--num-rings", "5", "--delta", "0.5", "--certificate-lifetime", String(LIFETIME_SECONDS)];
  ca = start("ca", ["ca", "--dir", caDir, "--port", port, ...options]);
  const listening = await ca.event("listening");
  port = new URL(listening.url).port;
  return listening;
}

async function admit(name) {
  const { token } = await command("ca", "token", name, "--dir", caDir);
  const member = start(name, ["agent", "--dir", join(root, name), "--join", token, "--preset", "local"]);
  await member.event("ready");
  members.set(name, member);
  await wholeNetwork();
  return member;
}

async function wholeNetwork() {
  const all = [...members.values()];
  for (const one of all) {
    const others = all.filter((other) => other !== one);
    const isWhole = () => one.view.size === others.length && others.every(({ id }) => one.view.has(id));
    await one.until(isWhole, `sees exactly ${others.length} others`);
  }
}

/** Serial number of the newest certificate, and which intermediate signed it. */
async function newest(name) {
  const { certificates } = await command("ca", "show", name, "--dir", caDir);
  return certificates.at(-1);
}

async function renewAll() {
  for (const name of members.keys()) await command("renew", "--dir", join(root, name));
}

const STEPS = [
  ["init", async () => `root ${(await serve()).fingerprint.slice(0, 16)}`],
  [
    "root's key to the vault",
    async () => {
      const copy = join(vault, "root.key.pem");
      await mkdir(vault, { mode: 0o700 });
      await command("ca", "root", "export", "--out", copy, "--dir", caDir);
      await command("ca", "root", "remove", "--copy", copy, "--dir", caDir);
      must(!existsSync(join(caDir, "root.key.pem")), "the root's key is still there");
      return "and no longer in the authority's directory";
    },
  ],
  [
    "token",
    async () => {
      const { token } = await command("ca", "token", "spare", "--dir", caDir);
      await command("ca", "token", "mistake", "--dir", caDir);
      await command("ca", "cancel", "mistake", "--dir", caDir);
      const open = await command("ca", "tokens", "--dir", caDir);
      must(open.name === "spare", "one open token, the other taken back");
      return `one-time, for the name "spare": ${token.slice(0, 12)}...; one for "mistake" taken back`;
    },
  ],
  [
    "three members join",
    async () => {
      for (const name of ["alice", "bob", "carol"]) await admit(name);
      return [...members.values()].map(({ id }) => id.slice(0, 12)).join(", ");
    },
  ],
  [
    "list",
    async () => {
      const all = await command("ca", "list", "--dir", caDir);
      must(all.length === 3 && all.every(({ status }) => status === "active"), "three active members");
      const { rings } = await command("ca", "show", "alice", "--dir", caDir);
      must(rings.length === 5 && rings.every(({ successor }) => successor), "a neighbour on every ring");
      return all.map(({ principal, addresses }) => `${principal} at ${addresses[0]}`).join(", ");
    },
  ],
  [
    "renew",
    async () => {
      const before = await newest("alice");
      await sleep(FRESH_MS);
      await renewAll();
      const after = await newest("alice");
      must(before.serial !== after.serial && after.how === "renewal", "alice has a new certificate");
      await wholeNetwork();
      return `alice from ${before.serial.slice(0, 14)} to ${after.serial.slice(0, 14)}, the same id`;
    },
  ],
  [
    "rotate the intermediate",
    async () => {
      const before = await newest("bob");
      const rotate = (...args) => command("ca", "rotate", ...args, "--dir", caDir);
      await rotate("prepare", "--root-key", join(vault, "root.key.pem"));
      await rotate("activate");
      await sleep(1_500); // The running authority looks once a second.
      await renewAll();
      const after = await newest("bob");
      must(before.issuer !== after.issuer, "bob has a certificate of the new intermediate");
      const issuers = await rotate("retire");
      must(issuers.map(({ state }) => state).join() === "retired,active", "the old one is retired");
      await wholeNetwork();
      must(
        [...members.values()].every(({ log }) => !log.some(({ event }) => event === "failed")),
        "nobody was out",
      );
      return `${before.issuer.slice(0, 12)} retired, ${after.issuer.slice(0, 12)} signs, nobody was out`;
    },
  ],
  [
    "revoke one",
    async () => {
      const carol = members.get("carol");
      await command("ca", "revoke", "carol", "--dir", caDir);
      const revoked = performance.now();
      members.delete("carol");
      await wholeNetwork();
      await carol.event("isolated");
      await carol.end("SIGTERM");
      const { crl } = await command("ca", "crl", "--dir", caDir);
      must(crl.includes("BEGIN X509 CRL"), "a list in X.509");
      return `carol is out of all views ${Math.round(performance.now() - revoked)} ms later`;
    },
  ],
  [
    "audit verify",
    async () => {
      const { ok, entries } = await command("ca", "audit", "verify", "--dir", caDir);
      must(ok && entries > 10, "an audit that holds");
      return `${entries} entries hold`;
    },
  ],
  [
    "backup",
    async () => {
      const { rows } = await command("ca", "backup", backup, "--dir", caDir);
      await writeFile(list, await get("/v1/revocations")); // As a monitor keeps it: it proves itself.
      return `${rows} records, while the authority serves; the revocation list beside it`;
    },
  ],
  [
    "kill",
    async () => {
      await ca.end("SIGKILL");
      await rename(caDir, `${caDir}.lost`);
      await wholeNetwork();
      return "kill -9, and the directory is gone; members do not notice";
    },
  ],
  [
    "restore",
    async () => {
      await command("ca", "restore", backup, "--list", list, "--dir", caDir);
      await serve();
      const all = await command("ca", "list", "--dir", caDir);
      const status = Object.fromEntries(all.map((member) => [member.principal, member.status]));
      must(status.alice === "active" && status.carol === "revoked", "the revocation is not forgotten");
      await renewAll();
      return "serves again, and carol is still out";
    },
  ],
  [
    "join another",
    async () => {
      const dave = await admit("dave");
      const refused = await command("ca", "token", "carol", "--dir", caDir).catch(({ message }) => message);
      must(String(refused).includes("principal-revoked"), "no token for carol");
      return `${dave.id.slice(0, 12)}; no token for carol`;
    },
  ],
  [
    "audit verify",
    async () => {
      const { ok, entries } = await command("ca", "audit", "verify", "--dir", caDir);
      must(ok, "an audit that holds");
      return `${entries} entries hold, over the restore`;
    },
  ],
];

const fleet = fleetSteps({ root, command, serve: start, must, until, count: Number(values.fleet) });

try {
  const steps = STEPS.filter(([name]) => !values.short || !LONG.includes(name));
  for (const [name, step] of [...steps, ...(values.fleet === "0" ? [] : fleet.steps)]) {
    const began = performance.now();
    const said = await step();
    console.log(`${name.padEnd(24)} ok  ${String(Math.round(performance.now() - began)).padStart(6)} ms  ${said}`);
  }
  console.log(`${"the whole day".padEnd(24)} ok  ${String(Math.round(performance.now() - at)).padStart(6)} ms`);
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await fleet.end();
  await Promise.all(running.map((one) => one.end("SIGKILL")));
  await rm(root, { recursive: true, force: true });
}
