/** A connection to the HTTP server that a URL of members leads to, for a command that speaks HTTP itself. */
import type { FastifyInstance } from "fastify";
import type { MessageStream } from "../../../client/types.js";
import { hostOfMember, memberOfHost } from "../../../services/host-names.js";
import { malformed } from "../failure.js";
import { type AppParts, taken } from "../parts.js";
import { joinStreams } from "../stream-bridge.js";
import { FRAMES, plainJson, writeFrame } from "../wire.js";
import { requestOf, schemaOf } from "./calling.js";
import { ANY_OBJECT, PROTOCOL } from "./schemas.js";
import { upgradeOf, whenClosed } from "./stream-calls.js";

const PORT_MAX = 65_535;
const QUERY = {
  ...PROTOCOL,
  port: {
    type: "string",
    maxLength: 5,
    description: "Of the URL; 80 when left out. Others are protocols of forwards.",
  },
} as const;

export function addHttpCalls(app: FastifyInstance, parts: AppParts): void {
  const summary = `A connection to the HTTP server of "bob.fireflies" and the like, which is upgraded to ${FRAMES}.`;
  let turn = 0; // Members that offer a service take turns.
  const schema = schemaOf({ summary, query: QUERY, answer: ANY_OBJECT });
  app.get("/v1/http/:host", { schema }, async (request, reply) => {
    const upgrade = upgradeOf(request, parts);
    const { member, params, query } = requestOf(request, parts);
    const port = Number(query.port ?? 80);
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) throw malformed(`${query.port} is no port.`);
    const signal = whenClosed(upgrade.socket, parts.closing);
    const { openTo } = await import("../../../services/http/calling/opening.js");
    const protocol = query.protocol === undefined ? undefined : String(query.protocol);
    const { stream, id } = await openTo(member.client, { ...meantBy(params.host ?? ""), port, protocol }, turn++);
    reply.hijack();
    const connection = taken(upgrade, reply.raw, FRAMES);
    await writeFrame(connection, "event", Buffer.from(plainJson({ event: "open", id })));
    await joinStreams(stream as MessageStream, connection, signal);
  });
}

/** "service:shop" is the service, also where a member is called so. */
function meantBy(host: string): { readonly host: string; readonly isService: boolean } {
  const service = /^service:(.+)$/.exec(host)?.[1];
  if (service !== undefined) return { host: hostOfMember(service), isService: true };
  return { host: memberOfHost(host) === undefined ? hostOfMember(host) : host, isService: false };
}
