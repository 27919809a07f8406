/** Calls that say why a member stands as it does, and what proves it. */
import type { FastifyInstance } from "fastify";
import type { AppParts } from "../parts.js";
import { addCall, type CallSpec } from "./calling.js";
import { ANY_OBJECT } from "./schemas.js";

export function addExplainCalls(app: FastifyInstance, parts: AppParts): void {
  const explain: CallSpec = {
    method: "GET",
    path: "/v1/explain/:member",
    answer: ANY_OBJECT,
    summary: "Why a member stands as it does in this view, live, gone or the asked one: sentences, and the facts.",
  };
  addCall(app, parts, explain, ({ member: { client }, params }) => client.explain(params.member ?? ""));
  const evidence: CallSpec = {
    method: "GET",
    path: "/v1/evidence/:member",
    answer: ANY_OBJECT,
    summary:
      "All that is signed about a member and by it, as one signed message: PEM of CMS, which openssl checks too.",
  };
  addCall(app, parts, evidence, async ({ member: { client }, params }) => ({
    evidence: await client.evidence(params.member ?? ""),
  }));
}
