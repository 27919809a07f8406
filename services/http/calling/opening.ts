/** A stream of a host's protocol: to its member, or to one of those that offer the service. */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../../identity/index.js";
import { onAbort } from "../../../net/index.js";
import type { MemberClient } from "../../member-client.js";
import { pulseOf } from "../../pulse.js";
import { ATTEMPTS_MAX, OPEN_MS } from "../wire/limits.js";
import { type WhitherOptions, whither } from "../wire/whom.js";

/** The member at the other end is in the result: of a service it is not known before. */
export interface Opened {
  readonly stream: Duplex;
  readonly id: string;
}

export type Caller = Pick<MemberClient, "self" | "member" | "members" | "id" | "openStream" | "stopping" | "ping">;

/** `turn` counts up: members that offer a service take turns. Rejects with a FirefliesError. */
export async function openTo(
  client: Caller,
  { host, port, ...options }: { readonly host: string; readonly port: number } & WhitherOptions,
  turn: number,
): Promise<Opened> {
  const to = whither(client, host, port, options);
  const count = Math.min(to.members.length, ATTEMPTS_MAX);
  let problem: unknown;
  for (let attempt = 0; attempt < count; attempt++) {
    const id = to.members[(turn + attempt) % to.members.length] as string;
    try {
      return { stream: await open(client, id, to.protocol), id };
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

/** The deadline counts until the stream is open. */
async function open(client: Caller, id: string, protocol: string): Promise<Duplex> {
  const opening = new AbortController();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    opening.abort();
  }, OPEN_MS);
  const unwatch = onAbort(client.stopping, () => opening.abort());
  try {
    const stream = await client.openStream(id, { protocol, signal: opening.signal });
    if (id !== client.id) pulseOf(client).watch(id, stream);
    return stream;
  } catch (error) {
    throw isLate ? new FirefliesError("timeout", `No stream was open after ${OPEN_MS} ms.`, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
    unwatch();
  }
}
