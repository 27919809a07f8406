/** Which links are held open, by the key `keep_links`: those of members with a name or an id, or all. */
import type { Peer } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import { destinationOf, type Reachable } from "../view/directory.js";

/** In `keep_links`: every live member. */
const KEEP_ALL = "all";

/** Where to reach the live members that the configuration names. */
export function keptOf(
  names: readonly string[],
  members: () => readonly Peer[],
  nameOf: (id: MemberId) => string | undefined,
): Reachable[] {
  if (names.length === 0) return [];
  const wanted = new Set(names.map((name) => (isId(name) ? name.toLowerCase() : name)));
  const isKept = ({ id }: Peer) => wanted.has(KEEP_ALL) || wanted.has(id) || wanted.has(nameOf(id) ?? "");
  return members().filter(isKept).map(destinationOf);
}

function isId(text: string): boolean {
  return /^[0-9A-Fa-f]{64}$/.test(text);
}
