/** The application of the agent's API: its calls on fastify, each with a schema, a deadline and a bound. */
import type { IncomingMessage, ServerResponse } from "node:http";
import fastify, { type FastifyInstance } from "fastify";
import { collectOpenApi } from "../../../ca/http/openapi.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { addBenchCalls } from "../calls/bench-calls.js";
import { addExplainCalls } from "../calls/explain-calls.js";
import { addFeedCalls } from "../calls/feed-calls.js";
import { addForwardCalls } from "../calls/forward-calls.js";
import { addHttpCalls } from "../calls/http-calls.js";
import { addIdentityCalls } from "../calls/identity-calls.js";
import { addMemberCalls } from "../calls/member-calls.js";
import { addOpsCalls } from "../calls/ops-calls.js";
import { addServiceCalls } from "../calls/service-calls.js";
import { addStreamCalls } from "../calls/stream-calls.js";
import { addTopicCalls } from "../calls/topic-calls.js";
import { failureOf } from "../http-failure.js";
import type { AppParts, Upgrade } from "../parts.js";
import { plainJson } from "../wire.js";
import { addPage } from "./page.js";

/** Of a body, unless a call says more. */
const BODY_BYTES_MAX = 64 * 1024;
/** In a path: a name, an id, the id of a service. */
const PARAMETER_CHARACTERS_MAX = 512;

export interface App {
  answer(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): void;
  close(): Promise<void>;
}

export async function createApp(parts: Omit<AppParts, "upgradeOf">): Promise<App> {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  const app = applicationOf({ ...parts, upgradeOf: (request) => upgrades.get(request) });
  await app.ready();
  return {
    answer: (request, response, upgrade) => {
      if (upgrade !== undefined) upgrades.set(request, upgrade);
      app.routing(request, response);
    },
    close: () => app.close(),
  };
}

/** With all calls; not ready yet. */
export function applicationOf(parts: AppParts): FastifyInstance {
  const app: FastifyInstance = fastify({
    bodyLimit: BODY_BYTES_MAX,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAMETER_CHARACTERS_MAX },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  app.removeContentTypeParser("text/plain"); // What a page may send without being asked.
  app.setSerializerCompiler(() => plainJson);
  app.setReplySerializer(plainJson);
  app.setErrorHandler((error, _, reply) => {
    const { status, body } = failureOf(error);
    return reply.code(status).header("cache-control", "no-store").send(body);
  });
  app.setNotFoundHandler(() => {
    throw new FirefliesError("not-found", "The agent's API has no such call.", {
      advice: "See docs/agent-openapi.json.",
    });
  });
  const document = collectOpenApi(app, {
    title: "Fireflies agent",
    description:
      "What the commands ask a running agent, and programs may. Over its Unix socket, and where api_listen says; docs/daemon.md says who may.",
    servers: [{ url: "http://localhost", description: "The Unix socket control.sock in the agent's directory." }],
    securitySchemes: {
      token: { type: "http", scheme: "bearer", description: "Over TCP: the token of api_token_file." },
      certificate: { type: "mutualTLS", description: "Over TCP: the certificate of a member that api_allow names." },
    },
    security: [{}, { token: [] }, { certificate: [] }],
  });
  addMemberCalls(app, parts);
  addExplainCalls(app, parts);
  addFeedCalls(app, parts);
  addBenchCalls(app, parts);
  addStreamCalls(app, parts);
  addForwardCalls(app, parts);
  addHttpCalls(app, parts);
  addTopicCalls(app, parts);
  addServiceCalls(app, parts);
  addIdentityCalls(app, parts);
  addOpsCalls(app, parts);
  const openApi = JSON.stringify(document());
  app.get("/openapi.json", (_, reply) => reply.type("application/json").serializer(String).send(openApi));
  addPage(app);
  return app;
}
