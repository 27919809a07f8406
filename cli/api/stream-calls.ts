/** Calls that go on until one side has had enough: changes and the log as lines of JSON, streams on upgraded connections. */
import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { drained } from "../drained.js";
import { changeView } from "../views.js";
import { requestOf, schemaOf, whenGone } from "./calling.js";
import { malformed } from "./failure.js";
import { failureOf } from "./http-failure.js";
import { meant, memberQueryOf } from "./member-calls.js";
import { matching } from "./member-query.js";
import { type AppParts, taken } from "./parts.js";
import { ANY_OBJECT, MEMBER_QUERY, PATHS, PROTOCOL } from "./schemas.js";
import { joinStreams } from "./stream-bridge.js";
import { FRAMES, plainJson, writeFrame } from "./wire.js";

const LINES_TYPE = "application/x-ndjson";
/** Between two signs of life on a connection on which nothing is said, milliseconds: TCP finds out that its other end is gone. */
const KEEP_ALIVE_MS = 15_000;

export function addStreamCalls(app: FastifyInstance, parts: AppParts): void {
  const changes = {
    summary: "The members, then every change of the view as it happens: a line of JSON for each.",
    ...{ query: { ...MEMBER_QUERY, ...PATHS }, answer: ANY_OBJECT },
  };
  addLines(app, parts, { path: "/v1/changes", ...changes }, (request, signal) => {
    const { member, query } = requestOf(request, parts);
    const asked = memberQueryOf({ query });
    const isAskedFor = matching(asked);
    return mapped(member.client.changes({ signal, paths: asked.paths }), (change) =>
      "member" in change && !isAskedFor(change.member) ? undefined : changeView(change),
    );
  });
  const log = { summary: "What the agent tells from now on, a line of JSON for each entry.", answer: ANY_OBJECT };
  addLines(app, parts, { path: "/v1/log", ...log }, (_, signal) => parts.host.log.follow(signal));
  addStreams(app, parts);
}

/** `schema` as of a call. */
interface LinesSpec {
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, object>>;
  readonly answer: object;
}

/** Lines of JSON until the source ends, the caller goes, or the agent ends. What a caller does not read waits at its source. */
export function addLines(
  app: FastifyInstance,
  parts: AppParts,
  spec: LinesSpec,
  source: (request: FastifyRequest, signal: AbortSignal) => AsyncIterable<unknown>,
): void {
  app.get(spec.path, { schema: { ...schemaOf(spec), answerType: LINES_TYPE } as object }, async (request, reply) => {
    const signal = whenGone(reply, parts.closing);
    const values = source(request, signal); // What it throws at once is an answer like others.
    await writeLines(reply, values);
  });
}

/** Away from fastify: the head at once, then a line for each value, at the pace of the reader. */
export async function writeLines(reply: FastifyReply, values: AsyncIterable<unknown>): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.socket?.setKeepAlive(true, KEEP_ALIVE_MS);
  raw.writeHead(200, { "content-type": LINES_TYPE, "cache-control": "no-store", connection: "close" });
  raw.flushHeaders();
  try {
    for await (const value of values) {
      if (value === undefined) continue;
      if (!raw.write(`${plainJson(value)}\n`)) await drained(raw);
      if (raw.destroyed) return;
    }
  } catch (error) {
    raw.write(`${plainJson({ error: failureOf(error).body })}\n`);
  } finally {
    raw.end();
  }
}

async function* mapped<T, U>(values: AsyncIterable<T>, change: (value: T) => U | undefined): AsyncGenerator<U, void> {
  for await (const value of values) {
    const other = change(value);
    if (other !== undefined) yield other;
  }
}

function addStreams(app: FastifyInstance, parts: AppParts): void {
  const schema = {
    ...schemaOf({
      summary: `A stream to a member, on a connection that is upgraded to ${FRAMES}: docs/daemon.md.`,
      query: PROTOCOL,
      answer: ANY_OBJECT,
    }),
  };
  app.get("/v1/streams/:member", { schema }, async (request, reply) => {
    const upgrade = upgradeOf(request, parts);
    const { member, params, query } = requestOf(request, parts);
    const signal = whenClosed(upgrade.socket, parts.closing);
    const protocol = query.protocol === undefined ? {} : { protocol: String(query.protocol) };
    const { id, name } = meant(member.client, params.member ?? "");
    const stream = await member.client.openStream(id, { signal, ...protocol });
    reply.hijack();
    const connection = taken(upgrade, reply.raw, FRAMES);
    connection.setKeepAlive(true, KEEP_ALIVE_MS);
    if (query.protocol !== undefined) {
      const opened = { event: "open", id, name, ...protocol };
      await writeFrame(connection, "event", Buffer.from(plainJson(opened)));
    }
    await joinStreams(stream, connection, signal);
  });
}

/** Throws for a request that is an ordinary one. */
export function upgradeOf({ raw }: FastifyRequest, parts: AppParts) {
  const upgrade = parts.upgradeOf(raw);
  if (upgrade !== undefined && raw.headers.upgrade === FRAMES) return upgrade;
  throw malformed(`This call is made with Connection: Upgrade and Upgrade: ${FRAMES}.`);
}

/** Fires when the connection has ended, in whatever way, or the agent ends. */
export function whenClosed(socket: Socket, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const end = () => gone.abort();
  socket.once("close", end);
  if (socket.destroyed || closing.aborted) end();
  closing.addEventListener("abort", end, { once: true, signal: gone.signal });
  return gone.signal;
}
