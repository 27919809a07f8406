/**
 * What keeps a member out of its network, or keeps it from knowing that it is out: real processes, and how long each of
 * them takes. Each scene is a network of its own.
 *
 *   npx tsc -b && node bench/staying.mjs [address] [sleep] [pause] [twice] [--json]
 *
 * address: a member's machine gets another address, the old one is gone (network namespaces, so for root alone).
 * sleep: all wall clocks go on by three hours and all timers stand still, then a newcomer enrols (libfaketime needed).
 * pause: a member is stopped for 15 s, for 31 s, and twice in a row, so that it has to wait for its return (R13).
 * twice: a copy of a member's directory is started beside it; then the member gets another certificate with `renew`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { StateDirectory } from "../dist/client/state/index.js";
import { MAIN, Process, until } from "./process.mjs";

/** Members besides whoever the scene is about. */
const MEMBERS = 4;
/** A thing that has not happened by then is told as such, milliseconds. */
const PATIENCE_MS = 30_000;
const LIBFAKETIME = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib/faketime"]
  .map((directory) => join(directory, "faketime/libfaketime.so.1"))
  .find((path) => existsSync(path));

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});

class Network {
  /** `more` are options of all members, `host` is where the authority listens. */
  static async start(count, { within = [], more = [], host = "127.0.0.1" } = {}) {
    const network = new Network();
    Object.assign(network, { within, more });
    network.dir = await mkdtemp(join(tmpdir(), "fireflies-staying-"));
    const place = ["--dir", join(network.dir, "ca"), "--host", host, "--port", "0"];
    network.ca = new Process("ca", ["ca", ...place, "--open"], within);
    network.all = [network.ca];
    network.listening = await network.ca.event("listening");
    network.members = [];
    for (let index = 0; index < count; index++) network.members.push(await network.start(`m${index}`));
    await network.isWhole();
    return network;
  }

  async start(dir, { name = dir, more = [], within = this.within } = {}) {
    const { url, fingerprint } = this.listening;
    const where = ["--dir", join(this.dir, dir), "--ca", url, "--ca-fingerprint", fingerprint, "--name", name];
    const started = new Process(dir, ["agent", ...where, ...this.more, ...more], within);
    this.all.push(started);
    const { address } = await started.event("ready");
    return Object.assign(started, { address });
  }

  isWhole(members = this.members) {
    const isWhole = () => members.every((one) => members.every((other) => other === one || one.view.has(other.id)));
    return until(members, isWhole, "views whole", PATIENCE_MS);
  }

  async stop() {
    await Promise.all(this.all.map((one) => one.end("SIGKILL")));
    await rm(this.dir, { recursive: true, force: true });
  }
}

