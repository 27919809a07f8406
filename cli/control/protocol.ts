/**
 * The control socket's protocol. One request per connection, one JSON object per line. The first line says the version
 * and what is wanted; the agent answers with lines until it closes. Bytes travel in base64.
 *
 *     {"v":1,"op":"send","id":"bob","data":"aGk="}       ->  {"kind":"result","value":{...}}
 *     {"v":1,"op":"members","name":"web-*"}              ->  {"kind":"part","value":[...]} for each some of them, then a result
 *     {"v":1,"op":"monitor"}                             ->  {"kind":"event","value":{...}} as they happen
 *     {"v":1,"op":"stream","id":"bob"}                   ->  {"kind":"open"}, then both sides send
 *                                                            {"kind":"data","data":"..."} and once {"kind":"end"}
 *     whatever fails                                     ->  {"kind":"error","code":"...","message":"...","advice":"..."}
 */

import { DRAIN_MS_MAX } from "../../client/talk/drain-deadline.js";
import { isRecord } from "../../identity/calls/answer.js";
import { isErrorCode } from "../../identity/errors/codes.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { type ReplyError, readReply } from "../../identity/errors/reply-error.js";
import { FACTS_MAX, type MemberQuery } from "./member-query.js";

const CONTROL_VERSION = 1;
/** A message of 4 MiB in base64, and its envelope. */
export const LINE_BYTES_MAX = 6 * 1024 * 1024;
/** Bytes of standard input in one message of a stream: the usual chunk of a pipe. */
export const STREAM_CHUNK_BYTES = 64 * 1024;

export type Query = "info" | "doctor" | "rings" | "renew" | "status";
/** `id` is what was typed for a member: its name, its id or the beginning of that. */
export type Request =
  | { readonly op: Query }
  | ({ readonly op: "members" } & MemberQuery)
  | ({ readonly op: "monitor" } & Omit<MemberQuery, "all">)
  | { readonly op: "leave"; readonly drainMs: number }
  | { readonly op: "send"; readonly id: string; readonly data: Uint8Array; readonly timeoutMs: number | undefined }
  | { readonly op: "ping"; readonly id: string; readonly timeoutMs: number | undefined }
  | { readonly op: "join"; readonly address: string }
  | { readonly op: "gossip"; readonly data: Uint8Array }
  | { readonly op: "stream"; readonly id: string };

export type Frame =
  | { readonly kind: "result"; readonly value: unknown }
  /** Some of a result that is a list; the result that follows has the rest. */
  | { readonly kind: "part"; readonly value: readonly unknown[] }
  | { readonly kind: "event"; readonly value: unknown }
  | { readonly kind: "open" }
  | { readonly kind: "data"; readonly data: Uint8Array }
  | { readonly kind: "end" }
  /** Of what another member's handler threw for the one who asked, the code is "reply:" and its own (identity/errors/reply-error.ts). */
  | { readonly kind: "error"; readonly code: string; readonly message: string; readonly advice: string };

const QUERIES: readonly string[] = ["info", "doctor", "rings", "renew", "status"] satisfies Query[];
/** Nobody waits longer for an answer. */
const TIMEOUT_MS_MAX = 3_600_000;

/** BigInts become strings, bytes base64. */
export function encodeLine(value: object): string {
  const plain = (_: string, part: unknown) => (typeof part === "bigint" ? String(part) : part);
  return `${JSON.stringify("data" in value ? { ...value, data: toBase64(value.data) } : value, plain)}\n`;
}

export function encodeRequest(request: Request): string {
  return encodeLine({ v: CONTROL_VERSION, ...request });
}

/** Throws "control-malformed". */
export function decodeRequest(line: string): Request {
  const fields = parseObject(line);
  if (fields.v !== CONTROL_VERSION) {
    throw malformed(
      `The agent speaks version ${CONTROL_VERSION} of the control protocol, not ${JSON.stringify(fields.v)}.`,
    );
  }
  const { op, id } = fields;
  if (typeof op === "string" && QUERIES.includes(op)) return { op: op as Query };
  if (op === "members") return { op, ...queryOf(fields), all: fields.all === true };
  if (op === "monitor") return { op, ...queryOf(fields) };
  if (op === "leave") return { op, drainMs: drainOf(fields.drainMs) };
  if (op === "gossip") return { op, data: bytesOf(fields.data) };
  if (op === "stream") return { op, id: textOf(id) };
  if (op === "ping") return { op, id: textOf(id), timeoutMs: timeoutOf(fields.timeoutMs) };
  if (op === "join") return { op, address: textOf(fields.address) };
  if (op === "send") return { op, id: textOf(id), data: bytesOf(fields.data), timeoutMs: timeoutOf(fields.timeoutMs) };
  throw malformed(`The agent knows no request ${JSON.stringify(op)}.`);
}

/** Throws "control-malformed". */
export function decodeFrame(line: string): Frame {
  const { kind, value, data, code, message, advice } = parseObject(line);
  if (kind === "result" || kind === "event") return { kind, value };
  if (kind === "part" && Array.isArray(value)) return { kind, value };
  if (kind === "open" || kind === "end") return { kind };
  if (kind === "data") return { kind, data: bytesOf(data) };
  if (kind === "error") {
    return { kind, code: textOf(code), message: textOf(message), advice: textOf(advice) };
  }
  throw malformed(`This is no answer: kind ${JSON.stringify(kind)}.`);
}

/** What a frame of kind "error" says. */
export function errorOf({ code, message, advice }: Extract<Frame, { kind: "error" }>): FirefliesError | ReplyError {
  if (isErrorCode(code)) return new FirefliesError(code, message, { advice });
  return readReply(code, message) ?? new FirefliesError("control-malformed", message, { advice });
}

export function malformed(message: string): FirefliesError {
  return new FirefliesError("control-malformed", message);
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (isRecord(value)) return value;
  } catch {
    // No JSON at all: no object either.
  }
  throw malformed("A line on the control socket is no JSON object.");
}

function toBase64(data: unknown): unknown {
  return data instanceof Uint8Array
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")
    : data;
}

function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(textOf(value), "base64");
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  throw malformed("A field on the control socket is missing.");
}

/** What is not asked for is left out. */
function queryOf({ name, metadata, paths }: Record<string, unknown>): MemberQuery {
  const facts = metadata ?? [];
  if (!Array.isArray(facts) || facts.length > FACTS_MAX) throw malformed(`At most ${FACTS_MAX} facts are asked for.`);
  return {
    ...(name !== undefined && { name: textOf(name) }),
    ...(facts.length > 0 && { metadata: facts.map(textOf) }),
    ...(paths === true && { paths }),
  };
}

function drainOf(value: unknown): number {
  if (typeof value === "number" && value >= 0 && value <= DRAIN_MS_MAX) return value;
  throw malformed("A drain on the control socket is out of range.");
}

function timeoutOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && value > 0 && value <= TIMEOUT_MS_MAX) return value;
  throw malformed("A timeout on the control socket is out of range.");
}
