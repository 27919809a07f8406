/** Which names a token or an identity from elsewhere admits: a name with `*` for any run of characters. Values only. */
import { sha256 } from "../identity/index.js";
import { toHex } from "../rings/index.js";

const STAR = "*";
/** Digits that stand for the first star of a drawn name: 40 bits, so two of 10,000 keys meet once in 20,000 fleets. */
const DRAWN_DIGITS = 10;

/** Whether this pattern stands for more than one name. */
export function isOpenPattern(pattern: string): boolean {
  return pattern.includes(STAR);
}

/** The name that a key (SubjectPublicKeyInfo, DER) gets by a pattern when it asks for none: the same one each time. */
export function drawnName(pattern: string, spki: Uint8Array): string {
  const digits = toHex(sha256(spki)).slice(0, DRAWN_DIGITS);
  return pattern.replace(STAR, digits).replaceAll(STAR, "");
}
