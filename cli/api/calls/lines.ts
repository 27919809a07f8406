/** Answers that go on: lines of JSON, at the pace of their reader, until one side has had enough. */
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { drained } from "../../drained.js";
import { failureOf } from "../http-failure.js";
import type { AppParts } from "../parts.js";
import { plainJson } from "../wire.js";
import { schemaOf, whenGone } from "./calling.js";

export const LINES_TYPE = "application/x-ndjson";
/** Between two signs of life on a connection on which nothing is said, milliseconds: TCP finds out that its other end is gone. */
export const TCP_KEEP_ALIVE_MS = 15_000;

interface LinesSpec {
  /** "GET" when left out. */
  readonly method?: "GET" | "POST";
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, object>>;
  readonly body?: object;
  /** Of one line. */
  readonly answer: object;
}

/** Lines until the source ends, the caller goes, or the agent ends. What a caller does not read waits at its source. */
export function addLines(
  app: FastifyInstance,
  parts: AppParts,
  spec: LinesSpec,
  source: (request: FastifyRequest, signal: AbortSignal) => AsyncIterable<unknown> | Promise<AsyncIterable<unknown>>,
): void {
  app.route({
    method: spec.method ?? "GET",
    url: spec.path,
    schema: { ...schemaOf(spec), answerType: LINES_TYPE } as object,
    handler: async (request, reply) => {
      const signal = whenGone(reply, parts.closing);
      const values = await source(request, signal); // What it throws at once is an answer like others.
      await writeLines(reply, values);
    },
  });
}

/** Away from fastify, with the head sent. */
export function openedRaw(reply: FastifyReply, type: string): ServerResponse {
  reply.hijack();
  const { raw } = reply;
  raw.socket?.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  raw.writeHead(200, { "content-type": type, "cache-control": "no-store", connection: "close" });
  raw.flushHeaders();
  return raw;
}

/** A line for each value, at the pace of the reader. */
async function writeLines(reply: FastifyReply, values: AsyncIterable<unknown>): Promise<void> {
  const raw = openedRaw(reply, LINES_TYPE);
  try {
    for await (const value of values) {
      if (!raw.write(`${plainJson(value)}\n`)) await drained(raw);
      if (raw.destroyed) return;
    }
  } catch (error) {
    raw.write(`${plainJson({ error: failureOf(error).body })}\n`);
  } finally {
    raw.end();
  }
}
