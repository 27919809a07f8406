/** What a relay did instead of passing a connection on, as the member that asked for it saw it. It is no proof of a lie. */

import type { MemberId } from "../../rings/index.js";
import type { Path } from "../session/path.js";

/**
 * - "refused": it says that it has no room, or relays for nobody.
 * - "absent": it says that the member is not connected to it.
 * - "silent": it let nothing through, or nothing any more.
 * - "cut": the connection broke on the way.
 * - "misled": somebody else than the member was at the other end.
 * - "slow": another relay was asked because a round trip took so long.
 */
export const RELAY_FAILURES = ["refused", "absent", "silent", "cut", "misled", "slow"] as const;

export type RelayFailure = (typeof RELAY_FAILURES)[number];

/** Of the relays on a path the one next to the member that was dialled, or, of an accepted connection, the one next to me. */
export function relayOf({ via = [], direction }: Path): MemberId | undefined {
  return direction === "dialled" ? via.at(-1) : via[0];
}
