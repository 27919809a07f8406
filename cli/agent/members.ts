/** The members of an agent: its own, and those that were mounted beside it, by configuration or while it runs. */
import { resolve } from "node:path";
import type { IdentityConfig } from "../../client/config/index.js";
import { nearest } from "../../client/nearest.js";
import { FirefliesError, type Logger } from "../../identity/index.js";
import { asFirefliesError, type HostNetwork } from "../../net/index.js";
import type { IdentityState, MountWish } from "../api/host.js";
import { memberTitle } from "../output.js";
import type { AgentLog } from "./agent-log.js";
import { MountedMember } from "./mounted.js";
import { changedAtOnce } from "./reload-difference.js";

/** Members of one process, besides its own. As many as a configuration may name. */
const MOUNTED_MAX = 64;

export interface MembersOptions {
  readonly own: MountedMember;
  readonly log: AgentLog;
  readonly debug: Logger["debug"];
  readonly reply: string | undefined;
  /** The agent's configuration. */
  readonly file: string;
  readonly network: HostNetwork;
  /** As `MountOptions`. */
  readonly records: boolean;
}

interface Mount {
  wish: IdentityConfig;
  /** By the configuration, and not by a command. */
  isConfigured: boolean;
  state: "starting" | "running" | "failed";
  member: MountedMember | undefined;
  error: FirefliesError | undefined;
  readonly ending: AbortController;
}

export class Members {
  readonly own: MountedMember;
  readonly #options: MembersOptions;
  readonly #mounts = new Map<string, Mount>();
  #stopping: Promise<void>[] = [];

  constructor(options: MembersOptions) {
    this.#options = options;
    this.own = options.own;
  }

  /** The settings of the identities that run or start. An identity that failed is mounted again on request. */
  get mounted(): readonly IdentityConfig[] {
    return this.#standing.map(({ wish }) => wish);
  }

  /** Those of them that the configuration names, or named. What a command has mounted is none of its business. */
  configured(wanted: readonly IdentityConfig[]): readonly IdentityConfig[] {
    for (const { name } of wanted) {
      const mount = this.#mounts.get(name);
      if (mount !== undefined) mount.isConfigured = true;
    }
    return this.#standing.filter(({ isConfigured }) => isConfigured).map(({ wish }) => wish);
  }

  get #standing(): readonly Mount[] {
    return [...this.#mounts.values()].filter(({ state }) => state !== "failed");
  }

