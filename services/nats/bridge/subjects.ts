/** Topics as subjects of NATS and back, and which may cross: the rules are the same on both sides, so a topic keeps its name. */
import { FirefliesError } from "../../../identity/index.js";
import { isWildcard, matches, patternProblem, tokensOf, topicProblem } from "../../../topics/index.js";

/** Hex digits of the network's id that stand in subjects: two networks on one NATS would be a chance of 2^-64. */
const NETWORK_DIGITS = 16;
/** Patterns of one direction: each is a subscription, and a consumer of the stream. */
const PATTERNS_MAX = 64;
/** NATS takes subjects of 4 KiB and a stream's of 255 and more; a topic with its prefix is below that. */
const PREFIX = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.$/;

export function networkOf(network: string): string {
  return network.slice(0, NETWORK_DIGITS);
}

/** Before every topic: "ff.NETWORK." unless something else is wanted. */
export function topicPrefix(network: string): string {
  return `ff.${networkOf(network)}.`;
}

/** Where a service of members is asked from NATS: its name is one token, and what no token may hold is escaped. */
export function serviceSubject(network: string, service: string): string {
  return `ff-service.${networkOf(network)}.${escaped(service)}`;
}

function escaped(text: string): string {
  const bytes = [...Buffer.from(text)];
  const each = (byte: number) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).padStart(2, "0").toUpperCase()}`;
  };
  return bytes.map(each).join("");
}

/** Throws "name-invalid". */
export function requirePrefix(prefix: string): string {
  if (PREFIX.test(prefix)) return prefix;
  const advice = 'Use tokens of letters, digits, "_" and "-", with a dot behind each.';
  throw new FirefliesError("name-invalid", `${JSON.stringify(prefix)} is no prefix of subjects.`, { advice });
}

/** Throws "topic-invalid". */
export function requirePatterns(patterns: readonly string[]): readonly string[] {
  const wrong = patterns.find((pattern) => patternProblem(pattern) !== undefined);
  if (wrong !== undefined)
    throw new FirefliesError("topic-invalid", `${JSON.stringify(wrong.slice(0, 100))} is no topic and no pattern.`);
  if (patterns.length > PATTERNS_MAX)
    throw new FirefliesError("topic-invalid", `There are ${patterns.length} patterns, and at most ${PATTERNS_MAX}.`);
  return patterns;
}

/** Of a topic, or of a pattern. */
export function subjectOf(prefix: string, topic: string): string {
  return `${prefix}${topic}`;
}

/** Undefined for a subject that no topic stands behind: of another prefix, or with a name that topics do not allow. */
export function topicOf(prefix: string, subject: string): string | undefined {
  if (!subject.startsWith(prefix)) return undefined;
  const topic = subject.slice(prefix.length);
  return topicProblem(topic) === undefined ? topic : undefined;
}

export function isAllowed(patterns: readonly string[], topic: string): boolean {
  return patterns.some((pattern) => matches(pattern, topic));
}

/** Patterns that no other one of them contains: a message would cross once for each. */
export function withoutNested(patterns: readonly string[]): readonly string[] {
  const all = [...new Set(patterns)];
  return all.filter((each) => !all.some((other) => other !== each && contains(other, each)));
}

/** Does everything that matches `inner` match `outer`? */
function contains(outer: string, inner: string): boolean {
  const [a, b] = [tokensOf(outer), tokensOf(inner)];
  for (const [at, token] of a.entries()) {
    if (token === ">") return b.length > at;
    const other = b[at];
    if (other === undefined || other === ">") return false;
    if (token !== "*" && (isWildcard(other) || other !== token)) return false;
  }
  return a.length === b.length;
}
