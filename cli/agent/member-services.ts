/** The services of one member of an agent. What runs them is loaded when there are some. */
import { sectionOf } from "../../client/config/section.js";
import { type ServiceEntry, serviceEntries } from "../../client/config/service-entries.js";
import type { Client } from "../../client/index.js";
import type { Difference, PlannedService } from "../../services/controllers/plan.js";
import type { ControllerRunner, ServiceState } from "../../services/controllers/runner.js";
import type { Held, HostedServices, SaidService } from "../api/host.js";
import type { AgentLog } from "./agent-log.js";
import type { NamedService, ServicesFile } from "./config-file.js";

export interface MemberServicesOptions {
  /** What is configured. */
  readonly plans: readonly PlannedService[];
  readonly log: AgentLog;
  readonly file: ServicesFile;
  readonly client: () => Client;
}

export class MemberServices implements HostedServices {
  readonly #options: MemberServicesOptions;
  #runner: Promise<ControllerRunner> | undefined;
  /** What runs for commands, by an id that no configured service can have: "forward:1". */
  readonly #held = new Map<string, { readonly held: Held; readonly since: number }>();

  constructor(options: MemberServicesOptions) {
    this.#options = options;
  }

  /** Starts what is configured. */
  async begin(): Promise<void> {
    if (this.#options.plans.length > 0) await (await this.#loaded()).apply(this.#options.plans);
  }

  async states(): Promise<readonly ServiceState[]> {
    const own = this.#runner === undefined ? [] : (await this.#runner).states();
    return [...own, ...[...this.#held].map(([id, { held, since }]) => heldState(id, held, since))];
  }

  hold(held: Held): () => void {
    let number = 1;
    while (this.#held.has(`${held.kind}:${number}`)) number += 1;
    const id = `${held.kind}:${number}`;
    this.#held.set(id, { held, since: Date.now() });
    return () => void this.#held.delete(id);
  }

  /** Checks all, then applies the difference. */
  async apply(entries: readonly ServiceEntry[]): Promise<Difference> {
    if (entries.length === 0 && this.#runner === undefined) return { stop: [], start: [], keep: [] };
    const plans = await plannedOf(entries);
    return await (await this.#loaded()).apply(plans);
  }

  /** What does not run at the first try is refused, and gone again; and so is what cannot be saved. */
  async add(said: SaidService, saves: boolean): Promise<ServiceState> {
    const id = said.id ?? (await this.#freeId(said.kind));
    const named = { ...said, id };
    const [plan] = await plannedOf(saidEntries(named));
    const runner = await this.#loaded();
    await runner.add(plan as PlannedService, !saves);
    try {
      const state = await runner.started(id);
      if (saves) await this.#save([named], []);
      return state;
    } catch (error) {
      await runner.remove(id).catch(() => {});
      throw error;
    }
  }

  async remove(id: string, saves: boolean): Promise<void> {
    const found = this.#held.get(id);
    if (found !== undefined) return found.held.end();
    const known = (await this.states()).map((each) => each.id);
    if (!known.includes(id)) {
      const { unknownService } = await import("../../services/controllers/runner.js");
      throw unknownService(id, known);
    }
    await (await this.#loaded()).remove(id);
    if (saves) await this.#save([], [id]);
  }

  async close(): Promise<void> {
    await (await this.#runner)?.close();
  }

  async #save(add: readonly NamedService[], remove: readonly string[]): Promise<void> {
    const { changeServices } = await import("./config-file.js");
    await changeServices(this.#options.file, add, remove);
  }

  /** "forward-1", or the next free number. */
  async #freeId(kind: string): Promise<string> {
    const taken = new Set((await this.states()).map(({ id }) => id));
    for (let number = 1; ; number++) if (!taken.has(`${kind}-${number}`)) return `${kind}-${number}`;
  }

  #loaded(): Promise<ControllerRunner> {
    this.#runner ??= this.#load();
    return this.#runner;
  }

  async #load(): Promise<ControllerRunner> {
    const { client, log } = this.#options;
    const [{ ControllerRunner: Runner }, { kindOf }] = await Promise.all([
      import("../../services/controllers/runner.js"),
      import("../../services/controllers/kinds.js"),
    ]);
    return new Runner({
      ...{ client: client(), kindOf, now: Date.now, random: Math.random },
      tell: (level, event, fields, text) => log.tell(level, event, fields, text),
      later: (run, ms) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    });
  }
}

function heldState(id: string, { kind, at, settings, figures }: Held, since: number): ServiceState {
  const { streams, bytesIn, bytesOut, lastError } = figures();
  const counted = { streams, bytesIn, bytesOut, lastError };
  return { id, kind, state: "running", at, settings, since, restarts: 0, held: true, ...counted };
}

/** Throws "config-..." for the first that cannot be. */
export async function plannedOf(entries: readonly ServiceEntry[]): Promise<readonly PlannedService[]> {
  if (entries.length === 0) return [];
  const [{ checkSingles, parseService }, { planServices }] = await Promise.all([
    import("../../services/controllers/kinds.js"),
    import("../../services/controllers/plan.js"),
  ]);
  checkSingles(entries);
  return planServices(entries, parseService);
}

function saidEntries({ id, kind, settings }: NamedService): readonly ServiceEntry[] {
  return serviceEntries(sectionOf("services", { [id]: { ...settings, kind } }, `service ${id}`));
}
