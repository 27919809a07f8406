/** A member's metadata as the bytes that its note carries: JSON in UTF-8, nothing at all for an empty object. */
import { METADATA_BYTES_MAX } from "../../gossip/index.js";
import { FirefliesError, wrongType } from "../../identity/index.js";
import type { Metadata } from "../types.js";

/** Throws TypeError for what is no object, and "metadata-too-large", also for what JSON cannot carry. */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  if (!isMetadata(metadata)) throw wrongType("Metadata is an object of JSON values.");
  const text = Object.keys(metadata).length === 0 ? "" : jsonOf(metadata);
  if (text !== "" && !text.startsWith("{")) throw wrongType("Metadata is an object of JSON values."); // By a toJSON of its own.
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= METADATA_BYTES_MAX) return bytes;
  throw new FirefliesError(
    "metadata-too-large",
    `The metadata has ${bytes.length} bytes as JSON; ${METADATA_BYTES_MAX} are the most.`,
  );
}

function jsonOf(metadata: Metadata): string {
  try {
    return JSON.stringify(metadata);
  } catch (cause) {
    throw new FirefliesError(
      "metadata-too-large",
      `The metadata cannot be written as JSON: it holds a bigint, a cycle or a toJSON that throws.`,
      { cause, advice: "Make it plain values." },
    );
  }
}

/** What is not a JSON object is somebody's mistake, not ours to fail by: no metadata. */
export function parseMetadata(bytes: Uint8Array): Metadata {
  if (bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isMetadata(value) ? value : {};
  } catch {
    return {};
  }
}

function isMetadata(value: unknown): value is Metadata {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
