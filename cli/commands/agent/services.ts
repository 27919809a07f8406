/** `fireflies services` and `fireflies reload`: what an agent runs for others, and its configuration read again. */
import type { Command } from "commander";
import type { ServiceState } from "../../../services/controllers/runner.js";
import * as calls from "../../api/caller/calls.js";
import { ask } from "../../api/caller/client.js";
import type { ReloadReport, SaidService } from "../../api/host.js";
import { reportText } from "../../api/reload-text.js";
import { readInput } from "../../input-file.js";
import { age, print, table } from "../../output.js";
import { type AgentOption, examples, withAgent } from "../common.js";

/** A service may wait for a name to be looked up, or for a port. */
const START_TIMEOUT_MS = 35_000;
/** Members that the configuration names no longer leave in order. */
const RELOAD_TIMEOUT_MS = 60_000;

interface ChangeOptions extends AgentOption {
  readonly save?: boolean;
}

export function addServices(program: Command): void {
  const services = withAgent(
    program
      .command("services")
      .description("what the agent runs: forwards, listeners and others, with state and figures"),
  );
  examples(services, "services", "services --json", "services add web.yaml --save", "services remove web");
  services.action(async (options: AgentOption) => {
    const states = (await ask(options, calls.SERVICES)) as readonly ServiceState[];
    await print(options.json ?? false, states, servicesTable(states, Date.now()));
  });
  addAdd(services);
  addRemove(services);
  addReload(program);
}

function addAdd(services: Command): void {
  const command = services.command("add").description("start the services of a file, until the agent ends");
  withAgent(
    command.argument("<file>", "names of services with kind and settings, as below services: in fireflies.yaml"),
  );
  command.option("--save", "write them to the agent's configuration file as well");
  command.action(async (file: string, options: ChangeOptions) => {
    const said = await saidIn(file);
    const states = await addAll(said, options);
    const names = said.map(({ id }) => id).join(", ");
    await print(options.json ?? false, states, names === "" ? "The file names no service." : `Running: ${names}.`);
  });
}

/** All or none: of a file whose third service cannot start, the first two do not stay behind. */
async function addAll(said: readonly SaidService[], options: ChangeOptions): Promise<readonly ServiceState[]> {
  const states: ServiceState[] = [];
  try {
    for (const service of said)
      states.push((await ask(options, calls.addService(service, options.save), START_TIMEOUT_MS)) as ServiceState);
    return states;
  } catch (error) {
    for (const { id } of states) await ask(options, calls.removeService(id, options.save)).catch(() => {});
    throw error;
  }
}

function addRemove(services: Command): void {
  const command = services.command("remove").description("end a service of the agent");
  withAgent(command.argument("<id>", "its name")).option(
    "--save",
    "take it out of the agent's configuration file as well",
  );
  command.action(async (id: string, options: ChangeOptions) => {
    const removed = await ask(options, calls.removeService(id, options.save));
    await print(options.json ?? false, removed, `The service ${id} has ended.`);
  });
}

function addReload(program: Command): void {
  const command = withAgent(
    program
      .command("reload")
      .description("have the agent read its configuration again, and change what has changed, and nothing else"),
  );
  examples(command, "reload");
  command.action(async (options: AgentOption) => {
    const report = (await ask(options, calls.RELOAD, RELOAD_TIMEOUT_MS)) as ReloadReport;
    await print(options.json ?? false, report, `Read again: ${reportText(report)}.`);
  });
}

/** All of a file's services, checked here as well: what is wrong is told with its line. */
async function saidIn(file: string): Promise<readonly SaidService[]> {
  const text = (await readInput(file)).toString("utf8");
  const [{ readServices }, { plannedOf }] = await Promise.all([
    import("../../../client/config/agent.js"),
    import("../../agent/member-services.js"),
  ]);
  const plans = await plannedOf(readServices(text, file));
  return plans.map(({ id, kind, settings }) => ({ id, kind, settings }));
}

function servicesTable(states: readonly ServiceState[], now: number): string {
  if (states.length === 0) return "The agent runs no service.";
  const rows = states.map((service) => [
    service.id,
    service.kind,
    service.state,
    service.at ?? "-",
    String(service.streams),
    bytesText(service.bytesIn),
    bytesText(service.bytesOut),
    service.lastError === undefined
      ? ""
      : `${service.lastError.message} (${service.lastError.code}, ${age(now - service.lastError.at)} ago)`,
  ]);
  return table([["ID", "KIND", "STATE", "AT", "STREAMS", "IN", "OUT", "LAST ERROR"], ...rows]);
}

/** "512 B", "1.5 KiB", "2.0 GiB" */
function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return power === 0 ? `${bytes} B` : `${(bytes / 1_024 ** power).toFixed(1)} ${units[power]}`;
}
