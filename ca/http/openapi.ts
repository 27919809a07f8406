/** An OpenAPI document, made from the schemas that the routes check with: it cannot say anything else than the server does. */
import type { FastifyInstance, FastifySchema, RouteOptions } from "fastify";

/** What a route says about itself beside the schemas of fastify. */
export interface Described extends FastifySchema {
  readonly summary?: string;
  /** The caller proves its certificate in TLS. */
  readonly needsCertificate?: boolean;
  /** Content type of body and answer, when it is not JSON. */
  readonly bodyType?: string;
  readonly answerType?: string;
  /** Names of path parameters are taken from the path. */
}

type Json = Readonly<Record<string, unknown>>;

/** What the document says of the server, beside its routes. */
export interface About {
  readonly title: string;
  readonly description: string;
  readonly servers: readonly Json[];
  readonly securitySchemes: Json;
  /** Of calls that say nothing of it. */
  readonly security?: readonly Json[];
}

/** Watches the routes as they are added; the document is asked for when all are there. */
export function collectOpenApi(server: FastifyInstance, about: About): () => Json {
  const routes: RouteOptions[] = [];
  server.addHook("onRoute", (route) => void routes.push(route));
  return () => documentOf(routes, about);
}

function documentOf(
  routes: readonly RouteOptions[],
  { title, description, servers, securitySchemes, security }: About,
): Json {
  const silent = routes.filter(({ schema }) => (schema as Described | undefined)?.summary === undefined);
  if (silent.length > 0) throw new Error(`routes without a summary: ${silent.map(({ url }) => url).join(", ")}`);
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes.toSorted((a, b) => (a.url < b.url ? -1 : 1))) {
    const path = route.url.replace(/:(\w+)/g, "{$1}").replace("*", "{rest}");
    paths[path] = { ...paths[path], [String(route.method).toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title, version: "1", description },
    servers,
    ...(security && { security }),
    paths,
    components: { securitySchemes },
  };
}

function operationOf({ schema, url }: RouteOptions): Json {
  const described = (schema ?? {}) as Described;
  const { summary, body, bodyType = "application/json", answerType = "application/json" } = described;
  const inPath = [...url.matchAll(/:(\w+)|\*/g)].map(([, name = "rest"]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const parameters = [...inPath, ...queryOf(described.querystring as QuerySchema | undefined)];
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(described.needsCertificate && { security: [{ certificate: [] }, { signature: [] }] }),
    ...(body !== undefined && { requestBody: { required: true, content: { [bodyType]: { schema: body } } } }),
    responses: responsesOf(described.response as Readonly<Record<string, Json>> | undefined, answerType),
  };
}

interface QuerySchema {
  readonly properties?: Readonly<Record<string, Json>>;
}

function queryOf({ properties = {} }: QuerySchema = {}): Json[] {
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    ...{ name, in: "query", required: false },
    ...(description !== undefined && { description }),
    schema,
  }));
}

/** Failures are always JSON. */
function responsesOf(response: Readonly<Record<string, Json>> = {}, answerType: string): Json {
  const entries = Object.entries(response).map(([status, { description = "", ...schema }]) => {
    const type = status.startsWith("2") ? answerType : "application/json";
    return [status.toUpperCase(), { description, content: { [type]: { schema } } }];
  });
  return Object.fromEntries(entries) as Json;
}
