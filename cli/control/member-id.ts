/** The member that an argument means: its id, or any beginning of it that no other member has. */
import { FirefliesError } from "../../identity/error.js";
import type { MemberId } from "../../rings/index.js";

/** Ids shown when a beginning fits several. */
const SHOWN_MAX = 4;

/** Throws "id-unknown" or "id-ambiguous". */
export function resolveId(text: string, ids: readonly MemberId[]): MemberId {
  const prefix = text.trim().toLowerCase();
  const matches = prefix === "" ? [] : ids.filter((id) => id.startsWith(prefix));
  if (matches.length === 1) return matches[0]!;
  if (matches.length === 0) {
    throw new FirefliesError("id-unknown", `No live member's id begins with "${text}". See \`fireflies members\`.`);
  }
  const shown = matches.slice(0, SHOWN_MAX).join(", ");
  throw new FirefliesError(
    "id-ambiguous",
    `${matches.length} members' ids begin with "${text}": ${shown}. Give more digits.`,
  );
}
