/** Reading the configuration again, at SIGHUP or by a call: what changed is applied, what did not is not touched. */
import { isatty } from "node:tty";
import type { AgentConfig, IdentityConfig } from "../../client/config/index.js";
import { FirefliesError } from "../../identity/index.js";
import { asFirefliesError } from "../../net/index.js";
import type { ReloadReport } from "../api/host.js";
import { reportText } from "../api/reload-text.js";
import type { AgentLog } from "./agent-log.js";
import { plannedOf } from "./member-services.js";
import type { Members } from "./members.js";
import { changedAtOnce, changedKeys, identityDifference } from "./reload-difference.js";

export interface ReloadingOptions {
  readonly members: Members;
  /** As the agent was started with. */
  readonly config: AgentConfig;
  /** Throws when the configuration cannot be used. */
  readonly reread: () => AgentConfig;
  readonly log: AgentLog;
}

/** Milliseconds for what a member has open, when the configuration names it no longer. */
const UNMOUNT_DRAIN_MS = 10_000;

export class Reloading {
  readonly #options: ReloadingOptions;
  /** What runs; the member's keys are those that it was started with. */
  #config: AgentConfig;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ReloadingOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  /** Rejects with what is wrong, with its line; then nothing has changed. One after the other. */
  reload(): Promise<ReloadReport> {
    const done = this.#turn.then(() => this.#reload());
    this.#turn = done.catch(() => {});
    return done;
  }

  /** SIGHUP reloads, unless the terminal that the agent runs in has gone: then it leaves. Returns the way to stop that. */
  onHangUp(): () => void {
    const hadTerminal = isatty(0);
    const hangUp = () => {
      if (hadTerminal && !isatty(0)) process.kill(process.pid, "SIGTERM");
      else this.reload().catch((error: unknown) => this.#failed(asFirefliesError(error, "agent-failed")));
    };
    process.on("SIGHUP", hangUp);
    return () => process.off("SIGHUP", hangUp);
  }

  #failed(error: FirefliesError): void {
    const { message, code, advice } = error;
    const text = `The configuration was not applied, and all goes on as it was: ${message}`;
    this.#options.log.alarm(new FirefliesError(code, text, { advice, cause: error }));
  }

  async #reload(): Promise<ReloadReport> {
    const { members, reread, log } = this.#options;
    const before = this.#config;
    const after = reread();
    // All of it is checked before any of it is applied.
    await plannedOf(after.services);
    for (const { services } of after.identities) await plannedOf(services);
    const own = await members.own.services.apply(after.services);
    const identities = identityDifference(members.configured(after.identities), after.identities);
    const report: ReloadReport = {
      services: { started: own.start.map(({ id }) => id), stopped: own.stop, kept: own.keep },
      identities: { mounted: [], unmounted: identities.unmount, kept: identities.keep.map(({ name }) => name) },
      nextStart: [...changedKeys(before, after), ...identities.nextStart.map((name) => `identities.${name}`)],
    };
    for (const name of identities.unmount) await members.unmount(name, UNMOUNT_DRAIN_MS).catch(() => {});
    members.forget(new Set(after.identities.map(({ name }) => name)));
    const mounted = await Promise.all(identities.mount.map((wish) => this.#mount(wish)));
    const changes = changedAtOnce(before.member, after.member);
    if (changes !== undefined) members.own.client.adjust(changes);
    for (const wish of identities.keep) await members.changed(wish);
    // The member itself goes on with what it was started with, but for what can change while it runs.
    const member = { ...before.member, ...changes };
    this.#config = { ...before, member, services: after.services, identities: after.identities };
    const done = { ...report, identities: { ...report.identities, mounted: mounted.flatMap((name) => name ?? []) } };
    log.event("reloaded", done, `the configuration was read again: ${reportText(done)}`);
    return done;
  }

  async #mount(wish: IdentityConfig): Promise<string | undefined> {
    return await this.#options.members.mountConfigured(wish).then(
      () => wish.name,
      () => undefined, // It has been told.
    );
  }
}
