/** The bytes of docs/rdv.md, which both sides are held to: blocks beneath `<!-- bytes: NAME -->`. */
import { read } from "./tree.js";

const BLOCK = /<!-- bytes: (?<name>[\w-]+) -->\n```text\n(?<text>.*?)\n```/gs;

const ALL = new Map(
  [...read("docs/rdv.md").matchAll(BLOCK)].map(({ groups }) => [groups?.name ?? "", unescaped(groups?.text ?? "")]),
);

/** A block with other words in place of some of its own; each of them must be there. */
export function bytesOf(name: string, replacements: Readonly<Record<string, string>> = {}): string {
  const text = ALL.get(name);
  if (text === undefined) throw new Error(`docs/rdv.md has no bytes named ${name}.`);
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`${name} in docs/rdv.md has no ${from}.`);
    return result.replace(from, to);
  }, text);
}

/** Line ends are those that are written out. */
function unescaped(text: string): string {
  return text.replaceAll("\n", "").replaceAll("\\r", "\r").replaceAll("\\n", "\n");
}
