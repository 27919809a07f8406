/** What comes out of a run: its figures, and for reports all that was measured. */
import type { Violation } from "../invariants/violation.js";
import type { Change } from "./changes.js";
import type { Sample } from "./history.js";
import type { Plan } from "./plan.js";
import type { Quantiles } from "./quantiles.js";
import type { AdversaryTally, Rejection } from "./tally.js";
import type { TraceLine } from "./trace.js";

export interface Result {
  /** 16 hex digits over all that members told and signed, and their views at the end: the same for the same plan. */
  readonly digest: string;
  /** In their order; empty when all invariants held. */
  readonly violations: readonly Violation[];
  /** Correct, reachable members that left a correct view: once for each view. */
  readonly falseRemovals: number;
  /** Those of them that are no violation: of members with more than t rings in liars' hands, which a planned ring count leaves to chance. */
  readonly exposedRemovals: number;
  /** Accusations that a correct member signed of a correct, reachable one. */
  readonly falseAccusations: number;
  /** From a crash to the first accusation by a correct member, seconds. */
  readonly detectionFirst: Quantiles;
  /** From a crash until the last correct view is without the crashed member, seconds. */
  readonly detectionAll: Quantiles;
  /** From a change of a member's own (joined, left, new facts) until one correct member knew it, seconds, over all. */
  readonly dissemination: Quantiles;
  /** Bytes that a correct member sent in a second of being up, on average: packets, pings and pongs, without headers. */
  readonly bytesPerMemberSecond: number;
  /** Inputs of all machines. */
  readonly events: number;
  /** Hours that correct members were up, summed. */
  readonly correctMemberHours: number;
  /** Both phases. */
  readonly simulatedSeconds: number;
  /** From the end of the faults until all that must follow had followed, seconds; null when it did not within its bound. */
  readonly settledAfter: number | null;
}

/** For reports and traces. */
export interface Measured {
  readonly plan: Plan;
  readonly result: Result;
  readonly changes: readonly Change[];
  readonly samples: readonly Sample[];
  /** By member, in their order. */
  readonly members: readonly MemberFigures[];
  readonly adversaries: readonly AdversaryTally[];
  /** What correct members refused to take from Byzantine ones, most frequent first. */
  readonly rejections: readonly Rejection[];
  readonly trace: readonly TraceLine[];
}

export interface MemberFigures {
  readonly name: string;
  readonly isCorrect: boolean;
  readonly bytes: number;
  /** Seconds that it was up. */
  readonly upSeconds: number;
}
