/**
 * Thirty agents with traffic between two programs and all of them: each agent is restarted, one after the other; then all are
 * killed at once and started again at other addresses, while the authority is away. What is lost, who is taken for dead by
 * mistake, and how long it takes until views are whole again. One agent records what it sees (fireflies replay opens it).
 *
 *   node bench/rolling.mjs [--members 30] [--record FILE] [--json]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client } from "../dist/client/index.js";
import { MAIN, Process, until } from "./process.mjs";

/** Between two messages, and between two publications. */
const EVERY_MS = 50;
/** How many members are tried before a message counts as lost. */
const TRIES = 3;
/** Of addresses that the file of contacts names after all have moved. */
const CONTACTS = 3;
/** For views of all processes on two cores. */
const WHOLE_MS = 120_000;

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "30" },
    record: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

class Network {
  static async start(count) {
    const network = new Network();
    network.dir = await mkdtemp(join(tmpdir(), "fireflies-rolling-"));
    network.contacts = join(network.dir, "contacts");
    await network.name([]);
    network.ca = new Process("ca", ["ca", "--dir", join(network.dir, "ca"), "--port", "0", "--open"]);
    network.listening = await network.ca.event("listening");
    network.agents = Array.from({ length: count }, (_, index) => network.spawn(`m${index}`));
    await Promise.all(network.agents.map((agent) => agent.event("ready")));
    return network;
  }

  /** At any free port: after a restart at another one. */
  spawn(name) {
    const { url, fingerprint } = this.listening;
    const place = ["--dir", join(this.dir, name), "--name", name, "--entry", `file:${this.contacts}`];
    const admin = name === "m0" ? ["--admin", "0"] : [];
    return new Process(name, ["agent", ...place, "--ca", url, "--ca-fingerprint", fingerprint, ...admin]);
  }

  program(name) {
    const { url, fingerprint } = this.listening;
    return new Client({ config: false, ca: url, caFingerprint: fingerprint, name, dir: join(this.dir, name) });
  }

  async name(addresses) {
    await writeFile(`${this.contacts}.new`, addresses.map((address) => `${address}\n`).join(""));
    await rename(`${this.contacts}.new`, this.contacts);
  }

  async stop() {
    await Promise.all([...this.agents, this.ca].map((one) => one.end("SIGKILL")));
    await rm(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Messages to agents, with fail-over to the next one, and publications from one program to the other. */
class Traffic {
  counts = { sent: 0, answered: 0, triedAgain: 0, published: 0, handled: 0, missed: 0 };
  codes = new Map();
  #ending = new AbortController();

  constructor(from, to) {
    this.from = from;
    this.to = to;
  }

  async start() {
    await Promise.all([this.from.start(), this.to.start()]);
    await this.from.waitForMembers(1);
    this.subscription = await this.to.subscribe("rolling", {
      handler: () => {
        this.counts.handled += 1;
      },
      onEvent: (event) => {
        if (event.kind === "lost") this.counts.missed += event.count;
      },
    });
    this.running = Promise.all([this.#every((number) => this.#message(number)), this.#every(() => this.#publish())]);
  }

  /** Resolves when all that is under way has ended. */
  async end() {
    this.#ending.abort();
    await this.running;
    await this.subscription.drain();
    await Promise.all([this.from.stop(), this.to.stop()]);
  }

  async #every(act) {
    const under = new Set();
    for (let number = 0; !this.#ending.signal.aborted; number++) {
      const one = act(number).finally(() => under.delete(one));
      under.add(one);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    await Promise.all(under);
  }

  async #message(number) {
    this.counts.sent += 1;
    const own = new Set([this.from.id, this.to.id]);
    for (let tried = 0; tried < TRIES; tried++) {
      const [next] = this.from.closeTo(`${number}/${tried}`, 3).filter(({ id }) => !own.has(id));
      if (next === undefined) continue;
      try {
        await this.from.sendToId(next.id, Buffer.from(String(number)));
        this.counts.answered += 1;
        this.counts.triedAgain += tried;
        return;
      } catch ({ code }) {
        this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
      }
    }
  }

  async #publish() {
    this.counts.published += 1;
    await this.from.publish("rolling", Buffer.from("x"));
  }
}

const isWhole = (agents) => agents.every((one) => agents.every((other) => other === one || one.view.has(other.id)));
const told = (agents, event) =>
  agents.reduce((sum, { log }) => sum + log.filter((one) => one.event === event).length, 0);

async function rolling(network) {
  const ended = [];
  const began = performance.now();
  for (const [index, agent] of network.agents.entries()) {
    await agent.end("SIGTERM");
    ended.push(agent);
    const again = network.spawn(agent.name);
    network.agents[index] = again;
    await again.event("ready");
  }
  tell("rolling restart", (performance.now() - began) / 1000, "s");
  await until(network.agents, () => isWhole(network.agents), "whole views after the rolling restart", WHOLE_MS);
  tell("rolling restart: failed, in all views together", told([...ended, ...network.agents], "failed"), "times");
  tell("rolling restart: suspected, in all views together", told([...ended, ...network.agents], "suspected"), "times");
}

async function allAtOnce(network) {
  const names = network.agents.map(({ name }) => name);
  const ids = network.agents.map(({ id }) => id);
  await network.ca.end("SIGKILL");
  await Promise.all(network.agents.map((agent) => agent.end("SIGKILL")));
  const began = performance.now();
  network.agents = names.map((name) => network.spawn(name));
  const first = await Promise.all(network.agents.slice(0, CONTACTS).map((agent) => agent.event("ready")));
  await network.name(first.map(({ address }) => address));
  await until(network.agents, () => isWhole(network.agents), "whole views after all were killed", WHOLE_MS);
  const at = Math.max(...network.agents.map(({ changedAt }) => changedAt));
  tell("all killed, started at other addresses, authority away: whole after", (at - began) / 1000, "s");
  tell("all killed: under their ids", network.agents.filter(({ id }, index) => id === ids[index]).length, "agents");
}

async function record(network, file) {
  const args = ["record", "--dir", join(network.dir, "m0"), "--out", file];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`record ended with ${code}`);
  const events = (await readFile(file, "utf8")).trim().split("\n").length - 1;
  tell("recorded by one agent", events, "events");
}

function tell(what, value, unit) {
  const rounded = Math.round(value * 100) / 100;
  console.log(values.json ? JSON.stringify({ what, value: rounded, unit }) : `${what}: ${rounded} ${unit}`);
}

const network = await Network.start(Number(values.members));
const traffic = new Traffic(network.program("from"), network.program("to"));
try {
  await until(network.agents, () => isWhole(network.agents), "whole views", WHOLE_MS);
  await traffic.start();
  await rolling(network);
  await traffic.end();
  const { sent, answered, triedAgain, published, handled, missed } = traffic.counts;
  tell("messages sent", sent, "");
  tell("messages lost", sent - answered, "");
  tell("messages that needed another member", triedAgain, [...traffic.codes].map((code) => code.join(" ")).join(", "));
  tell("publications", published, "");
  tell("publications lost", published - handled, `, of them told as lost ${missed}`);
  await record(network, values.record ?? join(network.dir, "rolling.jsonl"));
  await allAtOnce(network);
} finally {
  await network.stop();
}
