/** The nearest known word to a misspelt one, for messages that say what was probably meant. */

/** A word further away than this share of its length is no misspelling of it. */
const DISTANCE_SHARE_MAX = 0.4;
/** Longer words are not compared: the work grows with the square of the length. */
const WORD_LENGTH_MAX = 64;

/** Levenshtein distance: insertions, deletions and substitutions that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The word of `known` nearest to `word` (case and - or _ do not count), or undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined;
  const plain = (text: string) => text.toLowerCase().replaceAll("-", "_");
  let best: { word: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(plain(word), plain(candidate));
    if (best === undefined || distance < best.distance) best = { word: candidate, distance };
  }
  if (best === undefined || best.distance > Math.ceil(best.word.length * DISTANCE_SHARE_MAX)) return undefined;
  return best.word;
}
