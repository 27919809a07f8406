/** The key `topic_retention`: how long messages of some topics are kept. A list, in a variable or a flag as JSON. */
import { isRecord } from "../../identity/index.js";
import { LAN, NAME_ADVICE, patternProblem } from "../../topics/index.js";
import { duration, integer, type Origin, type Parsed, type Parser } from "./values.js";

/** How long messages of the topics that a pattern stands for are kept, by this member: of its own, and those of others that it holds. */
export interface TopicRetention {
  /** A topic, or a pattern. The first entry that stands for a topic is the topic's. */
  readonly topic: string;
  /** Milliseconds, 1,000 to 86,400,000. Default 300,000. */
  readonly ms?: number | undefined;
  /**
   * Bytes that are kept of one publisher on one such topic, 1,048,576 to 17,179,869,184, and no more than `topicMemoryBytes`. The
   * newest messages are kept in any case. By default nothing bounds them but `topicMemoryBytes`.
   */
  readonly bytes?: number | undefined;
}

/** Each is looked through for the first message of a topic. */
const RULES_MAX = 256;
/** As the settings of topics have them (topics/settings.ts). */
const RETENTION_MS = { min: 1_000, max: 86_400_000 };
export const TOPIC_BYTES = { min: 1_048_576, max: 16 * 1024 ** 3 };
export const TOPIC_MEMORY_BYTES = LAN.retentionBytes;

export const topicRetention: Parser<readonly TopicRetention[]> = (raw, origin) => {
  const list = typeof raw === "string" ? parsed(raw) : raw;
  if (!Array.isArray(list) || list.length > RULES_MAX)
    return { ok: false, problem: `must be a list of at most ${RULES_MAX} entries` };
  const rules: TopicRetention[] = [];
  for (const [index, item] of list.entries()) {
    const rule = ruleOf(item, origin);
    if (!rule.ok) return { ok: false, problem: `has an entry ${index + 1} ${rule.problem}` };
    rules.push(rule.value);
  }
  return { ok: true, value: rules };
};

/** Why these rules do not fit into a member that keeps so many bytes; undefined when they do. Completes "KEY ...". */
export function retentionProblem(rules: readonly TopicRetention[], memoryBytes: number): string | undefined {
  const greedy = rules.find(({ bytes }) => bytes !== undefined && bytes > memoryBytes);
  return (
    greedy && `keeps ${greedy.bytes} bytes of ${greedy.topic}, which is more than the ${memoryBytes} of all topics`
  );
}

function ruleOf(item: unknown, origin: Origin): Parsed<TopicRetention> {
  const time = origin === "text" ? "seconds" : "ms";
  const bad = (problem: string) => ({ ok: false, problem }) as const;
  if (!isRecord(item)) return bad(`that is no mapping with topic, ${time} and bytes`);
  const strange = Object.keys(item).find((key) => !["topic", time, "bytes"].includes(key));
  if (strange !== undefined) return bad(`with an unknown key ${strange}: it may have topic, ${time} and bytes`);
  const { topic, [time]: duringRaw, bytes: bytesRaw } = item;
  const problem = typeof topic === "string" ? patternProblem(topic) : "empty";
  if (problem !== undefined) return bad(`whose topic ${NAME_ADVICE[problem]}`);
  if (duringRaw === undefined && bytesRaw === undefined) return bad(`that says neither ${time} nor bytes`);
  const during = duringRaw === undefined ? undefined : duration(RETENTION_MS)(duringRaw, origin);
  if (during?.ok === false) return bad(`whose ${time} ${during.problem}`);
  const bytes = bytesRaw === undefined ? undefined : integer(TOPIC_BYTES)(bytesRaw, origin);
  if (bytes?.ok === false) return bad(`whose bytes ${bytes.problem}`);
  return {
    ok: true,
    value: { topic: topic as string, ...(during && { ms: during.value }), ...(bytes && { bytes: bytes.value }) },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
