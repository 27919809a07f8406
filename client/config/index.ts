/** Configuration: fireflies.yaml, FIREFLIES_* variables, flags and options, resolved to one record. */
export { advertisedAddresses } from "./advertise.js";
export { type Endpoint, formatEndpoint, parseEndpoint } from "./endpoint.js";
export { configPlaces, type Surroundings } from "./file.js";
export { METADATA_BYTES_MAX } from "./keys.js";
export type { ClientOptions } from "./options.js";
export { optionsOf } from "./options-of.js";
export { PRESETS, type Preset, type PresetName } from "./presets.js";
export {
  type AuthorityConfig,
  type MemberConfig,
  resolveAuthorityConfig,
  resolveMemberConfig,
} from "./resolve.js";
