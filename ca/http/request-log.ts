/** What an authority's service answers, as entries of a program's log. No entry holds a secret, or a path that a caller made up. */
import type { Logger } from "../../identity/index.js";
import type { RequestRecord } from "./service-metrics.js";

export function logRequest(logger: Logger, { milliseconds, ...record }: RequestRecord): void {
  const level = record.status >= 500 ? "error" : "info";
  const { method, route, status, address } = record;
  const ms = Math.round(milliseconds * 10) / 10;
  logger[level](
    { event: "request", ...record, milliseconds: ms },
    `${method} ${route} ${status} for ${address}, ${ms} ms`,
  );
}
