/** UTF-8 for the pure rooms, which have no TextEncoder (RFC 3629): strict both ways, so that each text has one form in bytes. */

/** Bytes of a text in UTF-8. A lone surrogate counts three, as the replacement for it would. */
export function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) length += bytesOf(character.codePointAt(0)!);
  return length;
}

/** The caller has checked that the text is well-formed: a lone surrogate becomes U+FFFD. */
export function utf8Encode(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  let at = 0;
  for (const character of text.toWellFormed()) {
    const code = character.codePointAt(0)!;
    const size = bytesOf(code);
    bytes[at++] = size === 1 ? code : FIRST[size]! | (code >> (6 * (size - 1)));
    for (let left = size - 2; left >= 0; left--) bytes[at++] = CONTINUED | ((code >> (6 * left)) & SIX_BITS);
  }
  return bytes;
}

/** The text of bytes; undefined for what is no UTF-8: overlong forms, surrogates and what is cut off as well. */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const size = sizeOf(first);
    if (size === 0 || at + size > bytes.length) return undefined;
    let code = size === 1 ? first : first & (SIX_BITS >> (size - 1));
    for (let next = 1; next < size; next++) {
      const byte = bytes[at + next]!;
      if (byte >> 6 !== CONTINUED >> 6) return undefined;
      code = (code << 6) | (byte & SIX_BITS);
    }
    if (code > CODE_POINT_MAX || isSurrogate(code) || bytesOf(code) !== size) return undefined;
    text += String.fromCodePoint(code);
    at += size;
  }
  return text;
}

/** Of the bytes after the first of a character: the two high bits, and the six that count. */
const CONTINUED = 0x80;
const SIX_BITS = 0x3f;
/** The high bits of a first byte, by how many bytes the character has. */
const FIRST: readonly number[] = [0, 0, 0xc0, 0xe0, 0xf0];
const CODE_POINT_MAX = 0x10ffff;

function bytesOf(code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}

/** How many bytes a character with this first byte has; 0 when none begins so. */
function sizeOf(first: number): number {
  if (first < 0x80) return 1;
  if (first >> 5 === 0b110) return 2;
  if (first >> 4 === 0b1110) return 3;
  return first >> 3 === 0b11110 ? 4 : 0;
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}
