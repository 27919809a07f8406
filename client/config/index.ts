/** Configuration: fireflies.yaml, FIREFLIES_* variables, flags and options, resolved to one record. */
export { advertisedAddresses, type Interfaces } from "./advertise.js";
export { type Endpoint, formatEndpoint, parseEndpoint } from "./endpoint.js";
export { CONFIG_FILE, configPlaces, type Surroundings } from "./file.js";
export { METADATA_BYTES_MAX } from "./keys.js";
export type { ClientOptions } from "./options.js";
export { optionsOf } from "./options-of.js";
export { DEFAULT_PRESET, PRESET_NAMES, PRESETS, type Preset, type PresetName } from "./presets.js";
export {
  type AuthorityConfig,
  DEFAULT_HOST,
  type Flags,
  type ListenConfig,
  type MemberConfig,
  resolveAuthorityConfig,
  resolveMemberConfig,
} from "./resolve.js";
