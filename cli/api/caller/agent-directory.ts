/** The directory of the agent that a command means: found as the agent finds its own, so that neither needs to be told. */
import { resolve } from "node:path";
// Not from config/index.js: most commands read no configuration, and need not load what reads one.
import { defaultDir, findConfig, processSurroundings } from "../../../client/config/places.js";

export interface Place {
  readonly dir?: string | undefined;
  readonly config?: string | undefined;
}

/** Absolute. Rejects with "config-..." for a configuration that the agent would refuse. */
export async function agentDirectory({ dir, config }: Place): Promise<string> {
  const surroundings = processSurroundings();
  const named = dir ?? (surroundings.env.FIREFLIES_DIR || undefined);
  if (named !== undefined) return resolve(named);
  if (findConfig(surroundings, config) === undefined) return defaultDir("agent", surroundings);
  const { resolveMemberConfig } = await import("../../../client/config/index.js");
  return resolveMemberConfig(config === undefined ? {} : { config }).dir ?? defaultDir("agent", surroundings);
}
