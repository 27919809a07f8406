// Members in the lab: an authority and relays that can be dialled, and members behind NATs, each a process in a namespace.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NatLab } from "../../support/nat-lab.mjs";

const MAIN = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const MEMBER = fileURLToPath(new URL("./member.mjs", import.meta.url));
/** Networks that let nothing but HTTPS out reach these ports. */
const PORT = 443;
/** For anything to happen, milliseconds. */
const PATIENCE_MS = 60_000;

class Told {
  #log = [];
  #waiting = new Set();

  constructor(child) {
    createInterface(child.stdout).on("line", (line) => {
      this.#log.push({ at: performance.now(), ...JSON.parse(line) });
      for (const wake of this.#waiting) wake();
    });
  }

  get log() {
    return this.#log;
  }

  /** The first that fits, now or later. */
  async first(isIt, what, patienceMs = PATIENCE_MS) {
    const until = performance.now() + patienceMs;
    for (;;) {
      const found = this.#log.find(isIt);
      if (found) return found;
      const left = until - performance.now();
      if (left <= 0) throw new Error(`${what} did not come in ${patienceMs / 1000} s`);
      await new Promise((done) => {
        const timer = setTimeout(wake, left);
        const waiting = this.#waiting;
        function wake() {
          clearTimeout(timer);
          waiting.delete(wake);
          done();
        }
        waiting.add(wake);
      });
    }
  }
}

/** A member's process, wherever it runs. */
export class LabMember {
  #child;
  #told;
  #count = 0;

  #again;

  /** `again`: starts the same identity another time. */
  constructor(name, child, again) {
    this.name = name;
    this.#child = child;
    this.#again = again;
    this.#told = new Told(child);
    child.stderr.on("data", (text) => process.stderr.write(`${name}: ${text}`));
  }

  get log() {
    return this.#told.log;
  }

  /** The first event that fits, that it has told or will tell. */
  first(isIt, what, patienceMs) {
    return this.#told.first(isIt, `${this.name}: ${what}`, patienceMs);
  }

  async ready() {
    const { id, address } = await this.#told.first(({ event }) => event === "ready", `${this.name}: "ready"`);
    Object.assign(this, { id, address });
    return this;
  }

  /** The answer; what went wrong stands in `error`. */
  async ask(what, more = {}) {
    const number = ++this.#count;
    this.#child.stdin.write(`${JSON.stringify({ number, what, ...more })}\n`);
    const isIt = (each) => each.event === "done" && each.number === number;
    return await this.#told.first(isIt, `${this.name}: ${what}`, more.withinMs);
  }

  /** Asks until the answer fits; the last one otherwise. */
  async until(what, more, isIt, withinMs) {
    const startedAt = performance.now();
    for (;;) {
      const answer = await this.ask(what, more);
      const afterMs = performance.now() - startedAt;
      if (isIt(answer) || afterMs > withinMs) return { ...answer, afterMs, isIt: isIt(answer) };
      await new Promise((done) => setTimeout(done, 25));
    }
  }

  /** After it was killed: the same member, in another process. */
  again() {
    return this.#again();
  }

  kill(signal = "SIGKILL") {
    this.#child.kill(signal);
  }
}

export class LabNetwork {
  #lab;
  #children = [];
  #dir = mkdtempSync(join(tmpdir(), "fireflies-nat-"));
  #ca;
  #entries = [];

  constructor(options) {
    this.#lab = new NatLab(options);
  }

  get lab() {
    return this.#lab;
  }

  /** An authority, and so many members that anybody can dial. */
  async open(relays, rings = 9) {
    const [host] = this.#lab.site("public").hosts;
    const args = ["ca", "--dir", join(this.#dir, "ca"), "--open", "--num-rings", String(rings), "--json"];
    const child = host.spawn([MAIN, ...args, "--host", host.address, "--port", String(PORT)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#children.push(child);
    const { url, fingerprint } = await new Told(child).first(({ event }) => event === "listening", "the authority");
    this.#ca = { ca: url, caFingerprint: fingerprint };
    const members = [];
    for (let index = 0; index < relays; index++) {
      const [place] = this.#lab.site("public").hosts;
      const member = await this.start(`relay-${index}`, place, { listen: `${place.address}:${PORT}` });
      this.#entries.push(member.address);
      members.push(member);
    }
    return members;
  }

  /** A member on a host. */
  start(name, host, options = {}) {
    const entryAddrs = [...this.#entries];
    const dir = join(this.#dir, name);
    const all = { config: false, dir, name, listen: "0.0.0.0:0", preset: "lan", entryAddrs, ...this.#ca, ...options };
    const again = () => {
      const child = host.spawn([MEMBER, JSON.stringify(all)], { stdio: ["pipe", "pipe", "pipe"] });
      this.#children.push(child);
      return new LabMember(name, child, again).ready();
    };
    return again();
  }

  close() {
    for (const child of this.#children) child.kill("SIGKILL");
    this.#lab.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
