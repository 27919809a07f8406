/** One write: a key, its value, when and by whom, signed by the author. What two members hold of one key has an order. */

export interface Entry {
  readonly key: string;
  /** Null for a deleted key: without a trace of it, a member that has not heard would bring the old value back. */
  readonly value: string | null;
  /** Unix milliseconds of the author's clock, or one more than the write that it replaces. */
  readonly time: number;
  /** The author's member id. */
  readonly author: string;
  /** By the author, over `signedBytes`; base64. */
  readonly signature: string;
}

/** An entry as little as others need to see whether they lack it. */
export type Version = Pick<Entry, "time" | "author">;

/** The later write is the newer one, and the higher id where two wrote in the same millisecond: a total order. */
export function isNewer(a: Version, b: Version | undefined): boolean {
  if (b === undefined) return true;
  return a.time === b.time ? a.author > b.author : a.time > b.time;
}

/** What the author signs. JSON arrays of strings and numbers have one spelling in JavaScript, so nobody can choose another. */
export function signedBytes({ key, value, time, author }: Omit<Entry, "signature">): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(["example-kv", key, value, time, author]));
}

/** Entries in the bytes of a peer; whatever has another shape is left out. */
export function parseEntries(data: Uint8Array): Entry[] {
  const parsed = parseJson(data);
  return Array.isArray(parsed) ? parsed.filter(isEntry) : [];
}

/** Versions by key in the bytes of a peer: rows of key, time and author. */
export function parseSummary(data: Uint8Array): Map<string, Version> {
  const parsed = parseJson(data);
  const rows = Array.isArray(parsed) ? parsed.filter(isRow) : [];
  return new Map(rows.map(([key, time, author]) => [key, { time, author }]));
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** A peer's bytes are data, never an exception. */
function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { key, value: content, time, author, signature } = value as Record<string, unknown>;
  const isContent = content === null || typeof content === "string";
  return isContent && isRow([key, time, author]) && typeof signature === "string";
}

function isRow(value: unknown): value is [key: string, time: number, author: string] {
  if (!Array.isArray(value)) return false;
  const [key, time, author] = value;
  return typeof key === "string" && Number.isSafeInteger(time) && typeof author === "string";
}
