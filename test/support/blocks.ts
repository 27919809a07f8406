/**
 * The code of the documents: every fenced block, with what stands above it in a comment that readers do not see.
 *
 *     <!-- scene: members -->              what a program needs before it, see test/examples/scenes.ts
 *     <!-- before: mkdir vault -->         what a shell does before it
 *     <!-- goes on: listening -->          it does not end; it has begun when it prints this
 *     <!-- not run: WHY -->
 */
import { FILES, read } from "./tree.js";

export interface Block {
  readonly file: string;
  /** Of its first line of code, from 1 on. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  readonly marks: Readonly<Partial<Record<"scene" | "before" | "goes on" | "not run", string>>>;
}

const FENCED =
  /(?<above>(?:^ *<!-- (?:scene|before|goes on|not run):(?:(?!-->).)*-->\n)*)^(?<indent> *)```(?<language>\w*)\n(?<code>.*?)^ *```$/gms;

/** In the order of the documents; pages that are made from the code (docs/api/) have declarations only. */
export function blocks(): readonly Block[] {
  const documents = FILES.filter((file) => file.endsWith(".md") && !file.startsWith("docs/api/"));
  return documents.flatMap((file) => [...read(file).matchAll(FENCED)].map((match) => blockOf(file, match)));
}

function blockOf(file: string, { input, index, groups, 0: whole }: RegExpExecArray): Block {
  const { above = "", indent = "", language = "", code = "" } = groups ?? {};
  const line = input.slice(0, index + whole.indexOf("```")).split("\n").length + 1;
  const marks = [...above.matchAll(/<!-- ([a-z ]+):((?:(?!-->).)*)-->/gs)].map(([, name, text = ""]) => [
    name,
    text.replaceAll(/\s+/g, " ").trim(), // It may go over several lines.
  ]);
  return {
    file,
    line,
    language,
    code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    marks: Object.fromEntries(marks),
  };
}

export const placeOf = ({ file, line }: Block): string => `${file}:${line}`;
