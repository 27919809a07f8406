/** Changes of the services in the agent's configuration file: the rest of it, comments and order, stays as it is. */
import { stat } from "node:fs/promises";
import { yaml } from "../../client/config/yaml.js";
import { atomicWrite, FirefliesError, messageOf, readText } from "../../identity/index.js";
import type { SaidService } from "../api/host.js";

/** A service that has its name. */
export type NamedService = SaidService & { readonly id: string };

/** Where the services of one member stand. */
export interface ServicesFile {
  /** The file that the agent was started with; undefined when there was none. */
  readonly path: string | undefined;
  /** Of a member that the section `identities` names. */
  readonly identity: string | undefined;
}

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
  if (path === undefined) {
    throw new FirefliesError("config-unreadable", "The agent was started without a configuration file to write to.", {
      advice: "Start it with --config FILE; `fireflies agent --write-config FILE` makes one of the flags.",
    });
  }
  const text = (await readText(path)) ?? "";
  const { mode } = await stat(path);
  const changed = changedText(
    text,
    identity === undefined ? ["services"] : ["identities", identity, "services"],
    add,
    remove,
  );
  await atomicWrite(path, changed, mode & 0o777).catch((cause: unknown) => {
    throw new FirefliesError("state-write-failed", `${path} could not be written: ${messageOf(cause)}.`, { cause });
  });
}

/** The text of a file with other services below `section`. Throws for text that is no YAML. */
export function changedText(
  text: string,
  section: readonly string[],
  add: readonly NamedService[],
  remove: readonly string[],
): string {
  const document = yaml().parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw new FirefliesError("config-unreadable", `The file is no YAML: ${error.message}`);
  for (const { id, kind, settings } of add)
    document.setIn([...section, id], document.createNode({ kind, ...settings }));
  for (const id of remove) document.deleteIn([...section, id]);
  return document.toString();
}
