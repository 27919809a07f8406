/** Waiting for members: until a number of them are there, or the one at a given address. */
import { FirefliesError } from "../../identity/index.js";
import { type Deadline, deadlineIn, withDeadline } from "../../net/deadline.js";
import type { MemberId } from "../../rings/index.js";
import { requireCount } from "../talk/misuse.js";
import { JOIN_TIMEOUT_MS } from "../timeouts.js";
import type { Change, Member } from "../types.js";

/** What is asked of a client. */
export interface Watched {
  members(): Member[];
  changes(options: { readonly signal?: AbortSignal | undefined }): AsyncIterableIterator<Change>;
}

/**
 * Resolves with the members once `count` of them are live. Rejects with "cancelled" or "not-started", and with a RangeError for
 * what is no number of members.
 */
export async function untilMembers(client: Watched, count: number, signal?: AbortSignal): Promise<Member[]> {
  requireCount(count);
  if (signal?.aborted) throw cancelled(count, signal);
  if (client.members().length >= count) return client.members();
  for await (const _ of client.changes({ signal })) {
    const members = client.members();
    if (members.length >= count) return members;
  }
  if (signal?.aborted) throw cancelled(count, signal);
  throw new FirefliesError("not-started", `The client has stopped while ${count} members were waited for.`);
}

/**
 * Resolves with the member that `seek` has found and asked, once it is in the view. Rejects as `seek` does, with "timeout" or
 * "cancelled".
 */
export async function untilJoined(
  client: Watched & { member(id: string): Member | undefined },
  seek: (until: Deadline) => Promise<MemberId>,
  signal?: AbortSignal,
): Promise<Member> {
  const deadline = deadlineIn(JOIN_TIMEOUT_MS);
  return await withDeadline({ deadline, signal }, async (within) => {
    const id = await seek({ deadline, signal: within });
    // Begins with those that are there.
    for await (const _ of client.changes({ signal: within })) {
      const member = client.member(id);
      if (member) return member;
    }
    throw new FirefliesError("not-started", "The client has stopped while a member was looked for.");
  });
}

function cancelled(count: number, { reason: cause }: AbortSignal): FirefliesError {
  return new FirefliesError("cancelled", `Waiting for ${count} members was cancelled.`, { cause });
}
