/** Presets of intervals (docs/protocol.md, section 5): where a network starts from; every value can be set by itself. */
import { LAN, LOCAL, type Settings, WAN } from "../../gossip/index.js";
import { CONCURRENT_MESSAGES } from "../messages/budget.js";

/** Intervals to start from: a data centre, several of them, one machine, and those of Ifrit. */
export type PresetName = "lan" | "wan" | "local" | "ifrit";

/** The values of a preset. */
export interface Preset {
  /** Milliseconds between two gossip rounds. */
  readonly gossipIntervalMs: number;
  /** Milliseconds between two rounds of pings. */
  readonly monitorIntervalMs: number;
  /** Delta for a new network, in milliseconds. Members take theirs from their certificate (R19). */
  readonly deltaMs: number;
  /** Pings missed in a row before an accusation; undefined adapts to the measured loss of the path. */
  readonly pingLimit: number | undefined;
  /** Messages that are handled at once. */
  readonly maxConcurrentMessages: number;
  /** Milliseconds from an accusation to the removal; undefined is 2 Delta. */
  readonly removalTimeoutMs: number | undefined;
  /** Rings of a new network; undefined lets the authority compute them. */
  readonly ringCount: number | undefined;
}

/** Why these figures: gossip/settings.ts. The ping limit adapts by itself there, so a preset has none. */
function preset({ gossipMs, monitorMs, deltaMs }: Pick<Settings, "gossipMs" | "monitorMs" | "deltaMs">): Preset {
  return {
    gossipIntervalMs: gossipMs,
    monitorIntervalMs: monitorMs,
    deltaMs,
    pingLimit: undefined,
    maxConcurrentMessages: CONCURRENT_MESSAGES,
    removalTimeoutMs: undefined,
    ringCount: undefined,
  };
}

/** Ifrit's documented defaults, for those who come from there. */
const IFRIT: Preset = {
  ...preset({ gossipMs: 10_000, monitorMs: 10_000, deltaMs: 30_000 }),
  pingLimit: 3,
  removalTimeoutMs: 60_000,
  ringCount: 10,
};

/** All presets, by name; docs/configuration.md has them as a table. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  lan: preset(LAN),
  wan: preset(WAN),
  local: preset(LOCAL),
  ifrit: IFRIT,
};

export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[];
export const DEFAULT_PRESET: PresetName = "lan";