async function sleep() {
  if (LIBFAKETIME === undefined) return tell("sleep", "skipped: libfaketime is not installed");
  const file = join(await mkdtemp(join(tmpdir(), "fireflies-clock-")), "offset");
  writeFileSync(file, "+0\n");
  const faked = [`LD_PRELOAD=${LIBFAKETIME}`, `FAKETIME_TIMESTAMP_FILE=${file}`];
  const within = ["env", ...faked, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"];
  const network = await Network.start(MEMBERS, { within });
  try {
    await delay(3000);
    writeFileSync(file, "+3h\n");
    const startedAt = performance.now();
    const newcomer = await network.start("newcomer");
    await tellWhen("a newcomer, three hours later, is in all views after", startedAt, () =>
      network.isWhole([...network.members, newcomer]),
    );
  } finally {
    await network.stop();
  }
}

/** The others in one namespace, the member that moves in another one, a cable between them. */
async function address() {
  if (process.getuid?.() !== 0) return tell("address", "skipped: network namespaces are for root alone");
  const [fixed, mobile] = [`ff-fixed-${process.pid}`, `ff-mobile-${process.pid}`];
  const ip = (...args) => execFileSync("ip", args);
  try {
    for (const name of [fixed, mobile]) ip("netns", "add", name);
    ip("link", "add", "ff0", "netns", fixed, "type", "veth", "peer", "name", "ff0", "netns", mobile);
    for (const name of [fixed, mobile]) for (const link of ["lo", "ff0"]) ip("-n", name, "link", "set", link, "up");
    ip("-n", fixed, "address", "add", "10.77.0.1/24", "dev", "ff0");
    ip("-n", mobile, "address", "add", "10.77.0.2/24", "dev", "ff0");
  } catch (error) {
    for (const name of [fixed, mobile]) spawnSync("ip", ["netns", "delete", name], { stdio: "ignore" });
    return tell("address", `skipped: no network namespaces here (${error.message.split("\n")[0]})`);
  }
  const within = ["ip", "netns", "exec", fixed];
  const network = await Network.start(MEMBERS, { within, more: ["--listen", "0.0.0.0:0"], host: "10.77.0.1" });
  try {
    const mover = await network.start("mover", { within: ["ip", "netns", "exec", mobile] });
    await network.isWhole([...network.members, mover]);
    await delay(3000);
    const startedAt = performance.now();
    ip("-n", mobile, "address", "delete", "10.77.0.2/24", "dev", "ff0");
    ip("-n", mobile, "address", "add", "10.77.0.3/24", "dev", "ff0");
    const isAtNew = ({ event, id, address: at }) =>
      ["updated", "joined"].includes(event) && id === mover.id && at.startsWith("10.77.0.3:");
    const isThere = () => network.members.every((one) => one.view.has(mover.id) && one.log.some(isAtNew));
    await tellWhen("a member whose address changed is in all views with the new one after", startedAt, () =>
      until(network.members, isThere, "in all views", PATIENCE_MS),
    );
    const failed = network.members.filter(({ log }) => log.some(({ event }) => event === "failed")).length;
    tell("of its four fellows, removed it meanwhile", failed);
  } finally {
    await network.stop();
    for (const name of [fixed, mobile]) ip("netns", "delete", name);
  }
}

async function pause() {
  for (const pauses of [[15_000], [31_000], [15_000, 15_000]]) {
    const network = await Network.start(MEMBERS);
    try {
      const stopped = network.members[1];
      for (const ms of pauses) {
        await network.isWhole();
        await delay(2000);
        stopped.child.kill("SIGSTOP");
        await delay(ms);
        stopped.child.kill("SIGCONT");
        stopped.continuedAt = performance.now();
        if (pauses.length > 1) await delay(5000);
      }
      const what = `stopped for ${pauses.map((ms) => ms / 1000).join(" s and ")} s`;
      await tellWhen(`${what}: in all views again after`, stopped.continuedAt, () =>
        until(network.members, () => isBack(network, stopped), "back", 2 * PATIENCE_MS),
      );
      await delay(8000);
      tell(`${what}: it was told`, fateOf(stopped));
    } finally {
      await network.stop();
    }
  }
}

/** All others see it, and have seen it come back since it went on. */
function isBack({ members }, stopped) {
  return members.every((one) => {
    if (one === stopped) return true;
    const last = one.log.findLast(({ event, id }) => id === stopped.id && (event === "joined" || event === "failed"));
    return last?.event === "joined";
  });
}

/** What a member was told of itself. */
function fateOf({ log }) {
  const own = log.filter(({ event }) => ["isolated", "back", "alarm"].includes(event));
  return (
    own.map(({ event, reason, code }) => [event, reason ?? code].filter(Boolean).join(" ")).join(", ") || "nothing"
  );
}

/**
 * The copy begins with the same epoch on an island of its own, so both have signed a note with it when the islands meet: the
 * member has contradicted itself, and everyone cuts it (R12).
 */
async function twice() {
  const network = await Network.start(3);
  try {
    await Promise.all(network.members.map((one) => one.end("SIGTERM")));
    cpSync(join(network.dir, "m1"), join(network.dir, "copy"), { recursive: true });
    for (const name of ["m0", "m1", "m2", "copy"]) await prepare(join(network.dir, name));
    const alone = ["--no-use-ca"];
    const [a, b] = await Promise.all(["m0", "m2"].map((name) => network.start(name, { more: alone })));
    const own = await network.start("m1", { more: ["--entry", a.address] });
    const copy = await network.start("copy", { name: "m1", more: [...alone, "--entry", b.address] });
    const bridge = await network.start("bridge", { more: ["--entry", `${a.address},${b.address}`] });
    const others = [a, b, bridge];
    await network.isWhole(others);
    await delay(10_000);
    tell("used twice: the first one was told", fateOf(own));
    tell("used twice: the copy was told", fateOf(copy));
    tell("used twice: of three others, still see it", others.filter(({ view }) => view.has(own.id)).length);
    await copy.end("SIGKILL");
    await own.end("SIGTERM");
    const again = await network.start("m1", { more: ["--entry", a.address] });
    await delay(8_000);
    tell("used twice: after a restart it was told", fateOf(again));
    const startedAt = performance.now();
    const { stdout, stderr } = spawnSync(process.execPath, [MAIN, "renew", "--dir", join(network.dir, "m1")]);
    tell("used twice: renew says", `${stdout}${stderr}`.trim());
    await tellWhen("used twice: after renew it is in all views after", startedAt, () =>
      network.isWhole([...others, again]),
    );
    tell("used twice: in the end it was told", fateOf(again));
  } finally {
    await network.stop();
  }
}

/** Knows nobody, and goes on from an epoch in the future, as after a clock that was wrong. */
async function prepare(directory) {
  await rm(join(directory, "members"), { force: true });
  const state = await StateDirectory.open(directory);
  await state.saveEpoch(BigInt(Math.ceil(Date.now() / 3_600_000 + 1) * 3_600_000));
  await state.close();
}

async function tellWhen(what, startedAt, happened) {
  const isIt = await happened().then(
    () => true,
    () => false,
  );
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  tell(what, isIt ? `${seconds} s` : `not within ${PATIENCE_MS / 1000} s`);
}

function tell(what, value) {
  console.log(values.json ? JSON.stringify({ what, value }) : `${what}: ${value}`);
}

const SCENES = { address, sleep, pause, twice };
for (const name of positionals.length > 0 ? positionals : Object.keys(SCENES)) await SCENES[name]();
