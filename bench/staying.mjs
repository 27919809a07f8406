/**
 * What keeps a member out of its network, or keeps it from knowing that it is out: real processes, and how long each of
 * them takes. Each scene is a network of its own.
 *
 *   npx tsc -b && node bench/staying.mjs [sleep] [--json]
 *
 * sleep: all wall clocks go on by three hours and all timers stand still, then a newcomer enrols (libfaketime needed).
 */
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Process, until } from "./process.mjs";

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
  static async start(count, within = []) {
    const network = new Network();
    network.within = within;
    network.dir = await mkdtemp(join(tmpdir(), "fireflies-staying-"));
    network.ca = new Process("ca", ["ca", "--dir", join(network.dir, "ca"), "--port", "0", "--open"], within);
    network.all = [network.ca];
    network.listening = await network.ca.event("listening");
    network.members = [];
    for (let index = 0; index < count; index++) network.members.push(await network.start(`m${index}`));
    await network.isWhole();
    return network;
  }

  async start(name, { dir = name, more = [] } = {}) {
    const { url, fingerprint } = this.listening;
    const where = ["--dir", join(this.dir, dir), "--ca", url, "--ca-fingerprint", fingerprint, "--name", dir];
    const started = new Process(name, ["agent", ...where, ...more], this.within);
    this.all.push(started);
    await started.event("ready");
    return started;
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
  const network = await Network.start(MEMBERS, within);
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

const SCENES = { sleep };
for (const name of positionals.length > 0 ? positionals : Object.keys(SCENES)) await SCENES[name]();
