/** What two configurations of an agent differ in. Functions of values. */
import { isDeepStrictEqual } from "node:util";
import type { AgentConfig, IdentityConfig } from "../../client/config/index.js";

export interface IdentityDifference {
  readonly mount: readonly IdentityConfig[];
  readonly unmount: readonly string[];
  /** Their member goes on as it is; their services are those of here. */
  readonly keep: readonly IdentityConfig[];
  /** Those of `keep` whose own keys have changed: they take effect when the member starts again. */
  readonly nextStart: readonly string[];
}

export function identityDifference(
  mounted: readonly IdentityConfig[],
  wanted: readonly IdentityConfig[],
): IdentityDifference {
  const held = new Map(mounted.map((each) => [each.name, each]));
  const names = new Set(wanted.map(({ name }) => name));
  const isMoved = (wish: IdentityConfig) => held.get(wish.name)?.config.dir !== wish.config.dir;
  const keep = wanted.filter((wish) => held.has(wish.name) && !isMoved(wish));
  return {
    keep,
    mount: wanted.filter(isMoved),
    unmount: mounted
      .filter(({ name }) => !names.has(name) || !keep.some((each) => each.name === name))
      .map(({ name }) => name),
    nextStart: keep
      .filter(({ name, config }) => !isDeepStrictEqual(held.get(name)?.config, config))
      .map(({ name }) => name),
  };
}

/** Keys, as a file has them, whose change waits for the agent's next start. */
export function changedKeys(before: AgentConfig, after: AgentConfig): readonly string[] {
  const names = Object.keys(after.member) as (keyof AgentConfig["member"])[];
  const own = names.filter((name) => name !== "file" && !isDeepStrictEqual(before.member[name], after.member[name]));
  const agent = (["api", "prof", "natsPath"] as const).filter((name) => !isDeepStrictEqual(before[name], after[name]));
  return [...own.map(fileName), ...agent.map(fileName)];
}

function fileName(setting: string): string {
  return setting.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
