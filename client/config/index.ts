/** Configuration: fireflies.yaml, FIREFLIES_* variables, flags and options, resolved to one record. */
export {
  advertisedAddresses,
  advertiseOf,
  interfaceHosts,
  isAuto,
  isDerived,
  movedAddresses,
  noteAddresses,
} from "./advertise.js";
export {
  type AgentConfig,
  type ApiConfig,
  type IdentityConfig,
  readServices,
  resolveAgentConfig,
} from "./agent.js";
export { SECRET_VARIABLES } from "./environment.js";
export type { ClientOptions } from "./options.js";
export { optionsOf } from "./options-of.js";
export { CONFIG_VARIABLE, configPlaces, defaultDir, type Surroundings } from "./places.js";
export { PRESETS, type Preset, type PresetName } from "./presets.js";
export {
  type AuthorityConfig,
  type MemberConfig,
  resolveAuthorityConfig,
  resolveMemberConfig,
} from "./resolve.js";
export { SERVICES_MAX, type ServiceEntry } from "./service-entries.js";
export type { TopicRetention } from "./topic-retention.js";
export { wssOf } from "./wss-files.js";
