/**
 * Who may use a service: rules as people write them, and the decision. An id and a name are proven by the member's
 * certificate. Metadata and services are what a member says of itself: rules about them sort members, and keep out none that
 * lies.
 */
import { FirefliesError } from "../identity/index.js";
import { matchesPattern, parseMemberId } from "../rings/index.js";

/** One rule; all that it says must hold. */
export type AccessRule =
  | { readonly kind: "any" }
  | { readonly kind: "id"; readonly id: string }
  /** "*" stands for any characters, "?" for one. */
  | { readonly kind: "name"; readonly pattern: string }
  /** Text is compared as it is, any other value as JSON. Without `value` the key alone must be there. */
  | { readonly kind: "metadata"; readonly key: string; readonly value: string | undefined }
  | { readonly kind: "service"; readonly service: string };

/** What is known of the member that asks. */
export interface Applicant {
  readonly id: string;
  readonly name: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly services?: readonly string[] | undefined;
}

/** Rules of one service: what more would say belongs into metadata. */
export const ACCESS_RULES_MAX = 256;
/** Characters of a rule: the longest is a fact of the metadata. */
const RULE_CHARACTERS_MAX = 512;
const METADATA = "metadata:";
const SERVICE = "service:";
const NAME_PATTERN = /^[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,63}$/;

/**
 * The rules of `--allow`: "*" for every member of the network, an id, a name or pattern of names ("web-*"), "metadata:key" or
 * "metadata:key=value", "service:NAME". Throws "access-invalid".
 */
export function parseAccess(texts: readonly string[]): readonly AccessRule[] {
  if (texts.length > ACCESS_RULES_MAX)
    throw invalid(`There are ${texts.length} rules, and at most ${ACCESS_RULES_MAX}.`);
  return texts.map(parseRule);
}

/** Does one of the rules hold? Without rules nobody may. */
export function isAllowed(rules: readonly AccessRule[], applicant: Applicant): boolean {
  return rules.some((rule) => holds(rule, applicant));
}

function parseRule(text: string): AccessRule {
  if (text.length > RULE_CHARACTERS_MAX) throw invalid(`A rule has more than ${RULE_CHARACTERS_MAX} characters.`);
  if (text === "*") return { kind: "any" };
  if (text.startsWith(METADATA)) return parseFact(text.slice(METADATA.length), text);
  if (text.startsWith(SERVICE) && text.length > SERVICE.length)
    return { kind: "service", service: text.slice(SERVICE.length) };
  const id = parseMemberId(text.toLowerCase());
  if (id !== undefined) return { kind: "id", id };
  if (NAME_PATTERN.test(text)) return { kind: "name", pattern: text };
  throw invalid(`${JSON.stringify(text)} is no rule.`);
}

function parseFact(fact: string, text: string): AccessRule {
  const split = fact.indexOf("=");
  const key = split === -1 ? fact : fact.slice(0, split);
  if (key === "") throw invalid(`${JSON.stringify(text)} names no key.`);
  return { kind: "metadata", key, value: split === -1 ? undefined : fact.slice(split + 1) };
}

function holds(rule: AccessRule, { id, name, metadata, services = [] }: Applicant): boolean {
  switch (rule.kind) {
    case "any":
      return true;
    case "id":
      return rule.id === id;
    case "name":
      return name !== undefined && matchesPattern(name, rule.pattern);
    case "metadata":
      return Object.hasOwn(metadata, rule.key) && isValue(metadata[rule.key], rule.value);
    case "service":
      return services.includes(rule.service);
  }
}

function isValue(held: unknown, wanted: string | undefined): boolean {
  return wanted === undefined || (typeof held === "string" ? held : JSON.stringify(held)) === wanted;
}

function invalid(message: string): FirefliesError {
  return new FirefliesError("access-invalid", message);
}
