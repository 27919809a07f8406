/** Calls that go on: changes and the log as lines of JSON, streams on upgraded connections. */

import type { Socket } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { onAbort } from "../../../net/abort.js";
import { changeView } from "../../views.js";
import { malformed } from "../failure.js";
import { matching } from "../member-query.js";
import { type AppParts, taken, type Upgrade } from "../parts.js";
import { joinStreams } from "../stream-bridge.js";
import { FRAMES, plainJson, writeFrame } from "../wire.js";
import { requestOf, schemaOf } from "./calling.js";
import { addLines, TCP_KEEP_ALIVE_MS } from "./lines.js";
import { meant, memberQueryOf } from "./member-calls.js";
import { ANY_OBJECT, MEMBER_QUERY, PATHS, PROTOCOL } from "./schemas.js";

export function addStreamCalls(app: FastifyInstance, parts: AppParts): void {
  const changes = {
    path: "/v1/changes",
    summary: "The members, then every change of the view as it happens: a line of JSON for each.",
    query: { ...MEMBER_QUERY, ...PATHS },
    answer: ANY_OBJECT,
  };
  addLines(app, parts, changes, (request, signal) => {
    const { member, query } = requestOf(request, parts);
    const asked = memberQueryOf({ query });
    const isAskedFor = matching(asked);
    return mapped(member.client.changes({ signal, paths: asked.paths }), (change) =>
      "member" in change && !isAskedFor(change.member) ? undefined : changeView(change),
    );
  });
  const log = {
    path: "/v1/log",
    summary: "What the agent tells from now on, a line of JSON for each entry; with as what it tells of that member.",
    answer: ANY_OBJECT,
  };
  addLines(app, parts, log, (request, signal) => {
    const { as } = request.query as { readonly as?: string };
    const entries = () => parts.host.log.follow(signal);
    return as === undefined ? entries() : mapped(entries(), entriesOf(parts.host, as));
  });
  addOpening(app, parts);
}

/** Entries of one of the agent's members; entries of its own have no name beside them. Throws "identity-unknown". */
function entriesOf(host: AppParts["host"], as: string): (entry: object) => object | undefined {
  const meant = host.member(as).as;
  const isOwn = meant === host.member(undefined).as;
  return (entry) => {
    const { as: of, event } = entry as { readonly as?: unknown; readonly event?: unknown };
    return event === "left-out" || (isOwn ? of === undefined : of === meant) ? entry : undefined;
  };
}

async function* mapped<T, U>(values: AsyncIterable<T>, change: (value: T) => U | undefined): AsyncGenerator<U, void> {
  for await (const value of values) {
    const other = change(value);
    if (other !== undefined) yield other;
  }
}

function addOpening(app: FastifyInstance, parts: AppParts): void {
  const schema = schemaOf({
    summary: `A stream to a member, on a connection that is upgraded to ${FRAMES}: docs/daemon.md.`,
    query: PROTOCOL,
    answer: ANY_OBJECT,
  });
  app.get("/v1/streams/:member", { schema }, async (request, reply) => {
    const upgrade = upgradeOf(request, parts);
    const { member, params, query } = requestOf(request, parts);
    const signal = whenClosed(upgrade.socket, parts.closing);
    const { id, name } = meant(member.client, params.member ?? "");
    // A caller that names a protocol is told that it is open when it was taken there.
    const protocol = query.protocol === undefined ? {} : { protocol: String(query.protocol), accepted: true };
    const stream = await member.client.openStream(id, { signal, ...protocol });
    reply.hijack();
    const connection = connectionOf(upgrade, reply.raw);
    if (query.protocol !== undefined) {
      const opened = { event: "open", id, name, protocol: protocol.protocol };
      await writeFrame(connection, "event", Buffer.from(plainJson(opened)));
    }
    await joinStreams(stream, connection, signal);
  });
}

function connectionOf(upgrade: Upgrade, response: Parameters<typeof taken>[1]): Socket {
  const connection = taken(upgrade, response, FRAMES);
  connection.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  return connection;
}

/** Throws for a request that is an ordinary one. */
export function upgradeOf({ raw }: FastifyRequest, parts: AppParts): Upgrade {
  const upgrade = parts.upgradeOf(raw);
  if (upgrade !== undefined && raw.headers.upgrade === FRAMES) return upgrade;
  throw malformed(`This call is made with Connection: Upgrade and Upgrade: ${FRAMES}.`);
}

/** Fires when the connection has ended, in whatever way, or the agent ends. */
export function whenClosed(socket: Socket, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const end = () => gone.abort();
  const unwatch = onAbort(closing, end);
  socket.once("close", () => {
    unwatch();
    end();
  });
  if (socket.destroyed) end();
  return gone.signal;
}
