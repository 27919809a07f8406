/**
 * A backup: one compressed file of lines of JSON. The first says what it is and carries files of the directory; then one
 * line for each row; the last has the SHA-256 of all lines before it, so that a cut or changed copy is noticed. The file
 * holds the id secrets, so it is for its owner only.
 */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { FirefliesError, messageOf, type Output, RunningDigest, writeOutput } from "../../identity/index.js";
import type { AuditHead, DumpedRow } from "../store/store.js";
import { linesIn } from "../text-lines.js";

const FORMAT = "fireflies-authority-backup";
/** Rises with the tables: rows of others would not fit. */
const VERSION = 2;
const OWNER_ONLY = 0o600;
/** Characters. The longest row is a revocation list of 100,000 entries, in base64. */
const LINE_MAX = 64 * 1_024 * 1_024;

export interface ArchiveHead {
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** SHA-256 of the root, 64 hex digits. */
  readonly fingerprint: string;
  readonly epoch: number;
  /** The rows are at least as new. */
  readonly audit: AuditHead;
  /** Keys and certificates of the directory: name to text. */
  readonly files: Readonly<Record<string, string>>;
}

/** Writes a file whole or not at all; synced before this resolves. Rejects with "output-failed". */
export async function writeArchive(output: Output, head: ArchiveHead, rows: AsyncIterable<DumpedRow>): Promise<number> {
  let count = 0;
  async function* lines(): AsyncGenerator<string> {
    const hash = new RunningDigest();
    const line = (value: unknown) => {
      const text = `${JSON.stringify(value)}\n`;
      hash.update(text);
      return text;
    };
    yield line({ format: FORMAT, version: VERSION, ...head });
    for await (const { table, values } of rows) {
      count++;
      yield line([table, ...values]);
    }
    yield `${JSON.stringify({ rows: count, sha256: hash.hex() })}\n`;
  }
  const zipped = createGzip();
  pipeline(Readable.from(lines()), zipped).catch(() => {}); // It comes out of the loop that writes, too.
  try {
    await writeOutput(output, zipped, { mode: OWNER_ONLY });
    return count;
  } finally {
    zipped.destroy(); // And with it the reading of rows, when nothing could be written.
  }
}

export interface Archive {
  readonly head: ArchiveHead;
  /** To be read once, to the end: only there it shows whether the file is whole. Rejects with "ca-backup-invalid". */
  readonly rows: AsyncGenerator<DumpedRow>;
}

/** Rejects with "ca-backup-invalid". */
export async function readArchive(path: string): Promise<Archive> {
  const lines = linesOf(path);
  const hash = new RunningDigest();
  const first = await lines.next();
  const head = first.done === true ? undefined : parsed(path, first.value);
  if (!isHead(head)) throw damaged(path, "it does not begin like one");
  hash.update(`${first.value as string}\n`);
  async function* rows(): AsyncGenerator<DumpedRow> {
    let count = 0;
    for await (const line of lines) {
      const value = parsed(path, line);
      if (!Array.isArray(value)) return requireEnd(path, value, { rows: count, sha256: hash.hex() });
      hash.update(`${line}\n`);
      const [table, ...values] = value as [string, ...DumpedRow["values"]];
      count++;
      yield { table, values };
    }
    throw damaged(path, "its end is missing");
  }
  return { head, rows: rows() };
}

function isHead(value: unknown): value is ArchiveHead {
  if (typeof value !== "object" || value === null) return false;
  return "format" in value && value.format === FORMAT && "version" in value && value.version === VERSION;
}

function requireEnd(path: string, value: unknown, expected: { rows: number; sha256: string }): void {
  const { rows, sha256 } = value as typeof expected;
  if (rows !== expected.rows || sha256 !== expected.sha256) throw damaged(path, "its checksum is wrong");
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const unzipped = createGunzip().setEncoding("utf8");
  pipeline(createReadStream(path), unzipped).catch(() => {}); // It comes out of the loop, too.
  try {
    yield* linesIn(unzipped, LINE_MAX);
  } catch (cause) {
    const cannotRead = cause instanceof Error && "syscall" in cause; // Of the file, not of what is in it.
    if (cannotRead) throw new FirefliesError("input-failed", `${path} cannot be read: ${messageOf(cause)}.`, { cause });
    throw damaged(path, messageOf(cause), cause);
  }
}

function parsed(path: string, line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (cause) {
    throw damaged(path, "a line is damaged", cause);
  }
}

function damaged(path: string, what: string, cause?: unknown): FirefliesError {
  return new FirefliesError("ca-backup-invalid", `${path} is no whole backup: ${what}.`, {
    cause,
  });
}
