/** Presets of intervals (docs/protocol.md, section 5): where a network starts from; every value can be set by itself. */

export type PresetName = "lan" | "wan" | "local" | "ifrit";

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

const MAX_CONCURRENT_MESSAGES = 50;

function preset(gossipIntervalMs: number, monitorIntervalMs: number, deltaMs: number): Preset {
  return {
    gossipIntervalMs,
    monitorIntervalMs,
    deltaMs,
    pingLimit: undefined,
    maxConcurrentMessages: MAX_CONCURRENT_MESSAGES,
    removalTimeoutMs: undefined,
    ringCount: undefined,
  };
}

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  lan: preset(1_000, 1_000, 1_500),
  wan: preset(2_000, 5_000, 6_000),
  local: preset(200, 200, 500),
  // Ifrit's documented defaults, for those who come from there.
  ifrit: { ...preset(10_000, 10_000, 30_000), pingLimit: 3, removalTimeoutMs: 60_000, ringCount: 10 },
};

export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[];
export const DEFAULT_PRESET: PresetName = "lan";
