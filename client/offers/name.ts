/** The names of protocols and services: one grammar, for what is registered here and for what a peer asks for. */
import { FirefliesError, wrongType } from "../../identity/index.js";

/** Of one name, in bytes of UTF-8: a gRPC service's full name, or a path with a version, and some to spare. */
export const NAME_BYTES_MAX = 128;
/** Characters of what is no name that are shown. */
const SHOWN_MAX = 100;

/** What a reader cannot see, or could take for another one: separators, controls, formats, halves of characters, private use. */
const UNSEEN = /[\p{Z}\p{Cc}\p{Cf}\p{Cs}\p{Co}]/u;

/** A name that a peer wrote may be anything. */
export function isName(text: string): boolean {
  if (text === "" || text.length > NAME_BYTES_MAX || UNSEEN.test(text)) return false;
  return Buffer.byteLength(text) <= NAME_BYTES_MAX && text.normalize("NFC") === text;
}

/** Throws "name-invalid", or a TypeError for what is no text. `what` is "protocol" or "service". */
export function requireName(name: unknown, what: string): asserts name is string {
  if (typeof name !== "string") throw wrongType(`The name of a ${what} is a string.`);
  if (!isName(name)) throw new FirefliesError("name-invalid", `${nameShown(name)} is no name of a ${what}.`);
}

/** In quotes, on one line, cut. */
export function nameShown(name: string): string {
  return JSON.stringify(name.length > SHOWN_MAX ? `${name.slice(0, SHOWN_MAX)}...` : name);
}
