/**
 * Directories that are not as they should be, given to the real commands: how each ends, after how long, and with which code.
 * A process that is still there and says nothing is told with the processor time that it took, and whether SIGTERM ends it.
 *
 *   npx tsc -b && node bench/directories.mjs [--only TEXT] [--json]      (as root for all of them: mounts, other users)
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { MAIN, Process } from "./process.mjs";

/** For a command to say or do anything, milliseconds. */
const PATIENCE_MS = 15_000;
/** How long SIGTERM may take, milliseconds. */
const TERM_MS = 8_000;
/** A user that owns nothing here, as Debian's "nobody". */
const STRANGER = 65_534;
/** Of a full disk in small. */
const SMALL = "256k";
const ENOUGH = "2m";

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, json: { type: "boolean", default: false } },
});
const isRoot = process.getuid?.() === 0;

/** The directory of each case is `dir`; `base` is a directory above it, for mounts and neighbours. */
const fifo = (path) => {
  rmSync(path, { force: true });
  execFileSync("mkfifo", ["-m", "600", path]);
};
const over = (path, make) => {
  rmSync(path, { force: true, recursive: true });
  make(path);
};
/** Puts what `dir` holds on a file system of its own of this size. */
function onDisk(dir, size) {
  const kept = `${dir}.kept`;
  renameSync(dir, kept);
  mkdirSync(dir);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", dir]);
  cpSync(kept, dir, { recursive: true });
}
function fill(dir) {
  const chunk = Buffer.alloc(4096);
  try {
    for (;;) writeFileSync(join(dir, "filler"), chunk, { flag: "a" });
  } catch {
    // Full.
  }
}

const BOTH = [
  ["is a file", (dir) => over(dir, (path) => writeFileSync(path, "no directory"))],
  ["is a FIFO", (dir) => over(dir, fifo)],
  ["is a dangling symlink", (dir) => over(dir, (path) => symlinkSync("/nowhere/there", path))],
  ["is a loop of symlinks", (dir) => over(dir, (path) => symlinkSync(path, path))],
  ["lies below a file", (dir) => over(dir, (path) => writeFileSync(path, "")), (dir) => join(dir, "x")],
  ["lies below /proc", undefined, () => "/proc/x"],
  ["lies deep below /proc", undefined, () => "/proc/x/y/z"],
  ["lies below /proc/self/fd", undefined, () => "/proc/self/fd/77/x"],
  ["lies below /sys", undefined, () => "/sys/x"],
  ["is /dev/null", undefined, () => "/dev/null"],
  ["has a name of 300 characters", undefined, (dir) => join(dir, "x".repeat(300))],
  ["may be written by its group", (dir) => chmodSync(dir, 0o770)],
  ["may be written by all", (dir) => chmodSync(dir, 0o707)],
  ["is of another user", (dir) => chownSync(dir, STRANGER, STRANGER), undefined, { root: true }],
  [
    "is mounted read-only",
    (dir) => {
      onDisk(dir, ENOUGH);
      execFileSync("mount", ["-o", "remount,ro", dir]);
    },
    undefined,
    { root: true },
  ],
  [
    "is on a full disk",
    (dir) => {
      onDisk(dir, SMALL);
      fill(dir);
    },
    undefined,
    { root: true },
  ],
  [
    "has no inode left",
    (dir) => {
      onDisk(dir, `${ENOUGH},nr_inodes=${readdirSync(dir).length + 1}`);
    },
    undefined,
    { root: true },
  ],
];
const MEMBERS = [
  ...["lock", "epoch", "members", "key.pem", "certificate.pem", "root.pem", "authority.json", "control.path"].flatMap(
    (file) => [
      [`has a FIFO as ${file}`, (dir) => fifo(join(dir, file))],
      [`has a directory as ${file}`, (dir) => over(join(dir, file), mkdirSync)],
      [
        `has a dangling symlink as ${file}`,
        (dir) => over(join(dir, file), (path) => symlinkSync("/nowhere/there", path)),
      ],
      [`has /dev/zero as ${file}`, (dir) => over(join(dir, file), (path) => symlinkSync("/dev/zero", path))],
    ],
  ),
  ["has a directory as control.sock", (dir) => over(join(dir, "control.sock"), mkdirSync)],
  ["has a lock of a process that lives", (dir) => writeFileSync(join(dir, "lock"), lockOf(process.pid))],
  [
    "is on a full disk, before it is enrolled",
    (dir) => {
      for (const name of readdirSync(dir)) rmSync(join(dir, name));
      onDisk(dir, SMALL);
      fill(dir);
    },
    undefined,
    { root: true },
  ],
  [
    "is an authority's",
    (dir, base) => over(dir, (path) => cpSync(join(base, "ca.template"), path, { recursive: true })),
  ],
];
const AUTHORITIES = [
  ...[
    "ca.db",
    "ca.lock",
    "ca.mark",
    "root.pem",
    "root.key.pem",
    "issuing.pem",
    "issuing.key.pem",
    "initialising",
  ].flatMap((file) => [
    [`has a FIFO as ${file}`, (dir) => fifo(join(dir, file))],
    [`has a directory as ${file}`, (dir) => over(join(dir, file), mkdirSync)],
    [
      `has a dangling symlink as ${file}`,
      (dir) => over(join(dir, file), (path) => symlinkSync("/nowhere/there", path)),
    ],
  ]),
  [
    "is a member's",
    (dir, base) => over(dir, (path) => cpSync(join(base, "member.template"), path, { recursive: true })),
  ],
];

