/** Waiting for company: most programs have nothing to do before somebody is there. */
import { FirefliesError } from "../identity/index.js";
import type { Change, Member } from "./types.js";

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
  if (!Number.isInteger(count) || count < 0) throw new RangeError(`A number of members is 0 or more, not ${count}.`);
  if (signal?.aborted) throw cancelled(count, signal);
  if (client.members().length >= count) return client.members();
  for await (const _ of client.changes({ signal })) {
    const members = client.members();
    if (members.length >= count) return members;
  }
  if (signal?.aborted) throw cancelled(count, signal);
  throw new FirefliesError("not-started", `The client has stopped while ${count} members were waited for.`);
}

function cancelled(count: number, { reason: cause }: AbortSignal): FirefliesError {
  return new FirefliesError("cancelled", `Waiting for ${count} members was cancelled.`, { cause });
}
