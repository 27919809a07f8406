/** fireflies/forward: ports and sockets of other programs, by way of members. */
export { ACCESS_RULES_MAX, type AccessRule, type Applicant, isAllowed, parseAccess } from "../access.js";
export type { MemberClient } from "../member-client.js";
export type { Refused } from "../refusals.js";
export {
  formatServiceAddress,
  type InternetAddress,
  isLocal,
  parseServiceAddress,
  requireServiceAddress,
  type ServiceAddress,
  UNIX_PATH_BYTES_MAX,
  type UnixAddress,
} from "../service-address.js";
export type { Forward, Listener } from "./carrying/running.js";
export type { ForwardSettings, ListenSettings, ProxySettings } from "./carrying/settings.js";
export type { LastError, TrafficFigures } from "./carrying/traffic.js";
export { forward } from "./forward.js";
export { listen } from "./listen.js";
export { proxy } from "./proxy/proxy.js";