function lockOf(pid) {
  const start = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ")[19];
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  const realm = `${boot} ${execFileSync("readlink", ["/proc/self/ns/pid"], { encoding: "latin1" }).trim()}`;
  return `${JSON.stringify({ nonce: "ab", pid, start, realm })}\n`;
}

/** Seconds of processor time that a process has taken. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function outcomeOf(args) {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args, "--json"], { stdio: ["ignore", "pipe", "pipe"] });
  const events = [];
  let complaint = "";
  createInterface({ input: child.stdout }).on("line", (line) => events.push(JSON.parse(line)));
  child.stderr.on("data", (text) => (complaint += text));
  const exit = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
  const isUp = async () => {
    while (!events.some(({ event }) => event === "ready" || event === "listening")) await delay(50);
    await delay(500);
    return "up";
  };
  const waited = new AbortController();
  const ended = await Promise.race([exit, isUp(), delay(PATIENCE_MS, "silent", { signal: waited.signal })]);
  waited.abort();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (ended !== "up" && ended !== "silent")
    return `exit ${ended} after ${seconds} s: ${complaint.trim().split("\n").slice(0, 2).join(" | ")}`;
  const alarms = events.flatMap(({ event, code }) => (event === "alarm" ? [code] : [])).join(", ");
  const cpu = ended === "silent" ? `, ${cpuOf(child.pid)} s of processor time` : "";
  child.kill("SIGTERM");
  const last = await Promise.race([exit, delay(TERM_MS, "deaf")]);
  if (last === "deaf") child.kill("SIGKILL");
  await exit;
  const how = ended === "up" ? `runs${alarms && ` with alarms ${alarms}`}` : `says nothing for ${seconds} s${cpu}`;
  return `${how}; SIGTERM: ${last === "deaf" ? "deaf" : "ends it"}`;
}

async function trial(kind, [what, spoil, place, { root = false } = {}], base, argsFor) {
  const name = `${kind}'s directory ${what}`;
  if (!name.includes(values.only)) return;
  if (root && !isRoot) return tell(name, "skipped: for root alone");
  const dir = join(base, "place");
  cpSync(join(base, `${kind === "a member" ? "member" : "ca"}.template`), dir, { recursive: true });
  try {
    spoil?.(dir, base);
    tell(name, (await outcomeOf(argsFor(place ? place(dir) : dir))).replaceAll(base, "..."));
  } finally {
    spawnSync("umount", ["-q", dir], { stdio: "ignore" });
    for (const left of [dir, `${dir}.kept`]) rmSync(left, { recursive: true, force: true });
  }
}

function tell(what, value) {
  console.log(values.json ? JSON.stringify({ what, value }) : `${what}: ${value}`);
}

const base = await mkdtemp(join(tmpdir(), "fireflies-directories-"));
const ca = new Process("ca", ["ca", "--dir", join(base, "ca.running"), "--port", "0", "--open"]);
try {
  const { url, fingerprint } = await ca.event("listening");
  const open = ["--ca", url, "--ca-fingerprint", fingerprint, "--name", "alice"];
  const first = new Process("alice", ["agent", "--dir", join(base, "member.template"), ...open]);
  await first.event("ready");
  await first.end("SIGTERM");
  const other = new Process("ca", ["ca", "--dir", join(base, "ca.template"), "--port", "0"]);
  await other.event("listening");
  await other.end("SIGTERM");
  for (const one of [...BOTH, ...MEMBERS])
    await trial("a member", one, base, (dir) => ["agent", "--dir", dir, ...open]);
  for (const one of [...BOTH, ...AUTHORITIES])
    await trial("an authority", one, base, (dir) => ["ca", "--dir", dir, "--port", "0"]);
} finally {
  await ca.end();
  await rm(base, { recursive: true, force: true });
}
