/**
 * The names that a member offers, as its note carries them: an extension of it, so they are signed. Sorted by their bytes, each once:
 *
 *     type 1 | each name: length u8, UTF-8
 */
import {
  ByteReader,
  ByteWriter,
  EXTENSIONS_BYTES_MAX,
  type Extension,
  extensionOf,
  extensionsBytes,
} from "../../rings/index.js";
import { isName, NAME_BYTES_MAX } from "./name.js";

const TYPE = 1;
const NONE: readonly string[] = Object.freeze([]);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes of all names together as they are carried, with a byte of length each. */
export const NAMES_BYTES_MAX = EXTENSIONS_BYTES_MAX - extensionsBytes([{ type: TYPE, data: new Uint8Array(0) }]);

/** Of one name, as it is carried. */
export function nameBytes(name: string): number {
  return 1 + encoder.encode(name).length;
}

/** The caller keeps the bound. */
export function namesExtensions(names: Iterable<string>): readonly Extension[] {
  const writer = new ByteWriter();
  const encoded = [...names].map((name) => encoder.encode(name)).sort(Buffer.compare);
  for (const bytes of encoded) writer.u8(bytes.length).raw(bytes);
  return encoded.length === 0 ? [] : [{ type: TYPE, data: writer.finish() }];
}

/** What a peer offers. Of what is no list of names, or no name, nothing: that is its mistake, and not ours to fail by. */
export function namesIn(extensions: readonly Extension[]): readonly string[] {
  const data = extensionOf(extensions, TYPE);
  if (data === undefined) return NONE;
  const reader = new ByteReader(data);
  const names = new Set<string>();
  while (reader.remaining > 0 && !reader.bad) {
    const length = reader.u8();
    if (length > NAME_BYTES_MAX) reader.refuse();
    const name = textIn(reader.raw(length));
    if (name !== undefined) names.add(name);
  }
  return reader.bad ? NONE : Object.freeze([...names]);
}

function textIn(bytes: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(bytes);
    return isName(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
