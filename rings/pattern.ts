/** Patterns as shells have them, for names. */

/** Does the whole text fit the pattern, in which "*" stands for any characters, also none, and "?" for one? Takes time in proportion to both lengths, whatever the pattern. */
export function matchesPattern(text: string, pattern: string): boolean {
  let [at, next] = [0, 0];
  /** Where to go on when what follows the last "*" does not fit: that star takes one character more. */
  let star: { readonly next: number; at: number } | undefined;
  while (at < text.length) {
    if (pattern[next] === "*") {
      star = { next: ++next, at };
    } else if (next < pattern.length && (pattern[next] === "?" || pattern[next] === text[at])) {
      at++;
      next++;
    } else if (star) {
      at = ++star.at;
      next = star.next;
    } else {
      return false;
    }
  }
  while (pattern[next] === "*") next++;
  return next === pattern.length;
}
