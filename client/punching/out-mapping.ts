/** How a NAT treats the port that this member dials from, as others see the sessions that it made. */
import type { NatMapping } from "../../net/index.js";
import { parseHostPort } from "../../net/index.js";

export interface OutMapping {
  readonly mapping: NatMapping;
  /** "IP:port", the most agreed on first; where each member sees another port, one for each host, since the host is right. */
  readonly candidates: readonly string[];
}

/** Of one or two uplinks. */
const CANDIDATES_MAX = 2;

/** `seen`: "IP:port" for each member that has said it. One of them alone may lie: two that agree settle it. */
export function outMappingOf(seen: readonly string[]): OutMapping {
  const counts = new Map<string, number>();
  for (const text of seen) counts.set(text, (counts.get(text) ?? 0) + 1);
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  const agreed = sorted.filter(([, by]) => by > 1).map(([text]) => text);
  if (agreed.length > 0) return { mapping: "port", candidates: agreed.slice(0, CANDIDATES_MAX) };
  const byHost = new Map(sorted.map(([text]) => [parseHostPort(text)?.host ?? text, text]));
  const candidates = [...byHost.values()].slice(0, CANDIDATES_MAX);
  return { mapping: sorted.length > 1 ? "destination" : "unknown", candidates };
}
