/**
 * Calls from the bench to a process that it forked, over the channel between them. In the process:
 *
 *   serve({ listen: async (credentials) => ({ port }), burst: async (options) => figures });
 *
 * in the bench: `await worker.call("burst", [options])`. Arguments and results are cloned, typed arrays too. Each process also
 * serves `ready` and `usage`: its CPU in milliseconds and memory in bytes so far.
 */

/** For a call that says nothing else, milliseconds. */
const CALL_MS = 120_000;

/** The side of the bench. */
export class RemoteWorker {
  #waiting = new Map();
  #last = 0;
  #ended;

  constructor(child) {
    this.child = child;
    this.pid = child.pid;
    child.on("message", ({ call, result, error }) => this.#settle(call, result, error));
    child.once("exit", (code, signal) => this.#end(`a process of the bench ended with ${code ?? signal}`));
  }

  /** Rejects with what the process threw, when it ends, and after `timeoutMs`. */
  call(method, args = [], timeoutMs = CALL_MS) {
    if (this.#ended) return Promise.reject(new Error(this.#ended));
    const call = ++this.#last;
    return new Promise((resolve, reject) => {
      const late = () => this.#settle(call, undefined, `${method}: no answer within ${timeoutMs} ms`);
      this.#waiting.set(call, { resolve, reject, timer: setTimeout(late, timeoutMs) });
      this.child.send({ call, method, args });
    });
  }

  /** CPU milliseconds (user and system) and memory in bytes of the process. */
  usage() {
    return this.call("usage");
  }

  /** Ends the process, and resolves when it is gone. */
  async end() {
    if (this.#ended) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await gone;
  }

  #settle(call, result, error) {
    const waiting = this.#waiting.get(call);
    if (!waiting) return;
    this.#waiting.delete(call);
    clearTimeout(waiting.timer);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new Error(error));
  }

  #end(reason) {
    this.#ended = reason;
    for (const call of [...this.#waiting.keys()]) this.#settle(call, undefined, reason);
  }
}

/** The side of the process: answers until the bench is gone, then ends. */
export function serve(methods) {
  const all = { ready: () => true, usage, ...methods };
  process.on("disconnect", () => process.exit(0));
  process.on("message", async ({ call, method, args }) => {
    try {
      process.send({ call, result: await all[method](...args) });
    } catch (error) {
      process.send({ call, error: `${method}: ${error instanceof Error ? error.stack : error}` });
    }
  });
}

function usage() {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { cpuMs: (user + system) / 1000, rss, heapUsed, external, arrayBuffers };
}
