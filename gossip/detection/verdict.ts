/**
 * What a try says about the member that was tried (rule R21): it goes over every path at once that leads to the member, and
 * nobody is accused because a path died.
 */

/**
 * How a try over the main transport ended. "refused": its host answered, on a direct path, that nobody listens there.
 * "unable": nothing was sent, for a reason of mine (no descriptor, a name without an answer, an address that I may not
 * dial): it says nothing about the member.
 */
export type TryOutcome = "answered" | "silent" | "refused" | "unable";

/** How one path of a try ended. "none": it was no path for me, as an address that I may not dial. */
export interface PathEnd {
  /** False for a path through others: a relay, or a session that the member made and a relay carries. */
  readonly isDirect: boolean;
  readonly end: TryOutcome | "none";
}

/**
 * Of a try whose paths ended like this, while `open` of them have not. Undefined: an answer may still come.
 *
 * One answer is enough, by whichever path. "Refused" is the word of the host itself, so it needs a direct path, and the same
 * from every other one. What a relay says, that it has no such member, that the member is gone or refuses, is the word of
 * somebody else, who may lie: its path is silent.
 */
export function verdictOf(ends: readonly PathEnd[], open = 0): TryOutcome | undefined {
  if (ends.some(({ end }) => end === "answered")) return "answered";
  if (open > 0) return undefined;
  const paths = ends.filter(({ end }) => end !== "none");
  if (paths.every(({ end }) => end === "unable")) return "unable";
  return paths.every(({ isDirect, end }) => isDirect && end === "refused") ? "refused" : "silent";
}
