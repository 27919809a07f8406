/** What probes and collectors ask: metrics, and whether the member is well. Their paths and answers are those that such programs know. */
import type { FastifyInstance, FastifyReply } from "fastify";
import { missing } from "../../../identity/optional.js";
import { readinessOf } from "../../../ops/health/readiness.js";
import type { MemberMetrics } from "../../../ops/metrics/member-metrics.js";
import type { AgentClient } from "../../agent-client.js";
import type { AppParts } from "../parts.js";
import { limitTaking, requestOf, schemaOf } from "./calling.js";
import { ANY_OBJECT } from "./schemas.js";

const NOT_READY = 503;
const TEXT = { type: "string" };

export function addOpsCalls(app: FastifyInstance, parts: AppParts): void {
  const pages = new MetricsOf(parts.closing);
  app.get("/metrics", {
    schema: schemaOf({ summary: "Metrics of the member and its process, for Prometheus.", answer: TEXT }),
    handler: async (request, reply) => {
      const metrics = await pages.of(requestOf(request, parts).member.client);
      const { type, text } = await metrics.page(request.headers.accept);
      limitTaking(reply);
      return reply.header("cache-control", "no-store").type(type).serializer(String).send(text);
    },
  });
  app.get("/healthz", {
    schema: schemaOf({ summary: "The process lives.", answer: ANY_OBJECT }),
    handler: async (_, reply) => answerHealth(reply, { ok: true, reasons: [] }),
  });
  app.get("/readyz", {
    schema: schemaOf({ summary: "May it be given work? Why not, in sentences.", answer: ANY_OBJECT }),
    handler: async (request, reply) => answerHealth(reply, readinessOf(requestOf(request, parts).member.client)),
  });
}

function answerHealth(reply: FastifyReply, health: { readonly ok: boolean; readonly reasons: readonly string[] }) {
  limitTaking(reply);
  const status = health.ok ? 200 : NOT_READY;
  return reply.code(status).header("cache-control", "no-store").type("application/json").send(health);
}

/** Of each member, from the first time that somebody asks: what is counted begins there. */
class MetricsOf {
  readonly #closing: AbortSignal;
  readonly #all = new WeakMap<AgentClient, Promise<MemberMetrics>>();

  constructor(closing: AbortSignal) {
    this.#closing = closing;
  }

  of(client: AgentClient): Promise<MemberMetrics> {
    const known = this.#all.get(client);
    if (known !== undefined) return known;
    const made = this.#make(client);
    this.#all.set(client, made);
    return made;
  }

  async #make(client: AgentClient): Promise<MemberMetrics> {
    const { MemberMetrics: Metrics } = await import("../../../ops/metrics/member-metrics.js").catch(
      missing("prom-client", "An agent that tells metrics"),
    );
    const metrics = new Metrics(client, { ofProcess: true });
    this.#closing.addEventListener("abort", () => metrics.close(), { once: true });
    return metrics;
  }
}
