/**
 * What one measurement opens: processes of ours, directories, members. All of it is gone when the scene is over, however it ends.
 *
 *   const figures = await onStage(async (stage) => {
 *     const member = await stage.fork(new URL("../workers/NAME.mjs", import.meta.url));       a Node process
 *     await member.call("start", [{ dir: await stage.member() }]);                          see worker.mjs
 *     ...
 *   });
 */
import { fork } from "node:child_process";
import { saveIdentity } from "../../dist/identity/index.js";
import { Authority } from "./certificates.mjs";
import { makeDirectory, removeDirectory } from "./scratch.mjs";
import { RemoteWorker } from "./worker.mjs";

/** To start a process, milliseconds: a busy machine needs some seconds at times. */
const START_MS = 60_000;

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
  #directories = new Set();
  #authority;

  /** A new empty directory. */
  directory() {
    const path = makeDirectory();
    this.#directories.add(path);
    return path;
  }

  /**
   * A member's directory, for a `Client` with { dir, useCa: false, config: false }; all members of a stage are of one network.
   * `constants` are of that network, for who asks first: { ringCount: 9, deltaMs: 1500 }.
   */
  async member(constants = {}) {
    this.#authority ??= Authority.create(constants);
    const dir = this.directory();
    await saveIdentity(dir, await (await this.#authority).member());
    return dir;
  }

  /** A Node process that serves calls (worker.mjs). It ends with this one, also when this one is killed. */
  async fork(url, { args = [], execArgv = [], env = process.env } = {}) {
    const child = fork(url, args, { execArgv, env, serialization: "advanced" });
    this.#children.add(child);
    const worker = new RemoteWorker(child);
    await worker.call("ready", [], START_MS);
    return worker;
  }

  /** Ends all processes and removes all directories, at once. */
  close() {
    for (const child of this.#children) child.kill("SIGKILL");
    for (const directory of this.#directories) removeDirectory(directory);
  }
}
