/**
 * What becomes of the contacts that sources name: all of them are asked while the member is alone, a few that are new and strange
 * at once otherwise, and the rest now and then by the machine (rule R15), so that islands find each other.
 */
import type { Recipient } from "../../gossip/index.js";
import { recipientOf } from "../config/values.js";

/** Contacts of one answer that are asked at once although others are there. Each is a dial, or several. */
export const URGENT_MAX = 3;
/**
 * Contacts of one answer that the machine keeps although others are there: it keeps 64 in all, and one source is not to push
 * out those of others.
 */
const KEPT_MAX = 16;

export interface Named {
  readonly recipients: readonly Recipient[];
  readonly urgent: readonly Recipient[];
}

/** `fresh` were not in the source's answer before; `isLive` says whether a live member is reached there. */
export function chosen(
  entries: readonly string[],
  fresh: ReadonlySet<string>,
  { isAlone, isLive }: { readonly isAlone: boolean; readonly isLive: (to: Recipient) => boolean },
): Named {
  const all = entries.map((entry) => ({ entry, to: recipientOf(entry) }));
  if (isAlone) return { recipients: all.map(({ to }) => to), urgent: [] };
  const strange = all.filter(({ to }) => !isLive(to));
  return {
    recipients: strange.slice(0, KEPT_MAX).map(({ to }) => to),
    urgent: strange
      .filter(({ entry }) => fresh.has(entry))
      .slice(0, URGENT_MAX)
      .map(({ to }) => to),
  };
}
