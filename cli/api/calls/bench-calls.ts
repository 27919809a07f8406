/** The call that has the agent measure what it and another member reach between them. */
import type { FastifyInstance } from "fastify";
import { FirefliesError } from "../../../identity/errors/error.js";
import { titleOf } from "../../../identity/index.js";
import type { MeasureOptions } from "../../../services/bench/measure.js";
import type { AppParts } from "../parts.js";
import { requestOf } from "./calling.js";
import { addLines } from "./lines.js";
import { meant } from "./member-calls.js";
import { ANY_OBJECT, BENCH_BODY } from "./schemas.js";

export function addBenchCalls(app: FastifyInstance, parts: AppParts): void {
  const spec = {
    method: "POST",
    path: "/v1/benches",
    summary: "Measures messages and streams with a member that serves it: a line of JSON for each part.",
    body: BENCH_BODY,
    answer: ANY_OBJECT,
  } as const;
  addLines(app, parts, spec, async function* (request, signal) {
    const { member, body } = requestOf(request, parts);
    const { to, ...options } = body as { readonly to: string } & Omit<MeasureOptions, "signal">;
    const { id, name } = meant(member.client, to);
    const { measure } = await import("../../../services/bench/measure.js");
    try {
      yield* measure(member.client, id, { ...options, signal });
    } catch (error) {
      throw isUnserved(error) ? unserved(titleOf({ id, name })) : error;
    }
  });
}

function isUnserved(error: unknown): boolean {
  return error instanceof FirefliesError && error.code === "handler-missing";
}

function unserved(member: string): FirefliesError {
  return new FirefliesError("handler-missing", `${member} does not let itself be measured.`, {
    advice: "Run `fireflies bench --serve` there, or give its agent a service of kind bench.",
  });
}
