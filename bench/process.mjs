/** One process under measurement: what it tells line by line, when, and the view that follows from it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
/** For anything to happen, milliseconds. */
export const DEADLINE_MS = 60_000;

/** Any program; `eventOf` turns a line of its output into an event, or undefined. */
export class Watched {
  constructor(name, [file, ...args], eventOf) {
    this.name = name;
    this.view = new Set();
    this.log = [];
    this.waiting = [];
    this.child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.child.stdout }).on("line", (line) => this.#take(eventOf(line)));
  }

  #take(event) {
    if (!event) return;
    const at = performance.now();
    this.log.push({ ...event, at });
    if (event.event === "ready") Object.assign(this, { id: event.id, readyAt: at });
    if (event.event === "joined") this.view.add(event.id);
    if (event.event === "left" || event.event === "failed") this.view.delete(event.id);
    this.changedAt = at;
    for (const wake of this.waiting.splice(0)) wake();
  }

  async event(name) {
    for (;;) {
      const found = this.log.find((entry) => entry.event === name);
      if (found) return found;
      await new Promise((resolve) => this.waiting.push(resolve));
    }
  }

  async end(signal = "SIGKILL") {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, "exit");
    this.child.kill("SIGCONT");
    this.child.kill(signal);
    await exit;
  }
}

/** The built command; it ends when this program does, however that ends. `within`: what comes before it, as in netns.mjs. */
export class Process extends Watched {
  constructor(name, args, within = []) {
    super(name, [...within, process.execPath, MAIN, ...args, "--json", "--while-stdin"], JSON.parse);
  }
}

/** Resolves when the condition holds, asked after each event of these; rejects with what they have told so far. */
export async function until(processes, condition, what, deadlineMs = DEADLINE_MS) {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    const left = end - performance.now();
    if (left <= 0) throw new Error(`not within ${deadlineMs} ms: ${what}\n${processes.map(describe).join("\n")}`);
    const changed = Promise.race(processes.map((one) => new Promise((resolve) => one.waiting.push(resolve))));
    await Promise.race([changed, new Promise((resolve) => setTimeout(resolve, Math.min(left, 1000)))]);
  }
}

function describe({ name, view, log }) {
  const counts = {};
  for (const { event } of log) counts[event] = (counts[event] ?? 0) + 1;
  return `${name}: view of ${view.size}, ${JSON.stringify(counts)}`;
}
