/**
 * A real PostgreSQL server for tests: Debian's package, a directory of its own, a Unix socket and no port. It does not
 * run as root, so as root it gets another user.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";

const VERSIONS = "/usr/lib/postgresql";
const INSTALL_MS = 180_000;
const READY = /ready to accept connections/;

export interface TestPostgres extends AsyncDisposable {
  /** URL of its database, without our tables: one for all tests, because making another takes half a second. */
  emptied(): Promise<string>;
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
  const server = await served(run("postgres", "-D", data, "-k", directory, "-c", "listen_addresses="));
  const url = `postgres://test@/postgres?host=${encodeURIComponent(directory)}`;
  return {
    emptied: async () => {
      const client = new pg.Client(url);
      await client.connect();
      await client.query("SET client_min_messages = error; DROP SCHEMA IF EXISTS fireflies CASCADE");
      await client.end();
      return url;
    },
    [Symbol.asyncDispose]: async () => {
      await ended(server); // At once: nobody will want its data again.
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

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGQUIT");
  await exited;
}
