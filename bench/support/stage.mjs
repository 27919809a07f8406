/**
 * What a bench opens: processes, directories, certificates. All of it is gone when the bench is, however that ends.
 *
 *   const figures = await onStage(async (stage) => {
 *     const server = await stage.fork(new URL("../workers/echo.mjs", import.meta.url));     a Node process
 *     const { port } = await server.call("listen", await stage.credentials());              see worker.mjs
 *     const daemon = await stage.spawn("nats-server", ["-c", file]);                        any other program
 *     ...
 *   });
 */
import { fork, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveIdentity } from "../../dist/identity/index.js";
import { Authority, plainAuthority } from "./certificates.mjs";
import { Skipped } from "./skipped.mjs";
import { RemoteWorker } from "./worker.mjs";

/** To start a process, milliseconds: a busy machine needs some seconds at times. */
const START_MS = 60_000;
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 };

/** Runs the scene, and closes what it opened before the result or the error is handed on. */
export async function onStage(scene) {
  const stage = new Stage();
  try {
    return await scene(stage);
  } finally {
    stage.close();
  }
}

class Stage {
  #children = new Set();
  #onExit = () => this.close();
  #onSignal = (signal) => process.exit(128 + SIGNALS[signal]);
  #plain;
  #authority;
  #named = 0;

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), "fireflies-bench-"));
    process.on("exit", this.#onExit);
    for (const signal of Object.keys(SIGNALS)) process.on(signal, this.#onSignal);
  }

  /** A new empty directory. */
  directory(name = "d") {
    const path = join(this.root, `${name}-${this.#named++}`);
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  /**
   * A member's directory, for a `Client` with { dir, useCa: false, config: false }; all members of a stage are of one network.
   * `constants` are of that network, for who asks first: { ringCount: 9, deltaMs: 1500 }.
   */
  async member(constants = {}) {
    this.#authority ??= Authority.create(constants);
    const dir = this.directory("member");
    await saveIdentity(dir, await (await this.#authority).member());
    return dir;
  }

  /** For peers: { key, cert, ca } in PEM, P-256, good for "localhost" and "127.0.0.1", for TLS on both sides. One authority a stage. */
  async credentials() {
    this.#plain ??= plainAuthority();
    return await (await this.#plain).issue();
  }

  /** A Node process that serves calls (worker.mjs). It ends with this one, also when this one is killed. */
  async fork(url, { args = [], execArgv = [], env = process.env } = {}) {
    const child = fork(url, args, { execArgv, env, serialization: "advanced" });
    this.#children.add(child);
    const worker = new RemoteWorker(child);
    await worker.call("ready", [], START_MS);
    return worker;
  }

  /**
   * Any other program; throws `Skipped` with `hint` when there is none of this name. On Linux it ends with this process, also
   * when this one is killed; elsewhere when it is not killed with SIGKILL. `pid` is the program's own. What it prints is dropped
   * unless `stdio` says otherwise.
   */
  spawn(command, args, { hint = `${command} is not installed`, ...options } = {}) {
    if (spawnSync("sh", ["-c", 'command -v "$1"', "sh", command]).status !== 0) throw new Skipped(hint);
    const bound = process.platform === "linux" && spawnSync("setpriv", ["--version"]).status === 0;
    const [program, argv] = bound ? ["setpriv", ["--pdeathsig", "KILL", "--", command, ...args]] : [command, args];
    const child = spawn(program, argv, { stdio: "ignore", ...options });
    this.#children.add(child);
    return child;
  }

  /** Ends all processes and removes all directories, at once. */
  close() {
    process.off("exit", this.#onExit);
    for (const signal of Object.keys(SIGNALS)) process.off(signal, this.#onSignal);
    for (const child of this.#children) child.kill("SIGKILL");
    this.#children.clear();
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}
