/**
 * Range-based set reconciliation over the record tree (after Meyer, "Range-Based Set Reconciliation", 2023): compare a
 * range by its hash, split it while it differs, list it once it is small. The bytes grow with the difference.
 *
 * Without state between packets: each item is answered from what is held now, so packets may be lost, repeated or
 * answered late.
 */
import { equalBytes } from "../../rings/index.js";
import { PACKET_STATEMENTS_MAX } from "../limits.js";
import { type Item, LISTED_DIGITS } from "../records/packet.js";
import type { RecordTree } from "../records/record-tree.js";

/** Records given for one range: one more than a packet takes, so that it says there are more. */
const GIVEN_MAX = PACKET_STATEMENTS_MAX + 1;

/** What the other side's items ask of this one. Digests in `give` are whole, in `want` as listed. */
export interface Answer {
  readonly items: Item[];
  readonly give: string[];
  readonly want: string[];
}

/** Without what asks about a range for a second time: nobody's packet does but that of one who wants to cost work. */
export function withoutRepeats(items: readonly Item[]): Item[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    if (!("prefix" in item)) return true;
    const isNew = !seen.has(item.prefix);
    seen.add(item.prefix);
    return isNew;
  });
}

/** Answers one `range`, `children` or `list` item; others ask nothing of the tree. */
export function reconcile(tree: RecordTree, item: Item): Answer {
  const answer: Answer = { items: [], give: [], want: [] };
  if (item.kind === "range") compareRange(tree, item.prefix, item.hash, answer);
  if (item.kind === "list") compareList(tree, item.prefix, item.digests, answer);
  if (item.kind === "children") {
    for (const [digit, hash] of item.hashes.entries())
      compareRange(tree, item.prefix + digit.toString(16), hash, answer);
  }
  return answer;
}

function compareRange(tree: RecordTree, prefix: string, hash: Uint8Array, answer: Answer): void {
  if (prefix.length >= 64) return;
  const mine = tree.range(prefix);
  if (equalBytes(mine.hash, hash)) return;
  if (hash.every((byte) => byte === 0)) answer.give.push(...tree.list(prefix, GIVEN_MAX));
  else if (mine.isLeaf) answer.items.push({ kind: "list", prefix, digests: listed(tree.list(prefix)) });
  else answer.items.push({ kind: "children", prefix, hashes: tree.childHashes(prefix) });
}

function compareList(tree: RecordTree, prefix: string, digests: readonly string[], answer: Answer): void {
  const theirs = new Set(digests);
  const mine = tree.list(prefix, GIVEN_MAX);
  for (const digest of mine) if (!theirs.delete(digest.slice(0, LISTED_DIGITS))) answer.give.push(digest);
  // A list may name only what lies under its prefix; the rest would be asked for in vain.
  for (const digest of theirs) if (digest.startsWith(prefix.slice(0, LISTED_DIGITS))) answer.want.push(digest);
}

function listed(digests: readonly string[]): string[] {
  return digests.map((digest) => digest.slice(0, LISTED_DIGITS));
}
