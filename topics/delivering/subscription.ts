/** One subscription of this member: its pattern, its window, and a cursor in each log that it is owed. */
import type { SubscriptionNumber } from "../effects.js";
import type { SubscribeOptions } from "../machine-options.js";
import type { LogTag } from "../records/log.js";
import type { Cursor } from "./cursor.js";

export const IN_FLIGHT_DEFAULT = 1024;
export const IN_FLIGHT_MAX = 65_536;
const ATTEMPTS_DEFAULT = 5;
const ATTEMPTS_MAX = 1000;
const BACKOFF_MS_DEFAULT = 100;
/** No message waits longer than this before it comes again. */
export const BACKOFF_MS_MAX = 60_000;

export class Subscription {
  readonly number: SubscriptionNumber;
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly isDurable: boolean;
  /** Of logs in which it has no place it is owed all: they began while this member was away. */
  readonly isResumed: boolean;
  readonly inFlightMax: number;
  readonly attemptsMax: number;
  readonly backoffMs: number;
  /** Each publisher's newest message comes first. */
  readonly isLast: boolean;
  /** Of one in a queue group: from and until when it takes part (interest.ts). */
  since = 0;
  until: number | undefined;
  /** Monotonic milliseconds: it resolves then at the earliest. */
  readyAt = Number.NEGATIVE_INFINITY;
  readonly cursors = new Map<LogTag, Cursor>();
  /** Messages handed out and not settled, over all cursors. */
  open = 0;
  /** What nobody holds is still to come from elsewhere. */
  isRecovering: boolean;
  /** `missed` was told, and `recovered` has not answered it. */
  isMissing = false;
  /** Has `subscribed` been told? Until then one in a queue group hands out nothing: it may not know its group. */
  isReady = false;
  isDraining = false;
  /** Cursors that had something to hand out when the window was full, in turn. */
  readonly waiting = new Set<Cursor>();

  /** Throws RangeError on options out of range. */
  constructor(number: SubscriptionNumber, pattern: string, options: SubscribeOptions) {
    this.number = number;
    this.pattern = pattern;
    this.queue = options.queue;
    this.isDurable = options.places !== undefined;
    this.isResumed = this.isDurable && options.isResumed === true;
    this.inFlightMax = within("inFlightMax", options.inFlightMax ?? IN_FLIGHT_DEFAULT, IN_FLIGHT_MAX);
    this.attemptsMax = within("attemptsMax", options.attemptsMax ?? ATTEMPTS_DEFAULT, ATTEMPTS_MAX);
    this.isLast = options.last === true;
    this.isRecovering = options.isRecovering === true;
    this.backoffMs = within("backoffMs", options.backoffMs ?? BACKOFF_MS_DEFAULT, BACKOFF_MS_MAX);
  }

  get room(): number {
    return this.inFlightMax - this.open;
  }

  get isSettled(): boolean {
    if (this.open > 0) return false;
    for (const cursor of this.cursors.values()) if (!cursor.isSettled) return false;
    return true;
  }
}

function within(name: string, value: number, max: number): number {
  if (!(Number.isInteger(value) && value >= 1 && value <= max)) {
    throw new RangeError(`${name} must be a whole number from 1 to ${max}, not ${value}`);
  }
  return value;
}

/** Milliseconds until a message comes again after so many attempts. */
export function backoff(firstMs: number, attempts: number): number {
  return Math.min(BACKOFF_MS_MAX, firstMs * 2 ** Math.min(attempts - 1, 16));
}
