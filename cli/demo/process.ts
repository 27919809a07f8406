/** One process of the demonstration: this very program with other arguments, and what it tells on stdout, as events. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { FirefliesError } from "../../identity/errors/error.js";
import { placeOf } from "../place.js";

const PROGRAM = fileURLToPath(placeOf("main.js"));
/** Events kept for waits that look back: far more than one step of the story brings. */
const EVENTS_KEPT_MAX = 1_000;
/** Lines of stderr for the message when it goes wrong. */
const COMPLAINTS_KEPT_MAX = 5;

/** A line of `agent --json` or `ca --json`. */
export interface ProcessEvent {
  readonly event: string;
  readonly id?: string;
  readonly address?: string;
  readonly epoch?: string;
  readonly from?: string;
  readonly text?: string;
  readonly fingerprint?: string;
  /** The address of its admin port. */
  readonly admin?: string;
}

interface Waiter {
  readonly matches: (event: ProcessEvent) => boolean;
  readonly resolve: (event: ProcessEvent) => void;
  readonly reject: (error: Error) => void;
}

export class DemoProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #events: ProcessEvent[] = [];
  #forgotten = 0;
  readonly #waiters = new Set<Waiter>();
  readonly #complaints: string[] = [];
  #ended: string | undefined;

  constructor(name: string, args: readonly string[], cwd: string, onEvent: (event: ProcessEvent) => void) {
    this.name = name;
    const argv = [PROGRAM, ...args, "--json", "--while-stdin"];
    this.#child = spawn(process.execPath, argv, { cwd, env: cleanEnvironment(), stdio: "pipe" });
    this.#child.stdin?.on("error", () => {});
    createInterface(this.#child.stdout!).on("line", (line) => this.#onLine(line, onEvent));
    createInterface(this.#child.stderr!).on("line", (line) => {
      this.#complaints.push(line);
      if (this.#complaints.length > COMPLAINTS_KEPT_MAX) this.#complaints.shift();
    });
    this.#exited = new Promise((resolve) => {
      const end = (why: string) => {
        this.#ended ??= why;
        this.#failWaiters();
        resolve();
      };
      this.#child.once("error", (error) => end(error.message));
      // After "close" all output was read, so that the message can quote it.
      this.#child.once("close", (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  get isRunning(): boolean {
    return this.#ended === undefined;
  }

  /** How many events there were so far: a mark to wait from. */
  get now(): number {
    return this.#forgotten + this.#events.length;
  }

  /** The first event since the mark that matches, already there or to come. Rejects when the process or the signal ends. */
  async waitFor(matches: (event: ProcessEvent) => boolean, since: number, signal: AbortSignal): Promise<ProcessEvent> {
    const found = this.#events.slice(Math.max(0, since - this.#forgotten)).find(matches);
    if (found) return found;
    if (this.#ended !== undefined) throw this.#gone();
    signal.throwIfAborted();
    let waiter: Waiter | undefined;
    const stop = () => waiter?.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await new Promise<ProcessEvent>((resolve, reject) => {
        waiter = { matches, resolve, reject };
        this.#waiters.add(waiter);
      });
    } finally {
      signal.removeEventListener("abort", stop);
      if (waiter) this.#waiters.delete(waiter);
    }
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
  }

  /** At once, without waiting: for the last moment of this process. */
  abandon(): void {
    this.#child.kill("SIGKILL");
  }

  /** The last lines of stderr, for messages. */
  get complaints(): string {
    return this.#complaints.join(" | ");
  }

  #onLine(line: string, onEvent: (event: ProcessEvent) => void): void {
    const event = parse(line);
    if (!event) return;
    this.#events.push(event);
    if (this.#events.length > EVENTS_KEPT_MAX) {
      this.#events.shift();
      this.#forgotten += 1;
    }
    onEvent(event);
    for (const waiter of [...this.#waiters]) if (waiter.matches(event)) waiter.resolve(event);
  }

  #failWaiters(): void {
    for (const waiter of [...this.#waiters]) waiter.reject(this.#gone());
  }

  #gone(): FirefliesError {
    const said = this.complaints === "" ? "" : ` Its last words: ${this.complaints}`;
    return new FirefliesError("demo-failed", `${this.name} ended unexpectedly (${this.#ended}).${said}`);
  }
}

function parse(line: string): ProcessEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "event" in value ? (value as ProcessEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** The demonstration is the same whatever the user has configured for networks of his own. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FIREFLIES_")));
}
