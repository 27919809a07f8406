/** Text of others on one line: nothing in it moves a cursor, ends a line, hides, or turns what stands beside it around. */

/** Most texts are this, and need no second look. */
const PLAIN = /^[ -~]*$/;
/**
 * Escaped: controls, formats (bidirectional marks, spaces without width), surrogates without their other half, private and
 * unassigned characters (Unicode's C), separators of lines and paragraphs, what is drawn as nothing (UAX #44,
 * Default_Ignorable_Code_Point, and the blank of Braille), and marks from the fourth on one character on: they pile up
 * over other lines.
 */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\p{DI}\u2800]|(?<=\p{M}{3})\p{M}/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * `text` as it may be shown: what is unsafe is escaped as in a string of JSON, so JSON stays JSON, with the same values. To
 * escape it twice changes nothing more.
 */
export function shown(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSAFE, (found) => SHORT[found] ?? escaped(found));
}

/** A character beyond the first plane as two, as JSON wants it. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => unit(character.charCodeAt(index))).join("");
}

function unit(code: number): string {
  return `\\u${code.toString(16).padStart(4, "0")}`;
}
