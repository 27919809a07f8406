/** What is revoked, for whoever asks: the list that members gossip, and X.509 lists for other tools. Each proves itself. */
import type { FastifyInstance } from "fastify";
import { AUTHORITY_PATHS, FirefliesError, type RevocationsAnswer } from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import type { Described } from "./openapi.js";
import { FAILURES, REVOCATIONS_ANSWER } from "./schemas.js";

/** Proxies may keep a list for as long as members take to hear of a new one anyway, seconds. */
const CACHE_SECONDS = 10;
/** Of a 64-bit number, in decimal. */
const NUMBER = /^\d{1,20}$/;
const FINGERPRINT = /^[0-9a-f]{64}$/;

export function addRevocationRoutes(server: FastifyInstance, authority: CertificateAuthority): void {
  const revocations: Described = {
    summary: "The revocation list that members gossip, when its number is above the query's `after`.",
    response: { 200: REVOCATIONS_ANSWER, ...FAILURES },
  };
  server.get<{ Querystring: { readonly after?: unknown } }>(
    AUTHORITY_PATHS.revocations,
    { schema: revocations },
    async ({ query }) => revocationsAnswer(authority, query.after ?? "0"),
  );

  const crl: Described = {
    summary: "The X.509 revocation list of the issuing certificate that signs members now.",
    answerType: "application/pkix-crl",
    response: { 200: { description: "A certificate list, DER (RFC 5280, section 5).", type: "string" }, ...FAILURES },
  };
  const crlOfIssuer = { ...crl, summary: "The X.509 list of the issuing certificate with this SHA-256, hexadecimal." };
  server.get(`${AUTHORITY_PATHS.crl}`, { schema: { ...crl } }, async (_, reply) => {
    const der = await crlBytes(authority, undefined);
    return reply.type("application/pkix-crl").header("cache-control", `max-age=${CACHE_SECONDS}`).send(der);
  });
  server.get<{ Params: { readonly issuer: string } }>(
    `${AUTHORITY_PATHS.crl}/:issuer`,
    { schema: crlOfIssuer },
    async ({ params }, reply) => {
      const der = await crlBytes(authority, params.issuer);
      return reply.type("application/pkix-crl").header("cache-control", `max-age=${CACHE_SECONDS}`).send(der);
    },
  );
}

/** The list in force when its number is above `after`. Rejects with "body-malformed" for what is no number. */
export async function revocationsAnswer(authority: CertificateAuthority, after: unknown): Promise<RevocationsAnswer> {
  if (typeof after !== "string" || !NUMBER.test(after)) {
    throw new FirefliesError("body-malformed", "`after` is the number of a list, in decimal.");
  }
  const list = await authority.revocations();
  const time = authority.now();
  if (list === undefined || list.number <= BigInt(after)) return { time };
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return { time, list: { body: base64(list.body), signature: base64(list.signature), issuer: base64(list.issuer) } };
}

async function crlBytes(authority: CertificateAuthority, fingerprint: string | undefined): Promise<Buffer> {
  const isPossible = fingerprint === undefined || FINGERPRINT.test(fingerprint);
  const der = isPossible ? await authority.operator.crl(fingerprint) : undefined;
  if (der === undefined) throw new FirefliesError("not-found", "There is no list of such an issuing certificate.");
  return Buffer.from(der);
}
