/** The built command as a child process: one-shot commands, and agents whose events are waited for. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly input?: string;
  /** Another file than the command's. */
  readonly program?: string;
  /** Standard output is closed from the start, as by `| head -0`. */
  readonly unread?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

function start(args: readonly string[], { cwd, env = {}, program = PROGRAM }: CommandOptions): ChildProcess {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("FIREFLIES_"));
  return spawn(process.execPath, [program, ...args], { cwd, env: { ...Object.fromEntries(clean), HOME: cwd, ...env } });
}

/** Runs a command to its end. */
export async function command(args: readonly string[], options: CommandOptions): Promise<Outcome> {
  const child = start(args, options);
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]!.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  if (options.unread) child.stdout!.destroy();
  child.stdin!.on("error", () => {});
  child.stdin!.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...texts };
}

export type Told = { readonly event: string } & Readonly<Record<string, unknown>>;

/** A command that keeps running and tells events as JSON lines. */
export class RunningCommand {
  readonly #child: ChildProcess;
  readonly #told: Told[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #closed: Promise<number | null>;
  #stderr = "";

  constructor(args: readonly string[], options: CommandOptions) {
    this.#child = start([...args, "--json"], options);
    createInterface(this.#child.stdout!).on("line", (line) => {
      this.#told.push(JSON.parse(line) as Told);
      this.#wake();
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#closed = once(this.#child, "close").then(([code]) => {
      this.#wake();
      return code as number | null;
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get told(): readonly Told[] {
    return this.#told;
  }

  /** The first event that matches, of those told already and to come. Rejects when the command ends first. */
  async until(matches: (told: Told) => boolean): Promise<Told> {
    for (;;) {
      const found = this.#told.find(matches);
      if (found) return found;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`the command ended without telling it; it said: ${this.#stderr} ${JSON.stringify(this.#told)}`);
      }
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  event(event: string): Promise<Told> {
    return this.until((told) => told.event === event);
  }

  /** Sends a signal, if any, and returns the exit code. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal) this.#child.kill(signal);
    return await this.#closed;
  }

  write(text: string): void {
    this.#child.stdin!.write(text);
  }

  closeInput(): void {
    this.#child.stdin!.end();
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}
