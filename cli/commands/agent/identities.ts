/** `fireflies identities` and `fireflies identity`: the members of one agent. */
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import * as calls from "../../api/caller/calls.js";
import { ask } from "../../api/caller/client.js";
import type { IdentityState } from "../../api/host.js";
import { print, shortId, table } from "../../output.js";
import { type AgentOption, drainOption, examples, withAgent } from "../common.js";

/** A first start may enrol. */
const MOUNT_TIMEOUT_MS = 125_000;
/** Leaving tells the others, after what is open has ended. */
const UNMOUNT_TIMEOUT_MS = 35_000;

interface AddOptions extends AgentOption {
  readonly name?: string;
  readonly join?: string;
  readonly listen?: string;
}
interface RemoveOptions extends AgentOption {
  readonly drain: number;
}

export function addIdentities(program: Command): void {
  const list = withAgent(program.command("identities").description("the members of the agent, its own first"));
  examples(list, "identities", "members --as bob");
  list.action(async (options: AgentOption) => {
    const states = (await ask(options, calls.IDENTITIES)) as readonly IdentityState[];
    await print(options.json ?? false, states, identitiesTable(states));
  });
  const identity = program.command("identity").description("mount a member in the running agent, or have it leave");
  addAdd(identity);
  addRemove(identity);
}

function addAdd(identity: Command): void {
  const command = identity.command("add").description("mount a member from its directory, until the agent ends");
  withAgent(command.argument("<directory>", "of the member; without an identity in it, --join is needed"))
    .option("--name <name>", "how --as calls it (the directory's last part)")
    .option("--join <token>", "enrol with a token from `fireflies ca token NAME`")
    .option("--listen <address>", "host:port, host or port to listen on, or a URL (127.0.0.1:0)");
  examples(command, "identity add ./bob", "identity add ./bob --join TOKEN --name bob");
  command.action(async (directory: string, options: AddOptions) => {
    const dir = resolve(directory);
    const { name = basename(dir), join: token, listen } = options;
    const settings = { ...(token !== undefined && { token }), ...(listen !== undefined && { listen }) };
    const state = (await ask(options, calls.mountIdentity({ name, dir, settings }), MOUNT_TIMEOUT_MS)) as IdentityState;
    await print(options.json ?? false, state, `${name} is ready at ${state.address}. Commands take --as ${name}.`);
  });
}

function addRemove(identity: Command): void {
  const command = identity.command("remove").description("have a member of the agent leave; the agent goes on");
  withAgent(command.argument("<name>", "its name, its id or its directory"));
  command.addOption(drainOption("how long what is open may take to end"));
  command.action(async (name: string, options: RemoveOptions) => {
    const drainMs = options.drain * 1_000;
    const removed = await ask(options, calls.unmountIdentity(name, drainMs), drainMs + UNMOUNT_TIMEOUT_MS);
    await print(options.json ?? false, removed, `${name} has left.`);
  });
}

function identitiesTable(states: readonly IdentityState[]): string {
  const rows = states.map(({ as, id, address, dir, state, error }) => [
    as,
    id === undefined ? "-" : shortId(id),
    address ?? "-",
    error === undefined ? state : `${state}: ${error.message} (${error.code})`,
    dir,
  ]);
  return table([["NAME", "ID", "ADDRESS", "STATE", "DIRECTORY"], ...rows]);
}
