/** A nats-server as a process of the member's: found, started with a file of 0600, told of changes, and ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, constants, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { atomicWrite, FirefliesError, KEY_FILE_MODE, messageOf } from "../../../identity/index.js";
import { endFormer, noteProcess } from "./former.js";
import { type LogLine, portIn, readLogLine } from "./server-log.js";

export interface ServerOptions {
  /** Path of nats-server; the first on PATH by default. */
  readonly program: string | undefined;
  /** Where its files are; one of its own below the system's directory for temporary files when undefined. */
  readonly directory: string | undefined;
  readonly onLog: (line: LogLine) => void;
  /** It has ended by itself. */
  readonly onEnd: (error: FirefliesError) => void;
}

/** Milliseconds from the start until it takes connections: streams on a slow disk are read first. */
const READY_MS = 30_000;
/** Milliseconds for a change of the file to be taken. */
const RELOAD_MS = 10_000;
/** Milliseconds for it to end by itself. */
const STOP_MS = 4_000;
/** Lines that tell why it ended. */
const LAST_LINES = 3;
const RELOADED = /^Reloaded server configuration|^Failed to reload server configuration/;
const CONFIG_FILE = "nats.conf";

export class NatsServer {
  readonly clientPort: number;
  readonly routePort: number;
  readonly #process: ChildProcess;
  readonly #file: string;
  readonly #lines: EventTarget;
  readonly #remove: () => Promise<void>;
  #isStopping = false;
  #turn: Promise<void> = Promise.resolve();
  readonly #running = new Set<Promise<void>>();

  private constructor(parts: {
    readonly child: ChildProcess;
    readonly file: string;
    readonly lines: EventTarget;
    readonly ports: { readonly clients: number; readonly routes: number };
    readonly remove: () => Promise<void>;
  }) {
    this.#process = parts.child;
    this.#file = parts.file;
    this.#lines = parts.lines;
    this.#remove = parts.remove;
    this.clientPort = parts.ports.clients;
    this.routePort = parts.ports.routes;
  }

  /** Resolves when it takes connections. Rejects with "nats-server-missing" or "nats-server-failed". */
  static async start(config: string, options: ServerOptions): Promise<NatsServer> {
    const program = await findServer(options.program);
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "fireflies-nats-")));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = resolve(directory, CONFIG_FILE);
    const remove = async () => {
      const gone = options.directory === undefined ? directory : file;
      await rm(gone, { recursive: true, force: true });
    };
    await endFormer(directory, file);
    await atomicWrite(file, config, KEY_FILE_MODE);
    const child = spawn(program, ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
    const running = new Starting(child, options.onLog);
    try {
      const ports = await running.ready;
      await noteProcess(directory, child.pid ?? 0);
      const server = new NatsServer({ child, file, lines: running.lines, ports, remove });
      child.once("exit", () => {
        if (!server.#isStopping) options.onEnd(running.failure());
      });
      return server;
    } catch (error) {
      child.kill("SIGKILL");
      await remove();
      throw error;
    }
  }

  /** Writes the file and has the server read it, one change after the other; asked for when its turn has come. Rejects with "nats-server-failed". */
  reload(config: () => string): Promise<void> {
    const done = this.#turn.then(async () => {
      await Promise.all(this.#running);
      await this.#reload(config());
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  /** What runs meanwhile is not disturbed by a reload, which waits for it. */
  async undisturbed(run: () => Promise<void>): Promise<void> {
    await this.#turn;
    const running = run();
    const settled = running.catch(() => {}).then(() => void this.#running.delete(settled));
    this.#running.add(settled);
    await running;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exit = once(this.#process, "exit");
      this.#process.kill("SIGTERM");
      const late = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MS);
      await exit;
      clearTimeout(late);
    }
    await this.#remove();
  }

  async #reload(config: string): Promise<void> {
    await atomicWrite(this.#file, config, KEY_FILE_MODE);
    const answer = this.#answer();
    this.#process.kill("SIGHUP");
    const text = await answer;
    if (text.startsWith("Failed")) throw failed(`nats-server does not take its configuration: ${text}`);
  }

  #answer(): Promise<string> {
    return new Promise((done, reject) => {
      const late = setTimeout(
        () => over(() => reject(failed("nats-server did not read its configuration again."))),
        RELOAD_MS,
      );
      const heard = (event: Event) => {
        const { text } = (event as CustomEvent<LogLine>).detail;
        if (RELOADED.test(text)) over(() => done(text));
      };
      const over = (settle: () => void) => {
        clearTimeout(late);
        this.#lines.removeEventListener("line", heard);
        settle();
      };
      this.#lines.addEventListener("line", heard);
    });
  }
}

/** From its start until it takes connections. */
class Starting {
  readonly lines = new EventTarget();
  readonly ready: Promise<{ readonly clients: number; readonly routes: number }>;
  readonly #last: string[] = [];

  constructor(child: ChildProcess, onLog: (line: LogLine) => void) {
    const ports: { clients?: number; routes?: number } = {};
    this.ready = new Promise((done, reject) => {
      const late = setTimeout(() => reject(failed("nats-server was not ready in time.")), READY_MS);
      child.once("error", (cause) => reject(failed(`nats-server could not be started: ${messageOf(cause)}.`)));
      child.once("exit", () => {
        clearTimeout(late);
        reject(this.failure());
      });
      createInterface({ input: child.stderr! }).on("line", (text) => {
        const line = readLogLine(text);
        this.#hear(line, onLog);
        const found = portIn(line.text);
        if (found !== undefined) ports[found.of] = found.port;
        const { clients, routes } = ports;
        if (clients === undefined || routes === undefined) return;
        clearTimeout(late);
        done({ clients, routes });
      });
    });
  }

  /** Why it has ended, in its own last words. */
  failure(): FirefliesError {
    const words = this.#last.length === 0 ? "" : ` It said: ${this.#last.join(" / ")}`;
    return failed(`nats-server has ended.${words}`);
  }

  #hear(line: LogLine, onLog: (line: LogLine) => void): void {
    if (line.level === "error") this.#last.push(line.text);
    if (this.#last.length > LAST_LINES) this.#last.shift();
    onLog(line);
    this.lines.dispatchEvent(new CustomEvent("line", { detail: line }));
  }
}

/** Rejects with "nats-server-missing". */
export async function findServer(given: string | undefined): Promise<string> {
  const places = given === undefined ? onPath("nats-server") : [resolve(given)];
  for (const place of places) if (await isProgram(place)) return place;
  const where = given === undefined ? "on PATH" : `at ${given}`;
  throw new FirefliesError("nats-server-missing", `There is no nats-server ${where}.`);
}

/** Debian keeps servers where only root's PATH leads. */
function onPath(name: string): readonly string[] {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...folders, "/usr/sbin", "/usr/local/sbin"].map((folder) => join(folder, name));
}

async function isProgram(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function failed(message: string): FirefliesError {
  return new FirefliesError("nats-server-failed", message);
}
