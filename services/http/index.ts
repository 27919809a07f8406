/** fireflies/http: HTTP between members. */

export { hostOfMember, MEMBER_DOMAIN, memberOfHost } from "../host-names.js";
export type { MemberClient } from "../member-client.js";
export type { Refused } from "../refusals.js";
export { attachHttp, type FastifyLike, type HttpTarget } from "./attach.js";
export { type MemberAgentOptions, memberAgent } from "./calling/agent.js";
export { type MemberFetch, type MemberFetchOptions, memberFetch } from "./calling/fetch.js";
export type { Caller } from "./calling/opening.js";
export { type FastifyMembersOptions, fastifyMembers } from "./fastify.js";
export { type FilesSettings, type ServedFiles, serveFiles } from "./files.js";
export type { AttachedHttp, HttpFigures } from "./serving/attached.js";
export { type AnyRequest, memberOf } from "./serving/callers.js";
export type { AttachOptions } from "./serving/options.js";
export type { WebHandler } from "./serving/web.js";
export { HTTP_PROTOCOL } from "./wire/limits.js";
