/** Streams for local connections: the members to try, one after the other, until one takes it. */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../../identity/index.js";
import { onAbort } from "../../../net/index.js";
import type { MemberClient } from "../../member-client.js";
import { pulseOf } from "../../pulse.js";
import { asError } from "./conduit.js";
import { OPEN_MS } from "./limits.js";

export interface Caller {
  readonly client: MemberClient;
  /** Nothing more is wanted. */
  readonly closing: AbortSignal;
}

/**
 * A stream to the first of these members that takes it: nothing of the local program is sent before, so that the next one may be
 * tried. Rejects with why the last one did not.
 */
export async function openToAny(caller: Caller, protocol: string, members: readonly string[]): Promise<Duplex> {
  let problem = new FirefliesError("peer-unknown");
  for (const id of members) {
    try {
      return await open(caller, protocol, id);
    } catch (cause) {
      problem = asError(cause);
    }
    if (caller.closing.aborted) break;
  }
  throw problem;
}

/** The deadline counts until the stream is taken. */
async function open({ client, closing }: Caller, protocol: string, id: string): Promise<Duplex> {
  const opening = new AbortController();
  const late = new FirefliesError("timeout", `The member did not take the connection within ${OPEN_MS / 1_000} s.`);
  const timer = setTimeout(() => opening.abort(late), OPEN_MS);
  const unwatch = onAbort(closing, () => opening.abort());
  const member = client.member(id)?.id ?? id;
  const pulse = member === client.id ? undefined : pulseOf(client);
  const release = pulse?.guard(member, (error) => opening.abort(error));
  try {
    const ask = () => client.openStream(id, { protocol, accepted: true, signal: opening.signal });
    const stream = await ask().catch((error: unknown) => {
      if (opening.signal.aborted || !isLost(error)) throw error;
      return ask(); // Over another link. Nothing was sent yet, and a target that was dialled for nothing is told.
    });
    pulse?.watch(member, stream);
    return stream;
  } catch (error) {
    throw opening.signal.reason instanceof FirefliesError ? opening.signal.reason : error;
  } finally {
    release?.();
    clearTimeout(timer);
    unwatch();
  }
}

/** The link was lost before the stream was taken. */
function isLost(error: unknown): boolean {
  return error instanceof FirefliesError && error.code === "link-closed";
}
