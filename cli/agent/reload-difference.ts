/** What two configurations of an agent differ in. Functions of values. */
import { isDeepStrictEqual } from "node:util";
import type { AgentConfig, IdentityConfig, MemberConfig } from "../../client/config/index.js";

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
      .filter(({ name, config }) => !isDeepStrictEqual(withoutThat(held.get(name)?.config), withoutThat(config)))
      .map(({ name }) => name),
  };
}

/** What takes effect while a member runs: where it hears of others, and what it keeps of topics. */
const AT_ONCE = ["entryAddrs", "mdns", "topicRetention", "topicMemoryBytes"] as const;

/** That part of a configuration, when some of it has changed. */
export function changedAtOnce(
  before: MemberConfig,
  after: MemberConfig,
): Pick<MemberConfig, (typeof AT_ONCE)[number]> | undefined {
  const { entryAddrs, mdns, topicRetention, topicMemoryBytes } = after;
  const isSame = AT_ONCE.every((name) => isDeepStrictEqual(before[name], after[name]));
  return isSame ? undefined : { entryAddrs, mdns, topicRetention, topicMemoryBytes };
}

function withoutThat(config: MemberConfig | undefined): object | undefined {
  return config && { ...config, ...Object.fromEntries(AT_ONCE.map((name) => [name, undefined])) };
}

/** Keys, as a file has them, whose change waits for the agent's next start. */
export function changedKeys(before: AgentConfig, after: AgentConfig): readonly string[] {
  const names = Object.keys(after.member) as (keyof AgentConfig["member"])[];
  const own = names.filter(
    (name) => !NEVER_LATER.has(name) && !isDeepStrictEqual(before.member[name], after.member[name]),
  );
  const agent = (["api", "prof", "natsPath"] as const).filter((name) => !isDeepStrictEqual(before[name], after[name]));
  return [...own.map(fileName), ...agent.map(fileName)];
}

/** They take effect without a start, or are none of the configuration. */
const NEVER_LATER: ReadonlySet<string> = new Set(["file", ...AT_ONCE]);

function fileName(setting: string): string {
  return setting.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
