/**
 * What one message of a frame says: a request, its answer, or that the answer is no longer wanted. Big-endian, one
 * encoding per value:
 *
 *     kind u8 | request id u64 | extensions (rings/extensions.ts)
 *     | by kind:  request, gossip: deadline in milliseconds u32, payload
 *                 reply: payload     cancel: nothing
 *                 error: length of code u8, code (ASCII), text (UTF-8)
 *
 * Type 1 of the extensions says that a request is asked again (again.ts), type 2 of what service (service.ts), type 3 where it
 * belongs in a trace (traffic/trace-context.ts). The others are for later versions: what is unknown is ignored, and shown in
 * proofs, as it is signed.
 */
import {
  ByteReader,
  type Extension,
  extensionsBytes,
  NO_EXTENSIONS,
  putExtensions,
  readExtensions,
} from "../../rings/index.js";

/** Ids are counted up by the caller and stay exact as a number. */
export const REQUEST_ID_MAX = Number.MAX_SAFE_INTEGER;
/** Longest code of an error, in bytes; the longest of our table has half of that. */
const ERROR_CODE_BYTES_MAX = 64;
/** Longest text of an error, in bytes: 512 characters of UTF-8. */
export const ERROR_TEXT_BYTES_MAX = 2048;
/** Kind and id; extensions follow. */
const HEADER_BYTES = 9;
const UINT32 = 2 ** 32;

/** What may be asked of a member; each has a budget of its own. */
export const REQUEST_KINDS = ["message", "gossip"] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

interface Common {
  readonly id: number;
  /** Left out when there are none. */
  readonly extensions?: readonly Extension[];
}

export type Content = Common &
  (
    | {
        readonly kind: RequestKind;
        /** 0 to 2^32 - 1: how long the caller waits from sending on. */
        readonly deadlineMs: number;
        readonly payload: Uint8Array;
      }
    | { readonly kind: "reply"; readonly payload: Uint8Array }
    | { readonly kind: "error"; readonly code: string; readonly text: string }
    | { readonly kind: "cancel" }
  );

/** While it is being made. */
type Extended = Content & { extensions?: readonly Extension[] };

export type RequestContent = Extract<Content, { readonly deadlineMs: number }>;

const NUMBER_OF_KIND = { message: 1, gossip: 2, reply: 3, error: 4, cancel: 5 } as const;
const KINDS = [undefined, "message", "gossip", "reply", "error", "cancel"] as const;
/** One of ours, or one of a program (identity/errors/reply-error.ts). */
const CODE = /^([a-z0-9-]+|reply:[A-Za-z0-9._/-]*)$/;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Gives `length` bytes to write all of. */
export type Allocate = (length: number) => Uint8Array;

const allocateOwn: Allocate = (length) => new Uint8Array(length);

/** The bytes of `content`, after `reserve` bytes left to the caller. */
export function encodeContent(content: Content, reserve = 0, allocate: Allocate = allocateOwn): Uint8Array {
  const at = reserve + HEADER_BYTES + extensionsBytes(content.extensions ?? NO_EXTENSIONS);
  switch (content.kind) {
    case "message":
    case "gossip": {
      const out = allocate(at + 4 + content.payload.length);
      writeUint32(out, at, content.deadlineMs);
      out.set(content.payload, at + 4);
      return withHeader(out, reserve, content);
    }
    case "reply": {
      const out = allocate(at + content.payload.length);
      out.set(content.payload, at);
      return withHeader(out, reserve, content);
    }
    case "error": {
      const code = encoder.encode(content.code);
      const text = cutText(content.text);
      const out = allocate(at + 1 + code.length + text.length);
      out[at] = code.length;
      out.set(code, at + 1);
      out.set(text, at + 1 + code.length);
      return withHeader(out, reserve, content);
    }
    case "cancel":
      return withHeader(allocate(at), reserve, content);
  }
}

/** At most ERROR_TEXT_BYTES_MAX bytes, never half a character. */
function cutText(text: string): Uint8Array {
  const out = new Uint8Array(ERROR_TEXT_BYTES_MAX);
  return out.subarray(0, encoder.encodeInto(text, out).written);
}

function withHeader(out: Uint8Array, at: number, { kind, id, extensions }: Content): Uint8Array {
  out[at] = NUMBER_OF_KIND[kind];
  writeUint32(out, at + 1, Math.floor(id / UINT32));
  writeUint32(out, at + 5, id % UINT32);
  if (extensions === undefined) out[at + HEADER_BYTES] = 0;
  else putExtensions(out, at + HEADER_BYTES, extensions);
  return out;
}

/** The content in `bytes` from `start` on; undefined for what no `encodeContent` writes. All bytes in it are windows. */
export function decodeContent(bytes: Uint8Array, start = 0): Content | undefined {
  const at = start + HEADER_BYTES;
  if (bytes.length <= at) return undefined;
  const kind = KINDS[bytes[start]!];
  const id = readUint32(bytes, start + 1) * UINT32 + readUint32(bytes, start + 5);
  if (kind === undefined || id > REQUEST_ID_MAX) return undefined;
  if (bytes[at] === 0) return decodeBody(kind, id, bytes, at + 1);
  const reader = new ByteReader(bytes.subarray(at));
  const extensions = readExtensions(reader);
  if (reader.bad) return undefined;
  const content: Extended | undefined = decodeBody(kind, id, bytes, bytes.length - reader.remaining);
  if (content !== undefined) content.extensions = extensions; // It is new: nobody else has it, and a copy would cost.
  return content;
}

function decodeBody(kind: Content["kind"], id: number, bytes: Uint8Array, at: number): Content | undefined {
  switch (kind) {
    case "message":
    case "gossip":
      if (bytes.length < at + 4) return undefined;
      return { kind, id, deadlineMs: readUint32(bytes, at), payload: bytes.subarray(at + 4) };
    case "reply":
      return { kind, id, payload: bytes.subarray(at) };
    case "error":
      return decodeError(id, bytes.subarray(at));
    case "cancel":
      return bytes.length === at ? { kind, id } : undefined;
  }
}

function decodeError(id: number, body: Uint8Array): Content | undefined {
  const codeBytes = body[0] ?? 0;
  const textBytes = body.length - 1 - codeBytes;
  if (codeBytes === 0 || codeBytes > ERROR_CODE_BYTES_MAX || textBytes < 0 || textBytes > ERROR_TEXT_BYTES_MAX) {
    return undefined;
  }
  const code = utf8(body.subarray(1, 1 + codeBytes));
  const text = utf8(body.subarray(1 + codeBytes));
  if (code === undefined || text === undefined || !CODE.test(code)) return undefined;
  return { kind: "error", id, code, text };
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function writeUint32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
