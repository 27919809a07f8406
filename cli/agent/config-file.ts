/** Changes of the services in the agent's configuration file: the rest of it, comments and order, stays as it is. */
import { stat } from "node:fs/promises";
import { yaml } from "../../client/config/yaml.js";
import { atomicWrite, FirefliesError, messageOf, readText } from "../../identity/index.js";
import type { SaidService } from "../api/host.js";

/** A service that has its name. */
export type NamedService = SaidService & { readonly id: string };

/** Where the services of one member stand. */
export interface ServicesFile {
  /** The file that the agent was started with, or that of its directory, which may not be there yet. */
  readonly path: string;
  /** Of a member beside the agent's own: its name in the section `identities`, and its directory for when it is not there yet. */
  readonly identity: { readonly name: string; readonly dir: string } | undefined;
}

/** Of a file that is made: what it configures may be nobody else's to know. */
const CONFIG_MODE = 0o600;
/** Of an agent that had none. */
const NEW_FILE = "# What commands have saved. `fireflies agent` reads it when it has no other configuration file.\n";

/** Changes are written one after the other. */
let turn: Promise<unknown> = Promise.resolve();

/** Written as a whole or not. Rejects with "config-unreadable" or "state-write-failed". */
export function changeServices(
  file: ServicesFile,
  add: readonly NamedService[],
  remove: readonly string[] = [],
): Promise<void> {
  const done = turn.then(() => change(file, add, remove));
  turn = done.catch(() => {});
  return done;
}

async function change({ path, identity }: ServicesFile, add: readonly NamedService[], remove: readonly string[]) {
  const text = (await readText(path)) ?? NEW_FILE;
  const mode = await stat(path).then(
    (found) => found.mode,
    () => CONFIG_MODE, // It is made.
  );
  const changed = changedText(text, identity, add, remove);
  await atomicWrite(path, changed, mode & 0o777).catch((cause: unknown) => {
    throw new FirefliesError("state-write-failed", `${path} could not be written: ${messageOf(cause)}.`, { cause });
  });
}

/** The text of a file with other services of one member. Throws for text that is no YAML. */
export function changedText(
  text: string,
  identity: ServicesFile["identity"],
  add: readonly NamedService[],
  remove: readonly string[],
): string {
  const document = yaml().parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw new FirefliesError("config-unreadable", `The file is no YAML: ${error.message}`);
  const member = identity === undefined ? [] : ["identities", identity.name];
  const section = [...member, "services"];
  // A command has mounted this identity. An agent refuses a file whose identity has no directory.
  if (identity !== undefined && add.length > 0 && !document.hasIn([...member, "dir"]))
    document.setIn([...member, "dir"], identity.dir);
  for (const { id, kind, settings } of add)
    document.setIn([...section, id], document.createNode({ kind, ...settings }));
  for (const id of remove) document.deleteIn([...section, id]);
  return document.toString();
}
