/** OCSP over HTTP (RFC 6960, appendix A): POST with the question as the body, GET with it in the path. */
import type { FastifyInstance } from "fastify";
import { AUTHORITY_PATHS, STATUS_REQUEST_BYTES_MAX } from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import type { Described } from "./openapi.js";
import { bytesOf } from "./plain-bodies.js";
import { FAILURES } from "./schemas.js";

const REQUEST_TYPE = "application/ocsp-request";
const ANSWER_TYPE = "application/ocsp-response";
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export function addStatusRoutes(server: FastifyInstance, authority: CertificateAuthority): void {
  const described: Described = {
    summary: "Whether a certificate is good, revoked or unknown (OCSP).",
    bodyType: REQUEST_TYPE,
    answerType: ANSWER_TYPE,
    response: { 200: { description: "An OCSPResponse, DER (RFC 6960).", type: "string" }, ...FAILURES },
  };
  const answer = async (request: Uint8Array) => Buffer.from(await authority.statusOf(request));
  server.post(
    AUTHORITY_PATHS.ocsp,
    { schema: described, bodyLimit: STATUS_REQUEST_BYTES_MAX },
    async ({ body }, reply) => reply.type(ANSWER_TYPE).send(await answer(bytesOf(body))),
  );
  const inPath: Described = { ...described, summary: "The same, with the request in base64 as the path's rest." };
  const path = `${AUTHORITY_PATHS.ocsp}/*`;
  server.get<{ Params: { readonly "*": string } }>(path, { schema: inPath }, async ({ params }, reply) => {
    const text = params["*"];
    const request = BASE64.test(text) ? Buffer.from(text, "base64") : new Uint8Array();
    return reply.type(ANSWER_TYPE).send(await answer(request));
  });
}
