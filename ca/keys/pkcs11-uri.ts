/** Where a key lives in a security module: PKCS#11 URIs (RFC 7512), as far as a signing key needs them. */
import { FirefliesError } from "../../identity/index.js";

/** A URI is one line of a file. */
const URI_CHARACTERS_MAX = 2_048;

export interface KeyUri {
  /** Label of the token. */
  readonly token: string;
  /** Label of the key pair; undefined in a URI that only says where new keys go. */
  readonly object: string | undefined;
  /** The module's shared library. */
  readonly modulePath: string;
  /** File that holds the PIN. */
  readonly pinFile: string | undefined;
}

/** Whether the text of a key file is a URI and no PEM. */
export function isKeyUri(text: string): boolean {
  return text.startsWith("pkcs11:");
}

/** Throws "signer-unavailable" when a part is missing or unknown: a key must not be taken for another one. */
export function parseKeyUri(text: string): KeyUri {
  const match = /^pkcs11:([^?\s]*)\?([^?\s]*)$/.exec(text);
  if (match === null || text.length > URI_CHARACTERS_MAX) throw bad("is no PKCS#11 URI with a module-path");
  const path = attributes(match[1]!, ";", ["token", "object", "type"]);
  const query = attributes(match[2]!, "&", ["module-path", "pin-source"]);
  const [token, modulePath] = [path.get("token"), query.get("module-path")];
  if (token === undefined || modulePath === undefined) throw bad("needs a token and a module-path");
  const pinFile = query.get("pin-source")?.replace(/^file:(\/\/)?/, "");
  return { token, object: path.get("object"), modulePath, pinFile };
}

export function formatKeyUri({ token, object, modulePath, pinFile }: KeyUri): string {
  const path = [
    `token=${encoded(token)}`,
    ...(object === undefined ? [] : [`object=${encoded(object)}`, "type=private"]),
  ];
  const pin = pinFile === undefined ? "" : `&pin-source=file:${encoded(pinFile)}`;
  return `pkcs11:${path.join(";")}?module-path=${encoded(modulePath)}${pin}`;
}

function attributes(text: string, separator: string, known: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(separator).filter((each) => each !== "")) {
    const [name = "", ...value] = part.split("=");
    // Its letters only: what follows a slip of the pen may be a PIN.
    if (!known.includes(name)) throw bad(`has the attribute "${/^[a-z-]*/.exec(name)?.[0]}", which is not known here`);
    if (found.has(name)) throw bad(`says ${name} twice`);
    found.set(name, decoded(value.join("=")));
  }
  return found;
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll("%2F", "/");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw bad("has a broken percent sign", cause);
  }
}

function bad(what: string, cause?: unknown): FirefliesError {
  return new FirefliesError("signer-unavailable", `The key's URI ${what}.`, { cause });
}
