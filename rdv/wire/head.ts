/** Heads of HTTP/1.1 messages (RFC 9112), as values: Node's own parser refuses the methods DIAL and ACCEPT. */
import { HEADERS_MAX } from "../limits.js";

export interface Head {
  /** Without its end. */
  readonly startLine: string;
  /** In their order; names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Anything but control characters; a tab is none here (RFC 9110, section 5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const HEAD_END = /\r?\n\r?\n/;

/** Where a head ends, with the empty line; undefined when it goes on. Bytes are taken as Latin-1. */
export function headEnd(bytes: Buffer): number | undefined {
  const match = HEAD_END.exec(bytes.toString("latin1"));
  return match ? match.index + match[0].length : undefined;
}

/** Takes a whole head with its empty line; undefined when it is malformed. */
export function parseHead(bytes: Buffer): Head | undefined {
  const [startLine = "", ...lines] = bytes
    .toString("latin1")
    .replace(/(?:\r?\n){2}$/, "")
    .split(/\r?\n/);
  if (!VALUE.test(startLine) || lines.length > HEADERS_MAX) return undefined;
  const headers = lines.map((line) => parseHeader(line));
  return headers.every((header) => header !== undefined) ? { startLine, headers } : undefined;
}

/** The first value of a name in lower case; "" when there is none. */
export function firstValue({ headers }: Head, name: string): string {
  return headers.find(([other]) => other === name)?.[1] ?? "";
}

/** Repeated names joined by ", ". Without a prototype: names are the other side's. */
export function headersRecord({ headers }: Head): Record<string, string> {
  const record: Record<string, string> = Object.create(null);
  for (const [name, value] of headers) {
    const before = record[name];
    record[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return record;
}

/** A start line and headers, with the empty line behind them. Throws a TypeError for what would break the head. */
export function formatHead(startLine: string, headers: Iterable<readonly [name: string, value: string]>): string {
  const lines = Array.from(headers, ([name, value]) => {
    if (!isHeader(name, value)) throw new TypeError(`No HTTP header: ${JSON.stringify(name)}.`);
    return `${name}: ${value}\r\n`;
  });
  return `${startLine}\r\n${lines.join("")}\r\n`;
}

export function isHeader(name: string, value: string): boolean {
  return NAME.test(name) && VALUE.test(value);
}

function parseHeader(line: string): readonly [string, string] | undefined {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
  return isHeader(name, value) ? [name.toLowerCase(), value] : undefined;
}
