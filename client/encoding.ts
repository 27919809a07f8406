/** Messages are bytes. These turn text and JSON values into them and back, for programs that want no encoding of their own. */
import { FirefliesError, wrongType } from "../identity/index.js";

/** As UTF-8. Throws a TypeError for what is no text. */
export function encodeText(text: string): Uint8Array {
  if (typeof text !== "string") throw wrongType(`A text is a string, not ${typeof text}.`);
  return new TextEncoder().encode(text);
}

/** The text that `encodeText` encoded. Throws "encoding-invalid" for bytes that are no UTF-8: a peer may send anything. */
export function decodeText(data: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch (cause) {
    throw new FirefliesError("encoding-invalid", "The message is not text in UTF-8.", { cause });
  }
}

/** A value as JSON in UTF-8. Throws a TypeError for what JSON cannot carry: a function, undefined, a bigint, a cycle. */
export function encodeJson(value: unknown): Uint8Array {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw wrongType(`JSON cannot carry what is ${typeof value}.`);
  return encodeText(text);
}

/**
 * The value that `encodeJson` encoded. Throws "encoding-invalid" for what is no JSON. What is in it is the sender's choice: check it
 * before it is used.
 */
export function decodeJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(decodeText(data)) as unknown;
  } catch (cause) {
    throw new FirefliesError("encoding-invalid", "The message is not JSON in UTF-8.", { cause });
  }
}
