/**
 * Proof that a publisher signed what no correct one signs: two different batches with a number in common, or two neighbours in a
 * log of which the later does not name the earlier. Anyone who holds the publisher's certificate can check it.
 */
import { equalBytes, type Sha256 } from "../../rings/index.js";
import type { Head } from "./batch.js";

/** Do these contradict each other, if both signatures are valid? */
export function contradict(a: Head, b: Head, sha256: Sha256): boolean {
  if (a.log.tag !== b.log.tag || equalBytes(a.body, b.body)) return false;
  const [early, late] = a.first <= b.first ? [a, b] : [b, a];
  const end = early.first + early.count;
  if (late.first < end) return true;
  return late.first === end && !equalBytes(late.previous, sha256(early.body));
}
