/**
 * Evidence about a member: all that is signed about it and by it, with the certificates, as one message signed by the member
 * that held it. What counts are the statements, each signed by its author; the rest is the holder's own account.
 */
import { isRecord } from "../../identity/index.js";
import type { HistoryEvent } from "../history/event.js";

/** Bundles of other versions are refused. */
export const EVIDENCE_VERSION = 1;
/** Of a bundle: far above what a member keeps about one (history/statements.ts), with the certificates of all who speak. */
export const EVIDENCE_BYTES_MAX = 16 * 1024 * 1024;
/** Statements of a bundle. */
export const STATEMENTS_MAX = 16_384;

/** A member by its id, and its name if its certificate has one. */
export interface Named {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string | undefined;
}

export interface Bundle {
  /** 64 hex digits. */
  readonly network: string;
  readonly about: Named;
  /** Who held it and signed the bundle. */
  readonly by: Named;
  /** Unix milliseconds, by its clock. */
  readonly at: number;
  /** As `Explanation.sentences`. */
  readonly sentences: readonly string[];
  readonly events: readonly HistoryEvent[];
  /** As members hand them on. */
  readonly statements: readonly Uint8Array[];
}

/** JSON in UTF-8, for people and programs. */
export function encodeBundle({ statements, ...rest }: Bundle): Uint8Array {
  const value = {
    fireflies: "evidence",
    version: EVIDENCE_VERSION,
    ...rest,
    statements: statements.map((bytes) => Buffer.from(bytes).toString("base64")),
  };
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 1)}\n`);
}

/** Undefined for what is no bundle of this version. */
export function decodeBundle(content: Uint8Array): Bundle | undefined {
  const value = parsed(content);
  if (!isRecord(value) || value.fireflies !== "evidence" || value.version !== EVIDENCE_VERSION) return undefined;
  const { network, about, by, at, sentences, events, statements } = value;
  if (typeof network !== "string" || typeof at !== "number" || !isNamed(about) || !isNamed(by)) return undefined;
  if (!isList(statements, isText) || statements.length > STATEMENTS_MAX) return undefined;
  if (!isList(sentences, isText) || !isList(events, isRecord)) return undefined;
  return {
    ...{ network, at, sentences, about: namedOf(about), by: namedOf(by) },
    events: events as unknown as readonly HistoryEvent[],
    statements: statements.map((text) => new Uint8Array(Buffer.from(text, "base64"))),
  };
}

function parsed(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    return undefined;
  }
}

const isText = (value: unknown): value is string => typeof value === "string";

function isList<T>(value: unknown, isOne: (each: unknown) => each is T): value is T[] {
  return Array.isArray(value) && value.every(isOne);
}

function isNamed(value: unknown): value is { id: string; name?: string } {
  return isRecord(value) && isText(value.id) && (value.name === undefined || isText(value.name));
}

function namedOf({ id, name }: { readonly id: string; readonly name?: string }): Named {
  return { id, name };
}
