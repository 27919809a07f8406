/** Whether the authority lives (/healthz) and can do its work (/readyz), with reasons: for those who restart and route. */
import type { FastifyInstance } from "fastify";
import { validityOfCertificate } from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import { failureOf } from "./http-errors.js";
import type { Described } from "./openapi.js";
import { authorityReadiness } from "./readiness.js";
import { FAILURES, HEALTH_ANSWER, UNREADY_ANSWER } from "./schemas.js";

/** A store that is slower than this cannot serve anybody. Milliseconds. */
const CHECK_TIMEOUT_MS = 2_000;
/** Seconds after which a probe may ask again. */
const RETRY_AFTER_SECONDS = 1;

/** `isPrivate`: reasons are told in full, as on a port for the cluster's own tools; to everybody no more than that there are some. */
export function addHealth(server: FastifyInstance, authority: CertificateAuthority, isPrivate = false): void {
  const alive = { 200: HEALTH_ANSWER, ...FAILURES };
  const health: Described = { summary: "The process answers.", response: alive };
  server.get("/healthz", { schema: health }, () => ({ ok: true, reasons: [] }));
  const response = { 200: HEALTH_ANSWER, 503: UNREADY_ANSWER, ...FAILURES };
  const readiness: Described = { summary: "The store answers and the issuing certificate is in force.", response };
  server.get("/readyz", { schema: readiness }, async (_, reply) => {
    const at = authority.now();
    const ends = { issuerEnds: endOf(authority.issuer), rootEnds: endOf(authority.root) };
    try {
      await inTime(authority.check());
      return authorityReadiness({ problem: undefined, ...ends }, at);
    } catch (error) {
      authority.tell({ kind: "failed", error, at });
      const { status, body } = failureOf(error);
      const problem = isPrivate && error instanceof Error ? error.message : body.message;
      reply.code(status).header("retry-after", RETRY_AFTER_SECONDS);
      return { ...authorityReadiness({ problem, ...ends }, at), ...body };
    }
  });
}

/** Unix milliseconds. */
function endOf(certificate: Uint8Array): number | undefined {
  return validityOfCertificate(certificate)?.notAfter;
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`The store has not answered within ${CHECK_TIMEOUT_MS} ms.`)),
      CHECK_TIMEOUT_MS,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
