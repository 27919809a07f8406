/** Calls that ask a member of the agent, or tell it something, and get one answer. */
import type { FastifyInstance } from "fastify";
import { JOIN_TIMEOUT_MS, PING_TIMEOUT_MS, SEND_TIMEOUT_MS } from "../../../client/timeouts.js";
import type { Member } from "../../../client/types.js";
import { memberView, ringViews, roundTripView } from "../../views.js";
import { graphOf } from "../graph.js";
import type { Hosted } from "../host.js";
import { type MemberQuery, queryMembers } from "../member-query.js";
import type { AppParts } from "../parts.js";
import { statusOf } from "../status.js";
import { addCall, type Call, type CallSpec } from "./calling.js";
import { GRAPH_ANSWER } from "./graph-schema.js";
import {
  ALL,
  ANY_LIST,
  ANY_OBJECT,
  GOSSIP_BODY,
  JOIN_BODY,
  LEAVE_BODY,
  MEMBER_QUERY,
  MESSAGE_BODY,
  MESSAGE_BODY_BYTES_MAX,
  PATHS,
  PING_BODY,
} from "./schemas.js";
import { whichMember } from "./which-member.js";

/** What a call may take beside the time of what it asks for, milliseconds. */
const SLACK_MS = 5_000;
/** The authority may be known under several addresses, each of which is given its time. */
const RENEW_MS = 60_000;
/** Leaving tells the others, after what is open has ended. */
const LEAVE_MS = 30_000;

export function addMemberCalls(app: FastifyInstance, parts: AppParts): void {
  addQuestions(app, parts);
  addTalk(app, parts);
  addLife(app, parts);
}

function addQuestions(app: FastifyInstance, parts: AppParts): void {
  const status: CallSpec = { method: "GET", path: "/v1/status", summary: "How the member is.", answer: ANY_OBJECT };
  addCall(app, parts, status, ({ member }) => {
    const admin = parts.host.admin?.();
    return { ...statusOf(member.client, member.agent), ...(admin !== undefined && { admin }) };
  });
  const info: CallSpec = {
    method: "GET",
    path: "/v1/info",
    summary: "Its id, address, network and figures.",
    answer: ANY_OBJECT,
  };
  addCall(app, parts, info, ({ member }) => member.client.info());
  const rings: CallSpec = {
    method: "GET",
    path: "/v1/rings",
    summary: "Its neighbours, ring by ring.",
    answer: ANY_LIST,
  };
  addCall(app, parts, rings, ({ member: { client } }) => ringViews(client.rings(), client.members()));
  const members: CallSpec = {
    method: "GET",
    path: "/v1/members",
    summary: "The members in its view.",
    answer: ANY_LIST,
    query: { ...MEMBER_QUERY, ...ALL, ...PATHS },
  };
  addCall(app, parts, members, (call) => queryMembers(call.member.client, memberQueryOf(call)));
  const graph: CallSpec = {
    method: "GET",
    path: "/v1/graph",
    summary: "Members, links with their paths, sessions, streams by protocol, topics and services, with ids that stay.",
    answer: GRAPH_ANSWER,
  };
  addCall(app, parts, graph, async ({ member: { client, services } }) =>
    graphOf(client, await services.states(), Date.now()),
  );
  const doctor: CallSpec = {
    method: "POST",
    path: "/v1/doctor",
    answer: ANY_OBJECT,
    summary: "Has three members dial this one back, and says what they see and what to do.",
  };
  addCall(app, parts, doctor, ({ member }) => member.client.doctor());
}

