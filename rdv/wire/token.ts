/** Tokens: any bytes, escaped in a path and in the lines between peers (RFC 3986, section 2.1). */

const UNRESERVED = /[A-Za-z0-9\-_~]/;
const ESCAPED = /^(?:[^%]|%[0-9A-Fa-f]{2})*$/;
const ESCAPE_OR_CHARACTERS = /%([0-9A-Fa-f]{2})|[^%]+/g;

/**
 * ASCII, without "/", so that a token is one part of a path. A token of dots alone has them escaped: paths with "." and
 * ".." are rewritten on their way.
 */
export function escapeToken(token: Uint8Array): string {
  const dots = token.every((byte) => byte === 0x2e);
  return Array.from(token, (byte) => {
    const character = String.fromCharCode(byte);
    if (UNRESERVED.test(character) || (character === "." && !dots)) return character;
    return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

/** Takes bytes as Latin-1, as heads and lines are read. Undefined when an escape is broken. */
export function unescapeToken(text: string): Buffer | undefined {
  if (!ESCAPED.test(text)) return undefined;
  const parts = [...text.matchAll(ESCAPE_OR_CHARACTERS)];
  return Buffer.concat(
    parts.map(([part, hex]) =>
      hex === undefined ? Buffer.from(part, "latin1") : Buffer.from([Number.parseInt(hex, 16)]),
    ),
  );
}
