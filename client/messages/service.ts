/**
 * The service that a request is for, by its name. An extension of the content, so it is signed:
 *
 *     type 2 | name (UTF-8, offers/name.ts)
 *
 * A request without one is for the nameless handler.
 */
import { type Extension, extensionOf } from "../../rings/index.js";
import { isName } from "../offers/name.js";

const TYPE = 2;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function serviceExtension(name: string): Extension {
  return { type: TYPE, data: encoder.encode(name) };
}

/** Undefined when none is named, and empty for what is no name: nobody serves that. */
export function serviceOf(extensions: readonly Extension[] | undefined): string | undefined {
  const data = extensions && extensionOf(extensions, TYPE);
  if (data === undefined) return undefined;
  try {
    const name = decoder.decode(data);
    return isName(name) ? name : "";
  } catch {
    return "";
  }
}
