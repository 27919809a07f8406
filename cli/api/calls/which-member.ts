/** The member that an argument means: by its name, its id, or any beginning of its id that no other member has. */

import { nearest } from "../../../client/nearest.js";
import type { Departed } from "../../../client/types.js";
import { meantBy } from "../../../client/view/meant.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import type { MemberId } from "../../../rings/index.js";
import { memberTitle } from "../../output.js";

/** Members shown when several are meant. */
const SHOWN_MAX = 5;
export interface Candidate {
  readonly id: MemberId;
  readonly name: string | undefined;
  readonly address: string;
}

/** Throws "id-unknown" or "id-ambiguous". `departed` are told of when nobody live is meant. */
export function whichMember<M extends Candidate>(
  argument: string,
  members: readonly M[],
  departed: readonly Departed[] = [],
): M {
  const word = argument.trim();
  const found = meantBy(word, members);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) throw ambiguous(word, found);
  const gone = meantBy(
    word,
    departed.map((each) => ({ ...each.member, gone: each })),
  );
  throw gone[0] ? wasThere(gone[0].gone) : unknown(word, members);
}

function ambiguous(word: string, found: readonly Candidate[]): FirefliesError {
  const listed = found.slice(0, SHOWN_MAX).map((each) => `${memberTitle(each)} at ${each.address}`);
  const more = found.length > SHOWN_MAX ? [`and ${found.length - SHOWN_MAX} more`] : [];
  const all = [...listed, ...more].join(", ");
  return new FirefliesError("id-ambiguous", `"${word}" means ${found.length} live members: ${all}.`);
}

function wasThere({ member, reason, at }: Departed): FirefliesError {
  const how = reason === "left" ? "left" : `failed (${reason})`;
  const message = `${memberTitle(member)} is not live: it ${how} at ${new Date(at).toISOString()}.`;
  return new FirefliesError("id-unknown", message, { advice: "See `fireflies members --all` for who was there." });
}

function unknown(word: string, members: readonly Candidate[]): FirefliesError {
  const names = members.flatMap(({ name }) => name ?? []);
  const near = nearest(word, names);
  const message = `No live member is called "${word}", or has an id that begins with it.`;
  return new FirefliesError("id-unknown", message, near === undefined ? {} : { advice: `Did you mean ${near}?` });
}
