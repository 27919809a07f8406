/** What commands print: text for people, or one JSON document per line; colours only where somebody sees them. */
import type { Writable } from "node:stream";
import { styleText } from "node:util";
import { FirefliesError } from "../identity/errors/error.js";
import { shown } from "../identity/errors/shown.js";

/** What others wrote goes through this before it is put into a line. */
export { shown };

export type Style = Parameters<typeof styleText>[0];

/** NO_COLOR (no-color.org): any value but the empty one switches colours off. */
export function coloured(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
}

export function painter(on: boolean): (style: Style, text: string) => string {
  return on ? (style, text) => styleText(style, text, { validateStream: false } as object) : (_, text) => text;
}

/** Line ends of tables and paragraphs, and the colours that `painter` sets. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
const OWN_LAYOUT = /(\n|\u001b\[[\d;]*m)/;

/** Text that was put together here: whatever a part of it brought along, only line ends and colours act on a terminal. */
function guarded(text: string): string {
  return text
    .split(OWN_LAYOUT)
    .map((part, index) => (index % 2 === 1 ? part : shown(part)))
    .join("");
}

/** Writes a line. Resolves when it is taken, so no more than one waits for a slow reader. Rejects with "output-failed". */
export function writeLine(text: string, stream: Writable = process.stdout): Promise<void> {
  return write(stream, `${guarded(text)}\n`);
}

/** As `writeLine`, for what is no line of ours. An empty chunk only waits until what was written before is taken. */
export async function write(stream: Writable, chunk: string | Uint8Array): Promise<void> {
  if (stream.errored) throw unwritten(stream.errored);
  await new Promise<void>((resolve, reject) => {
    stream.write(chunk, (cause) => (cause ? reject(unwritten(stream.errored ?? cause)) : resolve()));
  });
}

function unwritten(cause: Error): FirefliesError {
  return new FirefliesError("output-failed", `The output could not be written: ${cause.message}.`, { cause });
}

/** `fireflies members | head -1`: a reader that has what it wants is nobody to complain to. */
export function isUnread(stream: Writable = process.stdout): boolean {
  return (stream.errored as NodeJS.ErrnoException | null)?.code === "EPIPE";
}

/** `value` as one line of JSON; 64-bit numbers become strings, since readers of JSON would round them. */
export function toJson(value: unknown): string {
  return shown(JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part)));
}

/** Prints `value` as JSON, or `text`. */
export async function print(json: boolean, value: unknown, text: string): Promise<void> {
  await writeLine(json ? toJson(value) : text);
}

/** Columns, each as wide as its widest cell, two blanks apart; the first row is the head. Each cell is one safe line. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(shown));
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

/** Digits of an id that people see; commands take any unique beginning. */
const SHORT_ID_DIGITS = 12;

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_DIGITS);
}

/** An address, with the ids of relays in it as people see them: "relay://3fa91c8d2e01". */
export function shortAddress(address: string): string {
  return address.replaceAll(/[0-9a-f]{64}/g, (id) => shortId(id));
}

/** A member in a line: "bob (3fa91c8d2e01)", or the beginning of its id alone when it has no name. */
export function memberTitle({ id, name }: { readonly id: string; readonly name?: string | undefined }): string {
  return name === undefined ? shortId(id) : `${name} (${shortId(id)})`;
}

/** "12 s", "3 min", "5 h", "2 d" */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** Of a stack as much as finds the place. */
const FRAMES_MAX = 20;

/**
 * Where an error was made, a line for each call: none of the stack's other lines, which hold its text. Of an error of the
 * system (ECONNREFUSED) no lines in Node itself: it was made there, and they tell an operator nothing.
 */
export function frames(error: unknown): string[] {
  const { stack = "", syscall } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  const calls = stack.split("\n").filter((line) => /^ {4}at \S/.test(line));
  const lines = syscall === undefined ? calls : calls.filter((line) => !/[ (]node:/.test(line));
  return lines.slice(0, FRAMES_MAX).map(shown);
}

/** "1 crash", "2 crashes". */
export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
