/** Where the demonstration happens: a temporary directory, an authority, and members as processes. All of it goes in the end. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateAuthority } from "../../ca/index.js";
import { FirefliesError } from "../../identity/index.js";
import { DemoProcess, type ProcessEvent } from "./process.js";
import { ViewTable } from "./view-table.js";

export const MEMBER_NAMES = ["ada", "ben", "cleo", "dan", "eva"] as const;
export type MemberName = (typeof MEMBER_NAMES)[number];
/** Whose page is opened: she is there from the beginning to the end. */
const SHOWN: MemberName = "ada";

/** What each tells about itself, for all to see. */
const METADATA: Readonly<Record<MemberName, object>> = {
  ada: { role: "api", rack: 1 },
  ben: { role: "worker", rack: 1 },
  cleo: { role: "store", rack: 2 },
  dan: { role: "worker", rack: 2 },
  eva: { role: "worker", rack: 3 },
};

/** Application gossip reaches one neighbour per round, by chance: with a second each the story would drag there. */
const CONFIG = "# The demonstration's own, so that yours is left alone.\npreset: lan\ngossip_interval: 0.25\n";

/** A wait with its description, for the message when it is in vain. */
export interface Wait {
  readonly what: string;
  readonly matches: (event: ProcessEvent) => boolean;
}

export class Stage {
  readonly dir = mkdtempSync(join(tmpdir(), "fireflies-demo-"));
  readonly table = new ViewTable(MEMBER_NAMES);
  readonly #onChange: () => void;
  readonly #config = join(this.dir, "fireflies.yaml");
  #page: string | undefined;
  readonly #ids = new Map<string, string>();
  readonly #processes = new Map<string, DemoProcess>();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    writeFileSync(this.#config, CONFIG);
  }

  dirOf(name: string): string {
    return join(this.dir, name);
  }

  /** The id of a member that was ready once. */
  idOf(name: MemberName): string {
    const id = this.#ids.get(name);
    if (id === undefined) throw new FirefliesError("demo-failed", `${name} was never ready.`);
    return id;
  }

  /** The address of the page; undefined before it is served. */
  get page(): string | undefined {
    return this.#page;
  }

  process(name: string): DemoProcess {
    const found = this.#processes.get(name);
    if (found === undefined) throw new FirefliesError("demo-failed", `${name} was never started.`);
    return found;
  }

  async startAuthority(signal: AbortSignal): Promise<ProcessEvent> {
    const args = ["ca", "--dir", this.dirOf("ca"), "--port", "0", "--config", this.#config];
    return await this.#start("ca", args, "listening", signal);
  }

  /** A token for `name`, made beside the authority that serves. */
  async token(name: string): Promise<string> {
    const authority = await CertificateAuthority.attach({ directory: this.dirOf("ca") });
    try {
      return await authority.createToken(name);
    } finally {
      await authority.close();
    }
  }

  /** Starts a member, with a token or from what its directory holds, and waits until it is ready. */
  async startMember(name: MemberName, more: readonly string[], signal: AbortSignal): Promise<ProcessEvent> {
    const own = ["--dir", this.dirOf(name), "--metadata", JSON.stringify(METADATA[name])];
    const admin = name === SHOWN ? ["--admin", "0"] : [];
    const args = ["agent", ...own, "--listen", "127.0.0.1:0", "--config", this.#config, ...admin, ...more];
    const ready = await this.#start(name, args, "ready", signal);
    this.#ids.set(name, ready.id!);
    if (ready.admin !== undefined) this.#page = `${ready.admin}/`;
    this.table.introduce(name, ready.id!);
    this.#onChange();
    return ready;
  }

  /** Marks to wait from, one for each process. */
  marks(): ReadonlyMap<string, number> {
    return new Map([...this.#processes].map(([name, { now }]) => [name, now]));
  }

  /** Waits until each of these members has told it, at the mark or since. */
  async allTell(
    names: readonly string[],
    wait: Wait,
    since: ReadonlyMap<string, number>,
    signal: AbortSignal,
  ): Promise<void> {
    const missing = new Set(names);
    const waits = names.map(async (name) => {
      await this.process(name).waitFor(wait.matches, since.get(name) ?? 0, signal);
      missing.delete(name);
    });
    try {
      await Promise.all(waits);
    } catch (error) {
      await Promise.allSettled(waits);
      if (error instanceof FirefliesError) throw error;
      throw new FirefliesError("demo-failed", `${[...missing].join(", ")} did not tell in time that ${wait.what}.`);
    }
  }

  async kill(name: MemberName): Promise<void> {
    await this.process(name).end("SIGKILL");
    this.blank(name);
  }

  /** Somebody who is seen by the members, and whose own view nobody asks for. */
  introduceGuest(name: string, id: string): void {
    this.table.introduce(name, id);
    this.#onChange();
  }

  dismissGuest(name: string): void {
    this.table.dismiss(name);
    this.#onChange();
  }

  blank(name: MemberName): void {
    this.table.blank(name);
    this.#onChange();
  }

  /** Ends all processes and removes the directory. */
  async close(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.end("SIGKILL")));
    this.closeNow();
  }

  /** The same in the last moment of this process, when nothing can be awaited. */
  closeNow(): void {
    for (const process of this.#processes.values()) process.abandon();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  async #start(name: string, args: readonly string[], event: string, signal: AbortSignal): Promise<ProcessEvent> {
    const started = new DemoProcess(name, args, this.dir, (told) => {
      if (this.table.take(name, told)) this.#onChange();
    });
    this.#processes.set(name, started);
    return await started.waitFor((told) => told.event === event, 0, signal);
  }
}
