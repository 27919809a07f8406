/** fireflies/forward: ports and sockets of other programs, by way of members. */
export { ACCESS_RULES_MAX, type AccessRule, type Applicant, isAllowed, parseAccess } from "../access.js";
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
