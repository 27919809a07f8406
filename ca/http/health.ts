/** Whether the authority lives (/healthz) and can do its work (/readyz): for those who restart and route. */
import type { FastifyInstance } from "fastify";
import type { Described } from "./openapi.js";
import { FAILURES, HEALTH_ANSWER } from "./schemas.js";

/** A store that is slower than this cannot serve anybody. Milliseconds. */
const CHECK_TIMEOUT_MS = 2_000;

/** `check` rejects when the authority could not issue now. */
export function addHealth(server: FastifyInstance, check: () => Promise<void>): void {
  const response = { 200: HEALTH_ANSWER, ...FAILURES };
  const health: Described = { summary: "The process answers.", response };
  server.get("/healthz", { schema: health }, () => ({ status: "ok" }));
  const readiness: Described = { summary: "The store answers and the issuing certificate is in force.", response };
  server.get("/readyz", { schema: readiness }, async () => {
    await inTime(check());
    return { status: "ok" };
  });
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