  /** Throws "identity-unknown", or why the identity does not run. */
  meant(as: string | undefined): MountedMember {
    if (as === undefined) return this.own;
    const word = as.trim();
    const all = [this.own, ...[...this.#mounts.values()].flatMap(({ member }) => member ?? [])];
    const found = all.find((member) => member.isMeant(word) || member.dir === resolve(word));
    const mount = this.#mounts.get(word);
    if (found === undefined) throw mount?.error ?? this.#unknown(word);
    return found;
  }

  states(): readonly IdentityState[] {
    const { client, dir, name } = this.own;
    const { id, name: principal, address } = client.self;
    const others = [...this.#mounts.values()].map(({ wish, state, member, error }): IdentityState => {
      const self = state === "running" ? member?.client.self : undefined;
      const { code, message } = error ?? {};
      return {
        ...{ as: wish.name, dir: wish.config.dir ?? "", state, own: false },
        ...{ id: self?.id, name: self?.name, address: self?.address },
        ...(code !== undefined && message !== undefined && { error: { code, message } }),
      };
    });
    return [{ as: name, dir, state: "running", own: true, id, name: principal, address }, ...others];
  }

  /** Mounts all identities of the configuration. A failure is logged and stops none of the others. */
  mountAll(wishes: readonly IdentityConfig[], told: AbortSignal): void {
    for (const wish of wishes) this.#mount(wish, told).catch(() => {}); // It has been told.
  }

  /** Resolves when it runs. Rejects as `Client.start`, and with "identity-exists" for a name or a directory that is taken. */
  async mount({ name, dir, settings = {} }: MountWish): Promise<IdentityState> {
    const { identityOf } = await import("../../client/config/agent.js");
    const { sectionOf } = await import("../../client/config/section.js");
    await this.#mount(identityOf(sectionOf(name, { ...settings, dir }, `identity ${name}`), process.cwd()));
    const state = this.states().find(({ as }) => as === name);
    if (state === undefined) throw this.#unknown(name);
    return state;
  }

  /** One goes on as it is, with these services, and with these sources of contacts. */
  async changed(wish: IdentityConfig): Promise<void> {
    const mount = this.#mounts.get(wish.name);
    if (mount?.member === undefined) return;
    await mount.member.services.apply(wish.services);
    const changes = changedAtOnce(mount.wish.config, wish.config);
    if (changes === undefined) return;
    mount.member.client.adjust(changes);
    mount.wish = { ...mount.wish, config: { ...mount.wish.config, ...changes } };
  }

  async mountConfigured(wish: IdentityConfig): Promise<void> {
    await this.#mount(wish, undefined, true);
  }

  /** Those that failed and are wanted no longer are shown no longer. */
  forget(wanted: ReadonlySet<string>): void {
    for (const [name, { state }] of this.#mounts)
      if (state === "failed" && !wanted.has(name)) this.#mounts.delete(name);
  }

  /** Has it leave, and forgets it. Throws "identity-unknown", also for the agent's own member, which ends with the agent. */
  async unmount(as: string, drainMs: number): Promise<void> {
    const found = [...this.#mounts].find(([name, { member }]) => name === as || member?.isMeant(as));
    if (found === undefined) throw this.#unknown(as);
    const [name, mount] = found;
    this.#mounts.delete(name);
    await this.#end(mount, drainMs);
  }

  /** Everybody leaves. */
  async stop(drainMs: number): Promise<void> {
    const mounts = [...this.#mounts.values()];
    await Promise.all([this.own.client.stop({ drain: drainMs }), ...mounts.map((mount) => this.#end(mount, drainMs))]);
    await Promise.all(this.#stopping);
  }

  async #mount(wish: IdentityConfig, told?: AbortSignal, isConfigured = told !== undefined): Promise<void> {
    const { name, config } = wish;
    const dir = config.dir ?? "";
    const isNamed = this.mounted.some((each) => each.name === name);
    const isTaken = isNamed || [this.own.dir, ...this.mounted.map((each) => each.config.dir)].includes(dir);
    if (isTaken) throw new FirefliesError("identity-exists", `The agent has ${name}, or a member on ${dir}, already.`);
    if (!this.#mounts.has(name) && this.#mounts.size >= MOUNTED_MAX)
      throw new FirefliesError("overloaded", `An agent has at most ${MOUNTED_MAX} members besides its own.`);
    const mount: Mount = {
      ...{ wish, isConfigured },
      state: "starting",
      member: undefined,
      error: undefined,
      ending: new AbortController(),
    };
    this.#mounts.set(name, mount);
    const unwatch = told && watch(told, mount.ending);
    try {
      await this.#start(mount, dir);
    } catch (cause) {
      mount.state = "failed";
      mount.member = undefined;
      mount.error = asFirefliesError(cause, "agent-failed");
      this.#options.log.alarm(mount.error);
      // Of what was configured it is shown why it does not run; what a command asked for is as if it had never been.
      if (!isConfigured) this.#mounts.delete(name);
      throw mount.error;
    } finally {
      unwatch?.();
    }
  }

  async #start(mount: Mount, dir: string): Promise<void> {
    const { debug, reply, network, records } = this.#options;
    const { name, config, services } = mount.wish;
    const log = this.#options.log.of(name);
    const leave = async (drainMs: number) => {
      this.#mounts.delete(name);
      await this.#end(mount, drainMs);
    };
    const file = { path: this.#options.file, identity: { name, dir } };
    const member = await MountedMember.of({
      ...{ as: name, config, dir, services, file, log, debug, reply, network, records, leave },
    });
    await member.start(mount.ending.signal);
    mount.member = member;
    mount.state = "running";
    const { id, name: principal, address } = member.client.self;
    log.event(
      "ready",
      { id, name: principal, address, dir },
      `${memberTitle({ id, name: principal })} is ready at ${address}`,
    );
    await member.begin();
  }

  #end(mount: Mount, drainMs: number): Promise<void> {
    mount.ending.abort();
    const { member } = mount;
    const ended =
      member === undefined ? Promise.resolve() : member.client.stop({ drain: drainMs }).then(() => member.left());
    this.#stopping.push(ended);
    const forget = () => {
      this.#stopping = this.#stopping.filter((each) => each !== ended);
    };
    ended.then(forget, forget);
    return ended;
  }

  #unknown(word: string): FirefliesError {
    const known = [this.own.name, ...this.#mounts.keys()];
    const near = nearest(word, known);
    const advice = near === undefined ? `It has ${known.join(", ")}.` : `Did you mean ${near}?`;
    return new FirefliesError("identity-unknown", `The agent has no member ${JSON.stringify(word)}.`, { advice });
  }
}

function watch(signal: AbortSignal, controller: AbortController): () => void {
  const abort = () => controller.abort();
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  return () => signal.removeEventListener("abort", abort);
}
