/** Which members a word means: a name, an id, or the beginning of one. For programs and for commands. */

/**
 * Digits from which on the beginning of an id weighs as much as a name. A name of fewer letters, as "ada" or "bea", may begin
 * somebody's id by chance; who copied more digits means an id, and is not to be led to a member that took them for its name.
 */
const BEGINNING_DIGITS_MIN = 6;

export interface Called {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string | undefined;
}

/** All whom the word may mean. A whole id means its member alone, whatever others are called. */
export function meantBy<M extends Called>(word: string, members: readonly M[]): readonly M[] {
  const digits = word.toLowerCase();
  const exact = members.filter(({ id }) => id === digits);
  if (word === "" || exact.length > 0) return exact;
  const named = members.filter(({ name }) => name === word);
  if (named.length > 0 && word.length < BEGINNING_DIGITS_MIN) return named;
  return [...named, ...members.filter((each) => each.id.startsWith(digits) && !named.includes(each))];
}
