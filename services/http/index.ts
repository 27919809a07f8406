/** fireflies/http: HTTP between members. */
export { hostOfMember, MEMBER_DOMAIN, memberOfHost } from "../host-names.js";
