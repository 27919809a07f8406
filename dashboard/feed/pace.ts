/**
 * When answers about what is shown are asked for again: some seconds after the last ones, or a second after them when something
 * has happened meanwhile; and one question at a time. A busy network tells of twenty events a second, and the member that is
 * asked has other things to do. A decision about instants that are given: milliseconds of any clock that only rises.
 */

const AGAIN_MS = 5_000;
const AGAIN_CHANGED_MS = 1_000;

export class Pace {
  #asked: { readonly about: string; readonly at: number } | undefined;
  #isOpen = false;

  /** `about` changes whenever something has happened to what is shown. */
  isDue(about: string, now: number): boolean {
    if (this.#isOpen) return false;
    if (this.#asked === undefined) return true;
    return now - this.#asked.at >= (this.#asked.about === about ? AGAIN_MS : AGAIN_CHANGED_MS);
  }

  asked(about: string, now: number): void {
    this.#asked = { about, at: now };
    this.#isOpen = true;
  }

  answered(): void {
    this.#isOpen = false;
  }
}
