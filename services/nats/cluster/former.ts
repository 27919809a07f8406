/** A nats-server that outlived the agent which started it, as after kill -9: it would hold the store. It is ended. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { atomicWrite, KEY_FILE_MODE, readText } from "../../../identity/index.js";

const PID_FILE = "nats.pid";
/** Milliseconds for it to end. */
const END_MS = 4_000;
const LOOK_MS = 50;

export async function noteProcess(directory: string, pid: number): Promise<void> {
  await atomicWrite(join(directory, PID_FILE), `${pid}\n`, KEY_FILE_MODE);
}

/** Ends what was noted, if it still is a server with that file: the number may be another process's by now. */
export async function endFormer(directory: string, configFile: string): Promise<void> {
  const pid = Number((await readText(join(directory, PID_FILE)).catch(() => undefined)) ?? Number.NaN);
  if (!Number.isSafeInteger(pid) || pid <= 1 || !(await isOurs(pid, configFile))) return;
  process.kill(pid, "SIGTERM");
  for (let waited = 0; waited < END_MS; waited += LOOK_MS) {
    await pause(LOOK_MS);
    if (!(await isOurs(pid, configFile))) return;
  }
  process.kill(pid, "SIGKILL");
}

async function isOurs(pid: number, configFile: string): Promise<boolean> {
  const args = ["-o", "args=", "-p", `${pid}`];
  const found = await promisify(execFile)("ps", args).catch(() => ({ stdout: "" }));
  return found.stdout.includes(` -c ${configFile}`);
}
