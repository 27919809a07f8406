/**
 * fireflies.yaml. The keys at the top are those of a member and its agent; those of an authority stand in the section `ca:`,
 * so that one file may serve all. Positions are kept, because a message that names the line is half the repair.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { Document, LineCounter, Pair } from "yaml";
import { FirefliesError, messageOf } from "../../identity/index.js";
import { AGENT_KEYS, AGENT_SECTIONS } from "./keys.js";
import { badValue, type RawSetting } from "./layers.js";
import { SECTION_DEPTH_MAX, type Section } from "./section.js";
import { yaml } from "./yaml.js";
import { danglingAlias, lineOfError } from "./yaml-line.js";

/** The section with the authority's keys. */
const AUTHORITY_SECTION = "ca";
/** A configuration is written by hand; a bigger file is something else. */
const CONFIG_BYTES_MAX = 65_536;

export interface FileSettings {
  readonly path: string;
  readonly member: readonly RawSetting[];
  readonly agent: readonly RawSetting[];
  /** Of an agent: `services` and `identities`, where they are said. */
  readonly sections: readonly Section[];
  readonly authority: readonly RawSetting[];
}

/** Reads and parses the file at `path`. Throws "config-unreadable" or "config-bad-value". */
export function readConfig(path: string): FileSettings {
  return parseConfig(readText(path), path);
}

function readText(path: string): string {
  try {
    const bytes = readStart(path, CONFIG_BYTES_MAX + 1);
    if (bytes.length > CONFIG_BYTES_MAX) throw new Error(`it is larger than ${CONFIG_BYTES_MAX} bytes`);
    return bytes.toString("utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw absent(path, cause);
    throw new FirefliesError("config-unreadable", `${path} cannot be read: ${messageOf(cause)}.`, { cause });
  }
}

function absent(path: string, cause: unknown): FirefliesError {
  const advice = "Correct the path (--config or FIREFLIES_CONFIG), or write the file.";
  return new FirefliesError("config-unreadable", `There is no file ${path}.`, { cause, advice });
}

/** As many bytes as there are, or `bytesMax` of them: a FIFO has no size, and a device may have no end. */
function readStart(path: string, bytesMax: number): Buffer {
  const bytes = Buffer.alloc(bytesMax);
  const file = openSync(path, "r");
  try {
    let size = 0;
    for (let read = 1; read > 0 && size < bytesMax; size += read)
      read = readSync(file, bytes, size, bytesMax - size, null);
    return bytes.subarray(0, size);
  } finally {
    closeSync(file);
  }
}

/** The settings in `text`; `path` is for messages only. Keys and values are not checked here. */
export function parseConfig(text: string, path: string): FileSettings {
  const lines = new (yaml().LineCounter)();
  const document = yaml().parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw notYaml(path, lineOfError(document, lines), error);
  const root = document.contents;
  if (isNothing(root)) return { path, member: [], agent: [], sections: [], authority: [] };
  if (!yaml().isMap(root))
    throw badValue(
      `${path}, line ${lines.linePos(root?.range?.[0] ?? 0).line}: the file must be a mapping of keys to values.`,
    );
  const read = (pair: Pair) => rawSetting(pair, document, path, lines);
  const section = root.items.find(isAuthoritySection);
  const others = root.items.filter((pair) => !isAuthoritySection(pair));
  const own = {
    path,
    member: others.filter((pair) => !isAgentKey(pair) && !isAgentSection(pair)).map(read),
    agent: others.filter(isAgentKey).map(read),
    sections: others.filter(isAgentSection).map((pair) => readSection(pair, read)),
  };
  if (section === undefined || isNothing(section.value)) return { ...own, authority: [] };
  if (yaml().isMap(section.value)) return { ...own, authority: section.value.items.map(read) };
  throw badValue(`${path}, line ${lineOf(section, lines)}: ${AUTHORITY_SECTION} must be a section of keys and values.`);
}

function notYaml(path: string, line: number, cause: Error): FirefliesError {
  return new FirefliesError("config-unreadable", `${path}, line ${line}: this is not YAML: ${ended(cause.message)}`, {
    cause,
  });
}

/** The parser's words with the full stop that a sentence has. */
function ended(words: string): string {
  return words.endsWith(".") ? words : `${words}.`;
}

function isAuthoritySection(pair: Pair): boolean {
  return keyOf(pair) === AUTHORITY_SECTION;
}

const AGENT_KEY_NAMES: ReadonlySet<string> = new Set(Object.values(AGENT_KEYS).map(({ file }) => file));

function isAgentKey(pair: Pair): boolean {
  return AGENT_KEY_NAMES.has(keyOf(pair));
}

function isAgentSection(pair: Pair): boolean {
  return AGENT_SECTIONS.some((name) => name === keyOf(pair));
}

function readSection(pair: Pair, read: (pair: Pair) => RawSetting, depth = 0): Section {
  const own = read(pair);
  if (!yaml().isMap(pair.value) || depth >= SECTION_DEPTH_MAX) return own;
  return { ...own, entries: pair.value.items.map((each) => readSection(each, read, depth + 1)) };
}

function isNothing(node: unknown): boolean {
  return node === null || node === undefined || (yaml().isScalar(node) && node.value === null);
}

function rawSetting(pair: Pair, document: Document, path: string, lines: LineCounter): RawSetting {
  const line = lineOf(pair, lines);
  try {
    return { key: keyOf(pair), value: plainValue(pair.value, document), where: `${path}, line ${line}` };
  } catch (cause) {
    const at = yaml().isNode(pair.value) ? danglingAlias(pair.value, document) : undefined;
    throw notYaml(path, at === undefined ? line : lines.linePos(at).line, cause as Error);
  }
}

function keyOf(pair: Pair): string {
  return yaml().isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function lineOf(pair: Pair, lines: LineCounter): number {
  const range =
    (yaml().isNode(pair.key) ? pair.key.range : undefined) ??
    (yaml().isNode(pair.value) ? pair.value.range : undefined);
  return range ? lines.linePos(range[0]).line : 1;
}

/** Aliases may repeat a value, not multiply it. */
const ALIASES_MAX = 16;

function plainValue(node: unknown, document: Document): unknown {
  return yaml().isNode(node) ? node.toJS(document, { maxAliasCount: ALIASES_MAX }) : node;
}
