/** Is a member well, and may it be given work? Pure decisions with reasons, for probes and for people. */

export interface Health {
  readonly ok: boolean;
  /** Why not, or what to look at, in sentences; the first is the gravest. */
  readonly reasons: readonly string[];
}

/** What readiness hangs on; as `ClientInfo` has it. */
export interface ReadinessFacts {
  readonly isStarted: boolean;
  readonly isStopping: boolean;
  readonly isolated: { readonly reason: string } | undefined;
  readonly members: number;
  /** Unix milliseconds. */
  readonly certificateEnds: number;
  readonly clock: string;
}

/** What health is read from: a `Client`, started or not. */
export interface HealthSource {
  readonly stopping: AbortSignal;
  /** Throws before the member has started, and after it has stopped. */
  info(): Omit<ReadinessFacts, "isStarted" | "isStopping">;
}

/** Of a member that nobody has asked yet, and of one that does not answer. */
const UNKNOWN = { isolated: undefined, members: 0, certificateEnds: Number.POSITIVE_INFINITY, clock: "steady" };

/** A member whose certificate ends within this is ready, and says so: renewal comes at two thirds of its life. Milliseconds. */
const ENDS_SOON_MS = 60 * 60 * 1_000;

/** May this member be given work now? For a route of a program: status 200 when `ok`, else 503, with the reasons. */
export function readinessOf(client: HealthSource, now: number = Date.now()): Health {
  const isStopping = client.stopping.aborted;
  try {
    return readiness({ ...client.info(), isStarted: true, isStopping }, now);
  } catch {
    return readiness({ ...UNKNOWN, isStarted: false, isStopping }, now);
  }
}

/** `now`: unix milliseconds. */
export function readiness(facts: ReadinessFacts, now: number): Health {
  const blocking = blockingReasons(facts, now);
  return { ok: blocking.length === 0, reasons: [...blocking, ...warnings(facts, now)] };
}

function blockingReasons({ isStarted, isStopping, isolated, certificateEnds }: ReadinessFacts, now: number): string[] {
  if (isStopping) return ["The member is stopping."];
  if (!isStarted) return ["The member has not started yet."];
  const reasons: string[] = [];
  if (certificateEnds <= now) reasons.push("Its certificate has ended: see `fireflies doctor`.");
  if (isolated) reasons.push(`The others do not have it among them: ${isolated.reason}.`);
  return reasons;
}

function warnings({ isStarted, members, certificateEnds, clock }: ReadinessFacts, now: number): string[] {
  if (!isStarted) return [];
  const reasons: string[] = [];
  if (members === 0) reasons.push("It is alone in its view.");
  if (certificateEnds > now && certificateEnds - now < ENDS_SOON_MS)
    reasons.push("Its certificate ends within an hour.");
  if (clock !== "steady") reasons.push("The wall clock has stepped, and nothing has confirmed it yet.");
  return reasons;
}
