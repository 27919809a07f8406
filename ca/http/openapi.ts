/** openapi.json, made from the schemas that the routes check with: the document cannot say anything else than the server does. */
import type { FastifyInstance, FastifySchema, RouteOptions } from "fastify";
import { AUTHORITY_NAME } from "../../identity/index.js";

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

/** Watches the routes as they are added; the document is asked for when all are there. */
export function collectOpenApi(server: FastifyInstance): () => Json {
  const routes: RouteOptions[] = [];
  server.addHook("onRoute", (route) => void routes.push(route));
  return () => documentOf(routes);
}

function documentOf(routes: readonly RouteOptions[]): Json {
  const silent = routes.filter(({ schema }) => (schema as Described | undefined)?.summary === undefined);
  if (silent.length > 0) throw new Error(`routes without a summary: ${silent.map(({ url }) => url).join(", ")}`);
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes.toSorted((a, b) => (a.url < b.url ? -1 : 1))) {
    const path = route.url.replace(/:(\w+)/g, "{$1}").replace("*", "{rest}");
    paths[path] = { ...paths[path], [String(route.method).toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Fireflies certificate authority",
      version: "1",
      description:
        "Membership certificates of a Fireflies network. TLS 1.3; docs/authority-api.md says how callers know the server.",
    },
    servers: [
      {
        url: `https://${AUTHORITY_NAME}:8300`,
        description: "The name in its certificate; dial the address of a token.",
      },
    ],
    paths,
    components: {
      securitySchemes: {
        certificate: { type: "mutualTLS", description: "The member's current certificate." },
        signature: {
          ...{ type: "apiKey", in: "header", name: "Signature" },
          description: "Or a signature of the member's key (RFC 9421), as the Accept-Signature of a 401 asks for it.",
        },
      },
    },
  };
}

function operationOf({ schema, url }: RouteOptions): Json {
  const described = (schema ?? {}) as Described;
  const { summary, body, bodyType = "application/json", answerType = "application/json" } = described;
  const parameters = [...url.matchAll(/:(\w+)|\*/g)].map(([, name = "rest"]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(described.needsCertificate && { security: [{ certificate: [] }, { signature: [] }] }),
    ...(body !== undefined && { requestBody: { required: true, content: { [bodyType]: { schema: body } } } }),
    responses: responsesOf(described.response as Readonly<Record<string, Json>> | undefined, answerType),
  };
}

/** Failures are always JSON. */
function responsesOf(response: Readonly<Record<string, Json>> = {}, answerType: string): Json {
  const entries = Object.entries(response).map(([status, { description = "", ...schema }]) => {
    const type = status.startsWith("2") ? answerType : "application/json";
    return [status.toUpperCase(), { description, content: { [type]: { schema } } }];
  });
  return Object.fromEntries(entries) as Json;
}
