/** The calls that commands make, by what they are for: paths and bodies as docs/agent-openapi.json has them. */

import type { MountWish, SaidService } from "../host.js";
import type { MemberQuery } from "../member-query.js";
import type { ApiCall } from "./client.js";

interface Send {
  readonly to: string;
  readonly data: Uint8Array;
  readonly service?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

export const STATUS: ApiCall = { path: "/v1/status" };
export const INFO: ApiCall = { path: "/v1/info" };
export const RINGS: ApiCall = { path: "/v1/rings" };
export const DOCTOR: ApiCall = { method: "POST", path: "/v1/doctor" };
export const RENEW: ApiCall = { method: "POST", path: "/v1/renewals" };
export const GRAPH: ApiCall = { path: "/v1/graph" };
/** The last `seconds` of it, as lines. */
export function recording(seconds: number): ApiCall {
  return { path: "/v1/recording", query: { seconds: String(seconds) } };
}

export const LOG: ApiCall = { path: "/v1/log" };

/** `member`: what was typed for one, live or gone. */
export function explain(member: string): ApiCall {
  return { path: `/v1/explain/${encodeURIComponent(member)}` };
}

export function evidence(member: string): ApiCall {
  return { path: `/v1/evidence/${encodeURIComponent(member)}` };
}

export function members(query: MemberQuery = {}): ApiCall {
  return { path: "/v1/members", query: { ...query } };
}

export function changes(query: Omit<MemberQuery, "all"> = {}): ApiCall {
  return { path: "/v1/changes", query: { ...query } };
}

export function leave(drainMs: number): ApiCall {
  return { method: "POST", path: "/v1/leave", body: { drainMs } };
}

/** `to`: what was typed for a member, its name, its id or the beginning of that. */
export function send({ to, data, service, timeoutMs }: Send): ApiCall {
  return { method: "POST", path: "/v1/messages", body: { to, data: base64(data), service, timeoutMs } };
}

export function ping(to: string, timeoutMs?: number): ApiCall {
  return { method: "POST", path: "/v1/pings", body: { to, timeoutMs } };
}

/** `to`: what was typed for a member. Lines, one for each part. */
export function bench(
  to: string,
  options: { readonly seconds: number; readonly bytes: number; readonly inFlight: number },
): ApiCall {
  return { method: "POST", path: "/v1/benches", body: { to, ...options } };
}

export function join(address: string): ApiCall {
  return { method: "POST", path: "/v1/joins", body: { address } };
}

export function gossip(data: Uint8Array): ApiCall {
  return { method: "PUT", path: "/v1/gossip", body: { data: base64(data) } };
}

export const TOPICS: ApiCall = { path: "/v1/topics" };

export interface PublicationSaid {
  readonly topic: string;
  readonly ack?: string | undefined;
  readonly durable?: boolean | undefined;
  readonly timeoutMs?: number | undefined;
}

export function publish(data: Uint8Array, said: PublicationSaid): ApiCall {
  return { method: "POST", path: "/v1/publications", body: { ...said, data: base64(data) } };
}

/** Many messages, each a frame. */
export function publications({ topic, ack, durable, timeoutMs }: PublicationSaid): ApiCall {
  return { path: "/v1/publications", query: { topic, ack, durable, timeoutMs: timeoutMs?.toString() } };
}

export interface SubscriptionSaid {
  readonly topic: string;
  readonly durable?: string | undefined;
  readonly queue?: string | undefined;
  readonly last?: boolean | undefined;
}

export function subscription(said: SubscriptionSaid): ApiCall {
  return { path: "/v1/subscriptions", query: { ...said } };
}

export const SERVICES: ApiCall = { path: "/v1/services" };
export const RELOAD: ApiCall = { method: "POST", path: "/v1/reloads" };
export const IDENTITIES: ApiCall = { path: "/v1/identities" };

/** Without an id the agent chooses one. With `save` also in the agent's configuration file. */
export function addService(
  said: Omit<SaidService, "id"> & { readonly id?: string | undefined },
  save = false,
): ApiCall {
  return { method: "POST", path: "/v1/services", query: { save }, body: said };
}

export function removeService(id: string, save = false): ApiCall {
  return { method: "DELETE", path: `/v1/services/${encodeURIComponent(id)}`, query: { save } };
}

export function mountIdentity(wish: MountWish): ApiCall {
  return { method: "POST", path: "/v1/identities", body: wish };
}

export function unmountIdentity(as: string, drainMs: number): ApiCall {
  return { method: "DELETE", path: `/v1/identities/${encodeURIComponent(as)}`, body: { drainMs } };
}

export function stream(to: string, protocol?: string): ApiCall {
  return { path: `/v1/streams/${encodeURIComponent(to)}`, query: { protocol } };
}

/** `host`: "bob.fireflies", "bob", an id, or "service:NAME". */
export function httpConnection(
  host: string,
  { port, protocol }: { port?: string; protocol?: string | undefined },
): ApiCall {
  return { path: `/v1/http/${encodeURIComponent(host)}`, query: { port, protocol } };
}

export function accept(protocol: string): ApiCall {
  return { path: "/v1/accepts", query: { protocol } };
}

/** What is carried is said in the first frame. */
export const FORWARDS: ApiCall = { path: "/v1/forwards" };

function base64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}
