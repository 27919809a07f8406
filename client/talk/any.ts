/**
 * A message for whoever offers a service: to one member after another until one takes it. It goes to the next only where
 * nobody can have handled it, so no message is handled twice.
 */
import { type ErrorCode, FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { nearest } from "../nearest.js";
import { nameShown } from "../offers/name.js";
import { SEND_TIMEOUT_MS } from "../timeouts.js";
import type { SendOptions } from "../types.js";
import type { Outbound } from "./outbound.js";

/** Members that one message is tried at. */
const TRIES_MAX = 16;
/** What a connection to one of them may take of the time that is left, and at least so many milliseconds: a slow handshake. */
const REACH_SHARE = 1 / 3;
const REACH_MS_MIN = 1_000;

/** Names that a misspelt one is compared with. */
const COMPARED_MAX = 1_024;

/** Said before any handler is called: no connection, no such member any more, or none that takes the message. */
const NOT_HANDLED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(["peer-unreachable", "peer-unknown", "peer-refused"] as const),
  ...(["member-stopping", "handler-missing", "overloaded"] as const),
]);

/** To the first of `order` that takes it. Rejects with what the last one answered that may not go further, or none took. */
export async function toAny(
  outbound: Pick<Outbound, "reach" | "toId" | "requireTalking">,
  order: readonly MemberId[],
  data: Uint8Array,
  { timeout = SEND_TIMEOUT_MS, ...options }: SendOptions & { readonly service: string },
): Promise<Uint8Array> {
  const deadline = performance.now() + timeout;
  let last: unknown;
  for (const id of order.slice(0, TRIES_MAX)) {
    outbound.requireTalking();
    const left = deadline - performance.now();
    if (left <= 0) break;
    const isThere = await reached(
      outbound,
      id,
      options.signal,
      Math.min(left, Math.max(REACH_MS_MIN, left * REACH_SHARE)),
    );
    if (isThere !== true) {
      last = isThere;
      continue;
    }
    try {
      return await outbound.toId(id, data, { ...options, timeout: Math.max(1, deadline - performance.now()) });
    } catch (error) {
      if (!(error instanceof FirefliesError && NOT_HANDLED.has(error.code))) throw error;
      last = error;
    }
  }
  throw (
    last ?? new FirefliesError("timeout", `Nobody was found in time for the service ${nameShown(options.service)}.`)
  );
}

/** Nobody offers it; `offered` are all names that somebody does. */
export function serviceAbsent(service: string, offered: readonly string[], refused = 0): FirefliesError {
  if (refused > 0) {
    const why = `${refused} offer the service ${nameShown(service)}, and it may go to none of them.`;
    return new FirefliesError("service-absent", why);
  }
  const near = nearest(service, offered.slice(0, COMPARED_MAX));
  const hint = near === undefined ? "" : ` Did you mean ${nameShown(near)}?`;
  return new FirefliesError("service-absent", `No live member offers the service ${nameShown(service)}.${hint}`);
}

/** True, or why the next one is tried: here a timeout is no more than a connection that could not be made. */
async function reached(
  outbound: Pick<Outbound, "reach">,
  id: MemberId,
  signal: AbortSignal | undefined,
  timeoutMs: number,
): Promise<true | FirefliesError> {
  try {
    await outbound.reach(id, signal, timeoutMs);
    return true;
  } catch (error) {
    if (error instanceof FirefliesError && error.code !== "cancelled") return error;
    throw error;
  }
}
