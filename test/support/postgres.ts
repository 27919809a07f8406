/**
 * A real PostgreSQL server for tests: Debian's package, a directory of its own, a Unix socket and no port. It does not
 * run as root, so as root it gets another user.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";

const VERSIONS = "/usr/lib/postgresql";
const INSTALL_MS = 180_000;
const READY = /ready to accept (read-only )?connections/;

export interface TestPostgres extends AsyncDisposable {
  /** URL of its database, without our tables: one for all tests, because making another takes half a second. */
  emptied(): Promise<string>;
  /** Stops it as `pg_ctl restart` does: whoever is connected is cut off. Resolves when it answers again. */
  restart(): Promise<void>;
  /** Cuts off everybody who is connected, as an operator's `pg_terminate_backend` does. */
  cutOff(): Promise<void>;
  /** A standby with the same data: restarts this server, and stops with it. Resolves with its URL. */
  standby(): Promise<string>;
}

/** Why there can be no server here, after trying to install it; undefined when there can. */
export function postgresProblem(): string | undefined {
  if (binaries() !== undefined) return undefined;
  if (process.getuid?.() !== 0) return `no PostgreSQL under ${VERSIONS}, and only root can install it`;
  try {
    const apt = (...args: string[]) =>
      execFileSync("apt-get", args, {
        timeout: INSTALL_MS,
        stdio: "ignore",
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
    apt("update");
    apt("install", "--yes", "--no-install-recommends", "postgresql");
  } catch (error) {
    return `no PostgreSQL under ${VERSIONS}, and apt-get install postgresql failed: ${String(error)}`;
  }
  return binaries() === undefined
    ? `no PostgreSQL under ${VERSIONS}, even after apt-get install postgresql`
    : undefined;
}

function binaries(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const found = readdirSync(VERSIONS).map((version) => join(VERSIONS, version, "bin"));
  return found.filter((path) => existsSync(join(path, "initdb"))).at(-1);
}

export async function startPostgres(): Promise<TestPostgres> {
  const directory = await mkdtemp(join(tmpdir(), "fireflies-pg-"));
  const user = unprivileged();
  if (user !== undefined) await chown(directory, user.uid, user.gid);
  const data = join(directory, "data");
  const run = (name: string, ...args: string[]) => start(name, args, { ...user, cwd: directory });
  await finished(run("initdb", "--no-sync", "--auth=trust", "--username=test", "--encoding=UTF8", "-D", data));
  const begin = (of: string, at: string) => served(run("postgres", "-D", of, "-k", at, "-c", "listen_addresses="));
  const urlOf = (at: string) => `postgres://test@/postgres?host=${encodeURIComponent(at)}`;
  let server = await begin(data, directory);
  const url = urlOf(directory);
  const standbys: ChildProcess[] = [];
  const restart = async (between: () => Promise<void> = async () => {}) => {
    await ended(server, "SIGINT");
    await between();
    server = await begin(data, directory);
  };
  return {
    restart: () => restart(),
    cutOff: async () => {
      const client = new pg.Client(url);
      await client.connect();
      await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
      await client.end();
    },
    standby: async () => {
      const [copy, at] = [join(directory, "standby"), join(directory, "at-standby")];
      await restart(async () => {
        await cp(data, copy, { recursive: true, preserveTimestamps: true });
        await writeFile(join(copy, "standby.signal"), "");
        await mkdir(at);
        if (user !== undefined) execFileSync("chown", ["-R", `${user.uid}:${user.gid}`, copy, at]);
        await chmod(copy, 0o700);
      });
      standbys.push(await begin(copy, at));
      return urlOf(at);
    },
    emptied: async () => {
      const client = new pg.Client(url);
      await client.connect();
      await client.query("SET client_min_messages = error; DROP SCHEMA IF EXISTS fireflies CASCADE");
      await client.end();
      return url;
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of [server, ...standbys]) await ended(each, "SIGQUIT"); // At once: nobody will want its data again.
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

function unprivileged(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const numberOf = (flag: string, name: string) => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  try {
    return { uid: numberOf("-u", "postgres"), gid: numberOf("-g", "postgres") };
  } catch {
    return { uid: numberOf("-u", "nobody"), gid: numberOf("-g", "nobody") };
  }
}

function start(name: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const env = { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };
  const child = spawn(join(binaries()!, name), args, { ...options, env, stdio: ["ignore", "ignore", "pipe"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

async function finished(child: ChildProcess): Promise<void> {
  const said: string[] = [];
  child.stderr!.on("data", (data: Buffer) => said.push(data.toString()));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${child.spawnfile} ended with ${code}: ${said.join("")}`);
}

async function served(child: ChildProcess): Promise<ChildProcess> {
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr! });
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      said.push(line);
      if (READY.test(line)) resolve();
    });
    child.once("exit", () => reject(new Error(`postgres ended: ${said.join("\n")}`)));
  });
  return child;
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
