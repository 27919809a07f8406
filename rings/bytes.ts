/** Byte strings: hexadecimal text, order, equality, concatenation. Nothing here knows the protocol. */

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** The characters of a byte's two digits. Eight at once make a text twice as fast as one by one: ids are made often. */
const HIGH = Uint8Array.from(HEX_OF_BYTE, (digits) => digits.charCodeAt(0));
const LOW = Uint8Array.from(HEX_OF_BYTE, (digits) => digits.charCodeAt(1));

/** The value of an ASCII character as a digit of either case; -1 for others. */
const NIBBLES = Int8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? -1 : value;
});

/** Lower-case hexadecimal text, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  const { length } = bytes;
  let text = "";
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const [a, b, c, d] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!];
    text += String.fromCharCode(HIGH[a]!, LOW[a]!, HIGH[b]!, LOW[b]!, HIGH[c]!, LOW[c]!, HIGH[d]!, LOW[d]!);
  }
  for (; at < length; at++) text += HEX_OF_BYTE[bytes[at]!];
  return text;
}

/** The bytes of hexadecimal text of either case (people paste both); undefined when it is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  const { length } = text;
  if (length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(length / 2);
  return writeHex(text, bytes, 0) ? bytes : undefined;
}

/** Writes the bytes of hexadecimal text, of an even length, from an offset on; false at the first that is anything else. */
export function writeHex(text: string, to: Uint8Array, offset: number): boolean {
  for (let at = 0; at < text.length; at += 2) {
    const value = (nibble(text.charCodeAt(at)) << 4) | nibble(text.charCodeAt(at + 1));
    if (value < 0) return false;
    to[offset + (at >> 1)] = value;
  }
  return true;
}

function nibble(code: number): number {
  return code < NIBBLES.length ? NIBBLES[code]! : -1;
}

/** Lexicographic order, a prefix before what it begins: negative, zero or positive. Of equal lengths: big-endian order. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether both hold the same bytes. Takes less time the earlier they differ: not for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && compareBytes(a, b) === 0);
}

/** All parts one after the other, copied. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