function addTalk(app: FastifyInstance, parts: AppParts): void {
  const message: CallSpec = {
    method: "POST",
    path: "/v1/messages",
    body: MESSAGE_BODY,
    bodyBytesMax: MESSAGE_BODY_BYTES_MAX,
    answer: ANY_OBJECT,
    summary: "Sends a member a signed message; answers with its reply.",
    deadlineMs: deadlineOf(SEND_TIMEOUT_MS),
  };
  addCall(app, parts, message, sendMessage);
  const ping: CallSpec = {
    method: "POST",
    path: "/v1/pings",
    body: PING_BODY,
    answer: ANY_OBJECT,
    summary: "How long a member takes to answer.",
    deadlineMs: deadlineOf(PING_TIMEOUT_MS),
  };
  addCall(app, parts, ping, async ({ member: { client }, body, signal }) => {
    const { to, ...timeout } = body as { to: string; timeoutMs?: number };
    const found = meant(client, to);
    return roundTripView(found, await client.ping(found.id, { signal, ...timeoutOf(timeout) }));
  });
  const join: CallSpec = {
    method: "POST",
    path: "/v1/joins",
    body: JOIN_BODY,
    answer: ANY_OBJECT,
    summary: "Contacts a member at an address.",
    deadlineMs: () => JOIN_TIMEOUT_MS + SLACK_MS,
  };
  addCall(app, parts, join, async ({ member: { client }, body, signal }) => {
    const member = await client.join(String(body.address), { signal });
    return { member: memberView(member), members: client.members().length };
  });
}

function addLife(app: FastifyInstance, parts: AppParts): void {
  const gossip: CallSpec = {
    method: "PUT",
    path: "/v1/gossip",
    body: GOSSIP_BODY,
    bodyBytesMax: MESSAGE_BODY_BYTES_MAX,
    answer: ANY_OBJECT,
    summary: "Sets what it gossips to its neighbours.",
  };
  addCall(app, parts, gossip, ({ member: { client }, body }) => {
    const data = bytesOf(body.data);
    client.setGossipContent(data);
    return { bytes: data.length };
  });
  const renew: CallSpec = {
    method: "POST",
    path: "/v1/renewals",
    answer: ANY_OBJECT,
    summary: "Gets its next certificate now.",
    deadlineMs: () => RENEW_MS,
  };
  addCall(app, parts, renew, async ({ member: { client } }) => {
    await client.renew();
    return { certificateEnds: client.info().certificateEnds };
  });
  const leave: CallSpec = {
    method: "POST",
    path: "/v1/leave",
    body: LEAVE_BODY,
    answer: ANY_OBJECT,
    endsAgent: true,
    summary: "Leaves the network; the agent's first member ends the agent with it.",
    deadlineMs: ({ drainMs }) => Number(drainMs) + LEAVE_MS,
  };
  addCall(app, parts, leave, async ({ member, body }) => {
    await member.leave(Number(body.drainMs));
    return { left: true };
  });
}

async function sendMessage({ member: { client }, body, signal }: Call): Promise<object> {
  const { to, data, service, ...timeout } = body as { to: string; data: string; service?: string; timeoutMs?: number };
  const { id, name } = meant(client, to);
  const reply = await client.sendToId(id, bytesOf(data), { signal, service, ...timeoutOf(timeout) });
  return { id, name, reply: Buffer.from(reply).toString("base64") };
}

/** Oneself too: what is sent there runs one's own handlers. */
export function meant(client: Hosted["client"], argument: string): Member {
  return whichMember(argument, [client.self, ...client.members()], client.departed());
}

/** What is not asked for is left out. */
export function memberQueryOf({ query: { name, metadata, service, all, paths } }: Pick<Call, "query">): MemberQuery {
  return {
    ...(typeof name === "string" && { name }),
    ...(metadata !== undefined && { metadata: [metadata].flat() }),
    ...(typeof service === "string" && { service }),
    ...(all === "true" && { all: true }),
    ...(paths === "true" && { paths: true }),
  };
}

function bytesOf(text: unknown): Uint8Array {
  return Buffer.from(String(text), "base64");
}

function timeoutOf({ timeoutMs }: { readonly timeoutMs?: number }): { readonly timeout?: number } {
  return timeoutMs === undefined ? {} : { timeout: timeoutMs };
}

function deadlineOf(usualMs: number): (body: Readonly<Record<string, unknown>>) => number {
  return ({ timeoutMs }) => (typeof timeoutMs === "number" ? timeoutMs : usualMs) + SLACK_MS;
}
