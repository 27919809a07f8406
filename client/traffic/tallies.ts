/**
 * Tallies by name: of services, or of protocols. A name has one of its own when this member offers it or asks for it; what peers
 * ask for besides is counted together, so that no peer makes them more.
 */
import { Tally, type TallyInfo } from "./tally.js";

/** Names that are counted apart, of each kind: a dashboard shows fewer, and a program may have any number. */
export const NAMES_MAX = 64;
/** Of what has no name. */
export const NAMELESS = "none";
/** Of all further names. */
export const OTHERS = "other";

export class Tallies {
  readonly #byName = new Map<string, Tally>();
  readonly #nameless = new Tally();
  readonly #others = new Tally();

  /** What this member asks for: the name is counted apart from now on, while there is room. */
  own(name: string | undefined): Tally {
    if (name === undefined || name === "") return this.#nameless;
    return this.#byName.get(name) ?? this.#new(name);
  }

  /** What a peer asks for. */
  of(name: string | undefined): Tally {
    if (name === undefined) return this.#nameless;
    return this.#byName.get(name) ?? this.#others;
  }

  /** All of them that have counted something. */
  get info(): Readonly<Record<string, TallyInfo>> {
    const found = this.#all.filter(([, { begun, bytesIn, bytesOut }]) => begun + bytesIn + bytesOut > 0);
    return Object.fromEntries(found.map(([name, tally]) => [name, tally.info]));
  }

  sum(what: (tally: Tally) => number): number {
    return this.#all.reduce((sum, [, tally]) => sum + what(tally), 0);
  }

  /** A program's own name may be one of ours: then both are counted there. */
  get #all(): [string, Tally][] {
    return [...this.#byName, [NAMELESS, this.#nameless], [OTHERS, this.#others]];
  }

  #new(name: string): Tally {
    if (name === NAMELESS) return this.#nameless;
    if (name === OTHERS || this.#byName.size >= NAMES_MAX) return this.#others;
    const tally = new Tally();
    this.#byName.set(name, tally);
    return tally;
  }
}
