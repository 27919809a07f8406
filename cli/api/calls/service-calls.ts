/** Calls about services: what runs, and one more or one less. */
import type { FastifyInstance } from "fastify";
import type { SaidService } from "../host.js";
import type { AppParts } from "../parts.js";
import { addCall, type CallSpec } from "./calling.js";
import { ANY_LIST, ANY_OBJECT, RELOAD_ANSWER, SERVICE_BODY, SERVICE_CHANGE_QUERY } from "./schemas.js";

export function addServiceCalls(app: FastifyInstance, parts: AppParts): void {
  const list: CallSpec = {
    method: "GET",
    path: "/v1/services",
    summary: "The services of the member, with state, streams, bytes and last error.",
    answer: ANY_LIST,
  };
  addCall(app, parts, list, ({ member }) => member.services.states());
  const add: CallSpec = {
    method: "POST",
    path: "/v1/services",
    summary: "One more service; answers when it runs. With save it is written to the configuration.",
    body: SERVICE_BODY,
    query: SERVICE_CHANGE_QUERY,
    answer: ANY_OBJECT,
  };
  addCall(app, parts, add, async ({ member, body, query }) => {
    return await member.services.add(saidOf(body), query.save === "true");
  });
  const remove: CallSpec = {
    method: "DELETE",
    path: "/v1/services/:id",
    summary: "Ends a service. With save it is taken out of the configuration as well.",
    query: SERVICE_CHANGE_QUERY,
    answer: ANY_OBJECT,
  };
  addCall(app, parts, remove, async ({ member, params, query }) => {
    const id = params.id ?? "";
    await member.services.remove(id, query.save === "true");
    return { removed: id };
  });
  const reload: CallSpec = {
    method: "POST",
    path: "/v1/reloads",
    summary: "Reads the configuration again, and applies what has changed. A bad one changes nothing.",
    answer: RELOAD_ANSWER,
  };
  addCall(app, parts, reload, () => parts.host.reload());
}

function saidOf(body: Readonly<Record<string, unknown>>): SaidService {
  const { id, kind, settings = {} } = body as unknown as SaidService;
  return { id, kind, settings };
}
