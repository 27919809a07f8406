/** One call of the API: what it takes and gives as JSON Schema, which of the agent's members it is for, and its deadline. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { FirefliesError } from "../../../identity/errors/error.js";
import { onAbort } from "../../../net/abort.js";
import { deadlineIn, withDeadline } from "../../../net/deadline.js";
import type { Hosted } from "../host.js";
import type { AppParts } from "../parts.js";
import { FAILURES } from "./schemas.js";

/** Milliseconds for what is answered from memory, or by members that are near. */
const DEADLINE_MS = 30_000;
/** Milliseconds in which a caller takes an answer, once it stands. */
export const TAKING_MS = 30_000;

export interface CallSpec {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly summary: string;
  /** Properties of the query, all of them text. */
  readonly query?: Readonly<Record<string, object>>;
  readonly body?: object;
  readonly bodyBytesMax?: number;
  /** Of the answer. */
  readonly answer: object;
  /** It is answered when the agent has ended. */
  readonly endsAgent?: true;
  /** Milliseconds from the whole request to the answer; of a body that says more than usual. */
  readonly deadlineMs?: (body: Readonly<Record<string, unknown>>) => number;
}

/** A request that fits its schema. */
export interface Call {
  readonly member: Hosted;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Fires at the deadline, when the caller has gone, and when the agent ends. */
  readonly signal: AbortSignal;
}

const AS = {
  type: "string",
  maxLength: 4_096,
  description: "Which of the agent's members: its name, id or directory.",
};

/** Adds a call whose answer is one JSON value. */
export function addCall(app: FastifyInstance, parts: AppParts, spec: CallSpec, handle: (call: Call) => unknown): void {
  const { method, path, bodyBytesMax, deadlineMs = () => DEADLINE_MS } = spec;
  const options = {
    method,
    url: path,
    schema: schemaOf(spec),
    ...(bodyBytesMax !== undefined && { bodyLimit: bodyBytesMax }),
  };
  app.route({
    ...options,
    handler: async (request, reply) => {
      const found = requestOf(request, parts);
      const gone = whenGone(reply, spec.endsAgent ? undefined : parts.closing);
      const deadline = { deadline: deadlineIn(deadlineMs(found.body)), signal: gone };
      const value = await withDeadline(deadline, async (signal) => await handle({ ...found, signal })).catch(
        (error: unknown) => {
          throw gone.aborted ? new FirefliesError("agent-stopped", "The agent ended before it answered.") : error;
        },
      );
      limitTaking(reply);
      return reply.header("cache-control", "no-store").type("application/json").send(value);
    },
  });
}

export function schemaOf({ summary, query = {}, body, answer }: Omit<CallSpec, "method" | "path">) {
  return {
    summary,
    querystring: { type: "object", additionalProperties: false, properties: { as: AS, ...query } },
    ...(body !== undefined && { body }),
    response: { 200: { description: "The answer.", ...answer }, ...FAILURES },
  };
}

export function requestOf(request: FastifyRequest, { host }: Pick<AppParts, "host">): Omit<Call, "signal"> {
  const query = request.query as Record<string, string | undefined>;
  return {
    member: host.member(query.as),
    params: request.params as Record<string, string>,
    query,
    body: (request.body ?? {}) as Record<string, unknown>,
  };
}

/** Fires when the caller has gone or the agent ends. */
export function whenGone({ raw }: FastifyReply, closing: AbortSignal | undefined): AbortSignal {
  const gone = new AbortController();
  const unwatch = onAbort(closing, () => gone.abort());
  raw.once("close", () => {
    unwatch();
    gone.abort();
  });
  return gone.signal;
}

/** Who takes nothing of an answer holds it no longer than this. */
export function limitTaking({ raw }: FastifyReply): void {
  const { socket } = raw;
  if (socket === null) return;
  const cut = () => socket.destroy();
  socket.setTimeout(TAKING_MS, cut);
  raw.once("finish", () => {
    socket.setTimeout(0);
    socket.off("timeout", cut);
  });
}
