/** On which line a mistake in YAML is: where somebody has to change something, which is not always where the parser gives up. */
import type { Document, LineCounter, Node, YAMLParseError } from "yaml";
import { yaml } from "./yaml.js";

/** The line of the first error of a document, from 1 on. */
export function lineOfError(document: Document, lines: LineCounter): number {
  const [first, ...others] = document.errors as YAMLParseError[];
  if (first === undefined) return 1;
  const at = unclosedAt(first, document) ?? indentedAt(first, others) ?? first.pos[0];
  return lines.linePos(at).line;
}

/** A bracket or quote that is never closed is found at the end of what it has swallowed: the mistake is where it was opened. */
function unclosedAt({ message, pos }: YAMLParseError, document: Document): number | undefined {
  if (!/missing closing|end with a/i.test(message)) return undefined;
  let opened: number | undefined;
  yaml().visit(document, (_, node) => {
    const { range } = node as Node;
    if (!isOpening(node) || !range || range[0] > pos[0] || range[1] < pos[0]) return;
    opened = range[0]; // The innermost is visited last.
  });
  return opened;
}

function isOpening(node: unknown): boolean {
  if (yaml().isCollection(node)) return node.flow === true;
  return yaml().isScalar(node) && (node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE");
}

/**
 * A line that is indented too far continues the value of the line before, which has a key already: the parser complains of that
 * one, and calls what it takes for one key too long.
 */
function indentedAt({ code }: YAMLParseError, others: readonly YAMLParseError[]): number | undefined {
  if (code !== "BLOCK_AS_IMPLICIT_KEY") return undefined;
  return others.find((error) => error.code === "MULTILINE_IMPLICIT_KEY")?.pos[1];
}

/** The position of the first alias in `node` that names no anchor. */
export function danglingAlias(node: Node, document: Document): number | undefined {
  let found: number | undefined;
  yaml().visit(node, {
    Alias: (_, alias) => {
      if (!yaml().isAlias(alias) || alias.resolve(document) !== undefined) return undefined;
      found = alias.range?.[0];
      return yaml().visit.BREAK;
    },
  });
  return found;
}
