/** Children of a bench that answer questions over IPC: each side of a measurement is a process of its own. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Everyone speaks TLS 1.3 only, whoever makes the context. */
const EXEC_ARGV = ["--tls-min-v1.3"];
/** For one answer, milliseconds: the longest measurement takes minutes. */
const ANSWER_MS = 600_000;
/** From its parent's goodbye to its end, milliseconds; then it is killed. */
const END_MS = 10_000;

export class Child {
  #next = 1;
  #waiting = new Map();

  /** BENCH_NODE_ARGS are further arguments of node: "--cpu-prof --cpu-prof-dir=profiles --cpu-prof-name=NAME.cpuprofile". */
  constructor(file, name) {
    const extra = process.env.BENCH_NODE_ARGS?.replaceAll("NAME", name).split(" ") ?? [];
    const path = fileURLToPath(new URL(file, import.meta.url));
    const stdio = ["ignore", 2, 2, "ipc"];
    this.process = fork(path, { execArgv: [...EXEC_ARGV, ...extra], serialization: "advanced", stdio });
    this.process.on("message", ({ id, answer, error }) => this.#settle(id, answer, error && `${name}: ${error}`));
    this.process.on("exit", (code, signal) => {
      for (const id of [...this.#waiting.keys()]) this.#settle(id, undefined, `${name} ended: ${code ?? signal}`);
    });
  }

  /** Runs `what` in the child; resolves to what it returns. Rejects with what it throws, when it ends, and when it takes too long. */
  ask(what, args = {}) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const late = () => this.#settle(id, undefined, `${what}: no answer within ${ANSWER_MS} ms`);
      this.#waiting.set(id, { resolve, reject, timer: setTimeout(late, ANSWER_MS) });
      this.process.send({ id, what, args }, (error) => error && this.#settle(id, undefined, String(error)));
    });
  }

  #settle(id, answer, error) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error === undefined) waiting.resolve(answer);
    else waiting.reject(new Error(error));
  }

  /** Microseconds of CPU that it has used so far. */
  async cpu() {
    const { user, system } = await this.ask("cpu");
    return user + system;
  }

  async end() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exit = once(this.process, "exit");
    this.process.disconnect();
    const late = setTimeout(() => this.process.kill("SIGKILL"), END_MS);
    await exit;
    clearTimeout(late);
  }
}

/** In the child: answers by these functions until the parent is gone, however it went. */
export function answer(functions) {
  const all = { cpu: () => process.cpuUsage(), ...functions };
  process.on("message", async ({ id, what, args }) => {
    try {
      process.send({ id, answer: await all[what](args) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  process.once("disconnect", () => process.exit());
}
