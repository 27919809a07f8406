/**
 * Two networks of real processes that are measured beside each other: ours with an authority, and Serf's. Both have
 * `members` (each with a view, a log and the time of its last change); who was removed is among `started` still.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Process, until, Watched } from "../process.mjs";

/** For fifty processes to start on two cores that do other things as well, milliseconds. */
const START_DEADLINE_MS = 180_000;
const SERF_PORT = 7946;
const SERF_RPC_PORT = 7373;

/** Where members run: all on the loopback of one namespace ... */
export function onLoopback(namespace) {
  const place = (index) => ({ within: namespace.within, address: `127.0.${1 + (index >> 7)}.${1 + (index & 127)}` });
  return { place, authority: { within: namespace.within, address: "127.0.0.1" } };
}

/** ... or each on a host of its own. */
export function onHosts({ hosts, router, address }) {
  const place = (index) => ({ within: hosts[index].namespace.within, address: hosts[index].address });
  return { place, authority: { within: router.within, address } };
}

export class Ours {
  name = "ours";
  members = [];
  started = [];

  constructor(where) {
    this.where = where;
  }

  async start(count) {
    this.dir = await mkdtemp(join(tmpdir(), "fireflies-bench-"));
    const { within, address } = this.where.authority;
    const args = ["ca", "--dir", join(this.dir, "ca"), "--host", address, "--port", "0", "--open"];
    this.ca = new Process("ca", args, within);
    this.listening = await this.ca.event("listening");
    for (let index = 0; index < count; index++) this.started.push(this.#member(index));
    this.members = this.started;
    return await whole(this);
  }

  #member(index) {
    const { url, fingerprint } = this.listening;
    const { within, address } = this.where.place(index);
    const identity = ["--dir", join(this.dir, `m${index}`), "--name", `m${index}`];
    const authority = ["--ca", url, "--ca-fingerprint", fingerprint];
    const member = new Process(`m${index}`, ["agent", ...identity, ...authority, "--listen", `${address}:0`], within);
    return Object.assign(member, { index });
  }

  async stop() {
    if (!this.dir) return;
    await Promise.all([...this.started, this.ca].map((one) => one?.end("SIGKILL")));
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Serf with the LAN timing that it has by default. */
export class Serf {
  name = "serf";
  members = [];
  started = [];

  constructor(where) {
    this.where = where;
  }

  async start(count) {
    for (let index = 0; index < count; index++) {
      this.started.push(this.#member(index));
      if (index === 0) await this.started[0].event("joined"); // Everybody joins by the first one.
    }
    this.members = this.started;
    return await whole(this);
  }

  #member(index) {
    const { within, address } = this.where.place(index);
    const args = ["-node", `s${index}`, "-bind", `${address}:${SERF_PORT}`, "-rpc-addr", `${address}:${SERF_RPC_PORT}`];
    const join = index === 0 ? [] : ["-join", `${this.where.place(0).address}:${SERF_PORT}`];
    // Ends when this program does, however that ends.
    const command = [...within, "setpriv", "--pdeathsig", "KILL", "serf", "agent", ...args, ...join];
    const member = new Watched(`s${index}`, command, serfEvent);
    return Object.assign(member, { index, id: `s${index}` });
  }

  async stop() {
    await Promise.all(this.started.map((one) => one.end("SIGKILL")));
  }
}

export function hasSerf() {
  try {
    execFileSync("serf", ["version"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}

/** Its own log names what its application would be told, and when. */
function serfEvent(line) {
  const found = /EventMember(Join|Failed|Leave|Reap): (\S+)/.exec(line);
  return found ? { event: { Join: "joined", Failed: "failed" }[found[1]] ?? "left", id: found[2] } : undefined;
}

const isWhole = (members) => members.every((one) => members.every((other) => other === one || one.view.has(other.id)));

/** Milliseconds from the first start to whole views, and from the last member's own readiness. */
async function whole({ members, name }) {
  const start = performance.now();
  await until(members, () => isWhole(members), `${name}: views whole`, START_DEADLINE_MS);
  const at = Math.max(...members.map((one) => one.changedAt));
  const ready = Math.max(...members.map((one) => one.readyAt ?? one.log[0].at));
  return { afterStart: at - start, afterReady: Math.max(0, at - ready) };
}

/** Milliseconds from now until the victim is out of the view of the first and of all others. */
export async function removal(network, victim, strike) {
  const others = network.members.filter((one) => one !== victim);
  network.members = others;
  const start = performance.now();
  await strike(victim);
  await until(others, () => others.every((one) => !one.view.has(victim.id)), `${network.name}: removal`);
  const at = others.map((one) => one.log.findLast((entry) => entry.event === "failed" && entry.id === victim.id).at);
  return { first: Math.min(...at) - start, all: Math.max(...at) - start };
}
