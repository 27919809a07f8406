/** What members do together rests on this: a part of the public `Client`, and the view of those that take part. */
import type { Client } from "../../client/client.js";
import type { Isolated, Member } from "../../client/types.js";
import { sha256 } from "../../identity/index.js";
import { closest } from "../../rings/index.js";
import { type AccessRule, isAllowed } from "../access.js";

/** A `Client`, or what `clientOver` gives in a thread. */
export type CoordinationClient = Pick<
  Client,
  "id" | "self" | "member" | "members" | "changes" | "serve" | "sendToId" | "stopping"
>;

/** Who takes part. */
export interface Taking {
  /** What all that take part offer. */
  readonly service: string;
  /** Who may. */
  readonly rules: readonly AccessRule[];
}

/** The live members that take part; this one first, if it does. */
export function takingPart(
  client: Pick<CoordinationClient, "self" | "members">,
  { service, rules }: Taking,
  doI: boolean,
): readonly Member[] {
  const others = client.members({ service }).filter((member) => isAllowed(rules, member));
  return doI ? [client.self, ...others] : others;
}

/** In the order in which a key belongs to them: the same for all that have the same view. */
export function inOrder(key: string, among: readonly Member[]): readonly Member[] {
  return closest(sha256, key, among);
}

/**
 * Calls `onView` when the view has changed, once for changes that come together, and at once. `cutOff` says why the others do not
 * have this member among them, if so. Ends with the signal, and with the client.
 */
export async function watchView(
  client: Pick<CoordinationClient, "changes">,
  signal: AbortSignal,
  onView: (cutOff: Isolated["reason"] | undefined) => void,
): Promise<void> {
  let cutOff: Isolated["reason"] | undefined;
  let isDue = false;
  const tell = () => {
    isDue = false;
    if (!signal.aborted) onView(cutOff);
  };
  const later = () => {
    if (!isDue) setImmediate(tell);
    isDue = true;
  };
  later();
  for await (const change of client.changes({ signal })) {
    if (change.kind === "isolated") cutOff = change.reason;
    if (change.kind === "back") cutOff = undefined;
    later();
  }
}

/** Fires when one of them does: `close` was called, the client stops, or the program says so; and calls `close` then. */
export function endOf(
  client: Pick<CoordinationClient, "stopping">,
  closing: AbortSignal,
  signal: AbortSignal | undefined,
  close: () => unknown,
): AbortSignal {
  const ending = AbortSignal.any([closing, client.stopping, ...(signal ? [signal] : [])]);
  if (ending.aborted) close();
  else ending.addEventListener("abort", () => void close(), { once: true });
  return ending;
}

/** Settles what a program's function does, and hands on what it throws: to `onError`, or else to the process. */
export function guarded(run: () => unknown, onError: ((error: unknown) => void) | undefined): Promise<boolean> {
  return Promise.resolve()
    .then(run)
    .then(
      () => true,
      (error: unknown) => {
        if (onError === undefined)
          void Promise.reject(error); // Unhandled: the process says so, and ends by default.
        else onError(error);
        return false;
      },
    );
}
