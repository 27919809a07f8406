/** The processes of the lab of rendezvous: the server, and ends that are asked by lines. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const PORT = 443;
const PIPES = { stdio: ["pipe", "pipe", "inherit"] };

export async function startServer(host) {
  const child = host.spawn([file("./server.mjs"), host.address, String(PORT)], PIPES);
  await once(child.stdout, "data");
  return child;
}

export class LabEnd {
  #child;
  #waiting = new Map();
  #count = 0;

  /** `program`: "ours", or "once", a foreign one that dials each address once. */
  constructor(host, program, server) {
    const args = [server, String(PORT)];
    this.#child =
      program === "ours"
        ? host.spawn([file("./end.mjs"), ...args], PIPES)
        : host.run("python3", [file("./once.py"), ...args], PIPES);
    createInterface(this.#child.stdout).on("line", (line) => {
      const answer = JSON.parse(line);
      this.#waiting.get(answer.number)?.(answer);
      this.#waiting.delete(answer.number);
    });
  }

  ask(what) {
    const number = ++this.#count;
    this.#child.stdin.write(`${JSON.stringify({ number, ...what })}\n`);
    return new Promise((done) => this.#waiting.set(number, done));
  }

  kill(signal) {
    this.#child.kill(signal);
  }
}
