/** Directories and programs that a bench leaves none of, however it ends: they go with the process, which ends on signals (index.mjs). */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Skipped } from "./skipped.mjs";

const directories = new Set();
const children = new Set();

process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const directory of directories) removeDirectory(directory);
});

/** A new directory that only this user reads. */
export function makeDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "fireflies-bench-"));
  directories.add(directory);
  return directory;
}

export function removeDirectory(directory) {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  directories.delete(directory);
}

/** Where Debian puts servers; not everybody's PATH has it. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` };

/** Whether a command of this name is there. */
export function hasCommand(command) {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", command], { env }).status === 0;
}

/**
 * Starts a program that is not ours; throws `Skipped` with `hint` when it is not installed. What it prints is dropped. On
 * Linux it ends with this process even when that is killed with SIGKILL. `pid` is the program's own.
 */
export function startProgram(command, args, hint) {
  if (!hasCommand(command)) throw new Skipped(hint);
  const isBound = process.platform === "linux" && hasCommand("setpriv");
  const [program, argv] = isBound ? ["setpriv", ["--pdeathsig", "KILL", "--", command, ...args]] : [command, args];
  const child = spawn(program, argv, { stdio: "ignore", env });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}
