/** What an authority's service answers, as entries of a program's log. No entry holds a secret, or a path that a caller made up. */
import type { Logger } from "../../identity/index.js";
import type { RequestRecord } from "./service-metrics.js";

/** Every member calls these all day long: what went well there would hide what an operator looks for. */
const ROUTINE: readonly string[] = ["/v1/report", "/v1/challenge"];

export function logRequest(logger: Logger, { milliseconds, ...record }: RequestRecord): void {
  const { method, route, status, address } = record;
  const level = levelOf(route, status);
  const ms = Math.round(milliseconds * 10) / 10;
  logger[level](
    { event: "request", ...record, milliseconds: ms },
    `${method} ${route} ${status} for ${address}, ${ms} ms`,
  );
}

function levelOf(route: string, status: number): "debug" | "info" | "error" {
  if (status >= 500) return "error";
  return status < 400 && ROUTINE.includes(route) ? "debug" : "info";
}
