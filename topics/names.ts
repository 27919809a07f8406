/**
 * Names of topics and patterns over them, as NATS has them: tokens with dots between them. In a pattern `*` stands for one
 * token, and `>` at the end for one or more.
 */
import { utf8Length } from "../rings/index.js";

/** Bytes of a topic or a pattern in UTF-8. Fits one byte of length. */
export const TOPIC_BYTES_MAX = 255;
/** Bytes of the name of a queue group or of a durable subscription in UTF-8. */
export const GROUP_BYTES_MAX = 64;
/** One token, whatever it is. */
export const ANY_TOKEN = "*";
/** One token or more. Only at the end. */
export const ANY_REST = ">";
/** First tokens that programs may not use: `$` begins what a system says (NATS: $SYS, $JS), `_INBOX` where replies go. */
const RESERVED_START = "$";
const RESERVED_FIRST: ReadonlySet<string> = new Set(["_INBOX"]);

/** Why a text is no name. Stable: programs may compare it. */
export type NameProblem =
  | "empty"
  | "too-long"
  | "token-empty"
  | "blank"
  | "control"
  | "malformed"
  | "not-normal"
  | "wildcard"
  | "reserved";

/** What to do about each, to stand behind the name of what is wrong. */
export const NAME_ADVICE: Readonly<Record<NameProblem, string>> = {
  empty: "is empty: give at least one token",
  "too-long": `is too long: at most ${TOPIC_BYTES_MAX} bytes in UTF-8 (${GROUP_BYTES_MAX} for groups and durable names)`,
  "token-empty": "has an empty token: leave out the dot at the start or end, or the second of two",
  blank: "has a blank in it: use - or _ instead",
  control: "has a control or format character in it (NUL, line break, invisible sign): leave it out",
  malformed: "is not well-formed Unicode: it has half of a surrogate pair in it",
  "not-normal": "is not in the normal form NFC: call normalize() on it",
  wildcard: "has a wildcard where none may be: * is a whole token, > the last one, and both are for subscriptions only",
  reserved: "has a reserved first token: names that start with $ or with _INBOX are the system's",
};

/** Why this is no topic to publish on; undefined when it is one. Looks at no more than the limit of a long text. */
export function topicProblem(topic: string): NameProblem | undefined {
  const problem = patternProblem(topic);
  if (problem !== undefined) return problem;
  return tokensOf(topic).some(isWildcard) ? "wildcard" : undefined;
}

/** Why this is no topic or pattern to subscribe to; undefined when it is one. */
export function patternProblem(pattern: string): NameProblem | undefined {
  const problem = textProblem(pattern, TOPIC_BYTES_MAX);
  if (problem !== undefined) return problem;
  const tokens = tokensOf(pattern);
  if (tokens.includes("")) return "token-empty";
  if (isReserved(tokens[0]!)) return "reserved";
  const isMisplaced = (token: string, index: number) =>
    token === ANY_REST ? index < tokens.length - 1 : token !== ANY_TOKEN && /[*>]/.test(token);
  return tokens.some(isMisplaced) ? "wildcard" : undefined;
}

/** Why this is no name of a queue group or a durable subscription: one token without wildcards. */
export function groupProblem(name: string): NameProblem | undefined {
  const problem = textProblem(name, GROUP_BYTES_MAX);
  if (problem !== undefined) return problem;
  if (name.includes(".")) return "token-empty";
  return /[*>]/.test(name) ? "wildcard" : undefined;
}

function textProblem(text: string, bytesMax: number): NameProblem | undefined {
  if (text === "") return "empty";
  // A character has a byte at least: what is longer than that is not looked at.
  if (text.length > bytesMax || utf8Length(text) > bytesMax) return "too-long";
  if (!text.isWellFormed()) return "malformed";
  if (/[\p{Cc}\p{Cf}\p{Co}]/u.test(text)) return "control";
  if (/[\p{Z}\s]/u.test(text)) return "blank";
  return text.normalize("NFC") === text ? undefined : "not-normal";
}

function isReserved(first: string): boolean {
  return first.startsWith(RESERVED_START) || RESERVED_FIRST.has(first);
}

/** The parts between the dots. */
export function tokensOf(name: string): string[] {
  return name.split(".");
}

export function isWildcard(token: string): boolean {
  return token === ANY_TOKEN || token === ANY_REST;
}

/** Does a pattern stand for this topic? Of many patterns ask a `Matcher`. */
export function matches(pattern: string, topic: string): boolean {
  const [wanted, tokens] = [tokensOf(pattern), tokensOf(topic)];
  for (const [index, token] of wanted.entries()) {
    if (token === ANY_REST) return tokens.length > index;
    if (index >= tokens.length || (token !== ANY_TOKEN && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}
