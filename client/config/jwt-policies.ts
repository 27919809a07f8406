/** The key `jwt` of an authority: a list of policies, as a file writes them; in a variable or a flag, JSON. */
import { isRecord, JWT_POLICIES_MAX, type JwtPolicy, jwtPolicyProblem } from "../../identity/index.js";
import type { Parser } from "./values.js";

/** How a file writes the policy's keys that are of several words. */
const SPELT: Readonly<Record<string, string>> = { jwksUri: "jwks_uri", caFile: "ca_file", tokenFile: "token_file" };
const MEANT = new Map(Object.entries(SPELT).map(([key, spelt]) => [spelt, key]));

export const jwtPolicies: Parser<readonly JwtPolicy[]> = (raw) => {
  const list = typeof raw === "string" ? parsed(raw) : raw;
  if (!Array.isArray(list) || list.length > JWT_POLICIES_MAX)
    return { ok: false, problem: `must be a list of at most ${JWT_POLICIES_MAX} policies` };
  const policies = list.map(policyOf);
  const problems = policies.map((policy) => jwtPolicyProblem(policy, (key) => SPELT[key] ?? key));
  const index = problems.findIndex((problem) => problem !== undefined);
  if (index < 0) return { ok: true, value: policies as JwtPolicy[] };
  return { ok: false, problem: `has an entry ${index + 1} that ${problems[index]}` };
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function policyOf(item: unknown): unknown {
  if (!isRecord(item)) return item;
  return Object.fromEntries(Object.entries(item).map(([key, value]) => [MEANT.get(key) ?? key, value]));
}
