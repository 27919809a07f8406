/** Where the configuration is looked for, and where the command keeps things when nobody says: XDG's directories. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

const CONFIG_FILE = "fireflies.yaml";
/** Names the configuration file, instead of the first one found. */
export const CONFIG_VARIABLE = "FIREFLIES_CONFIG";

/** What of the process decides where files are found. */
export interface Surroundings {
  readonly cwd: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function processSurroundings(): Surroundings {
  const { env } = process;
  // In a worker homedir() does not see the worker's own environment.
  return { cwd: process.cwd(), home: env.HOME || homeOfUser(), env };
}

/** homedir() throws for a user that the system has no entry for, as in many a container. */
function homeOfUser(): string {
  try {
    return homedir();
  } catch {
    return "/";
  }
}

/** The places of a configuration file: here, the user's, the system's. The first that exists is read, and no other. */
export function configPlaces(surroundings: Surroundings): readonly string[] {
  const user = join(base(surroundings, "XDG_CONFIG_HOME", ".config"), "fireflies");
  return [surroundings.cwd, user, "/etc/fireflies"].map((dir) => join(dir, CONFIG_FILE));
}

/** The file to read, absolute: the one that is named, by an argument or else by a variable, or the first one found. */
export function findConfig(surroundings: Surroundings, named?: string): string | undefined {
  const { cwd, env } = surroundings;
  const path = named ?? (env[CONFIG_VARIABLE] || undefined);
  return path === undefined ? configPlaces(surroundings).find(isThere) : resolve(cwd, path);
}

/** The file of an agent that has no other: in its directory, made when a command first saves something. */
export function keptConfig(dir: string): string {
  return join(dir, CONFIG_FILE);
}

/** Where the command keeps a member, or an authority, for which no directory is named. */
export function defaultDir(kind: "agent" | "ca", surroundings: Surroundings = processSurroundings()): string {
  return join(base(surroundings, "XDG_STATE_HOME", ".local/state"), "fireflies", kind);
}

/** XDG Base Directory Specification 0.8: an unset, empty or relative variable counts for nothing. */
function base({ home, env }: Surroundings, variable: string, usual: string): string {
  const named = env[variable];
  return named && isAbsolute(named) ? named : join(home, usual);
}

/** What Node's permission model does not let this process see is not there for it: nobody has named these places. */
export function isThere(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}
