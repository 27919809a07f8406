/** What a JWT's claims say: found by name or pointer, compared with a policy, and put into a name. Values only. */
import { CLAIM_PLACEHOLDER, type JwtPolicy } from "../../identity/index.js";
import { matchesPattern } from "../../rings/index.js";

export type Claims = Readonly<Record<string, unknown>>;

/** Elements of a claim that is a list, as of groups. */
const ELEMENTS_MAX = 1_024;

/** By the claim's name, or by JSON pointer (RFC 6901). */
export function claimAt(claims: Claims, path: string): unknown {
  const parts = path.startsWith("/") ? path.slice(1).split("/").map(unescaped) : [path];
  let value: unknown = claims;
  for (const part of parts) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Claims)[part];
  }
  return value;
}

function unescaped(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** The first claim that is not as the policy wants it; undefined when all are. */
export function unfitClaim({ claims: wanted }: Pick<JwtPolicy, "claims">, claims: Claims): string | undefined {
  return Object.keys(wanted).find((path) => !fits(claimAt(claims, path), [wanted[path]!].flat()));
}

/** Of a list one element must fit. */
function fits(value: unknown, patterns: readonly string[]): boolean {
  const texts = Array.isArray(value) ? value.slice(0, ELEMENTS_MAX).map(textOf) : [textOf(value)];
  return texts.some((text) => text !== undefined && patterns.some((pattern) => matchesPattern(text, pattern)));
}

/** The name by a template with claims in braces; undefined when one of them is missing, or is no text. */
export function nameBy(template: string, claims: Claims): string | undefined {
  let isWhole = true;
  const name = template.replace(CLAIM_PLACEHOLDER, (_, path: string) => {
    const text = textOf(claimAt(claims, path));
    isWhole &&= text !== undefined;
    return text ?? "";
  });
  return isWhole ? name : undefined;
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}
