/**
 * What a member sees happen in the protocol, beside what changes in its view: who accused whom, who answered, whom it
 * missed. For observation only: nothing follows from a notice, and a driver may drop them all.
 */
import type { MemberId } from "../rings/index.js";

/** What the last try over the member's main transport said, when a ping was missed. */
export type Attempt = "none" | "running" | "silent" | "refused";

export type Notice =
  /**
   * A well-signed accusation was taken, or one of me that nobody can hold. `statement` is it, and `against` the note that it
   * is of, as they are held.
   */
  | {
      readonly what: "accused";
      readonly member: MemberId;
      readonly by: MemberId;
      readonly ring: number;
      readonly epoch: bigint;
      /** Who brought it; undefined for my own, and for what was kept on disk. */
      readonly from: MemberId | undefined;
      readonly statement: Uint8Array;
      readonly against: Uint8Array | undefined;
    }
  /** A note was taken while an accusation stood against its member, or mine was signed because others accuse me. */
  | {
      readonly what: "answered";
      readonly member: MemberId;
      readonly epoch: bigint;
      readonly from: MemberId | undefined;
      readonly statement: Uint8Array | undefined;
    }
  /** Two notes of one epoch prove a contradiction (rule R12). */
  | {
      readonly what: "contradicted";
      readonly member: MemberId;
      readonly from: MemberId | undefined;
      readonly statement: Uint8Array;
    }
  /** A judge told me that I stand accused in its view (rule R20). */
  | { readonly what: "summoned"; readonly by: MemberId; readonly ring: number; readonly epoch: bigint }
  /** A ping of mine had no answer; without pings, a try. 0 misses: it does not count, because most are silent here. */
  | {
      readonly what: "missed";
      readonly member: MemberId;
      readonly ring: number;
      readonly epoch: bigint;
      readonly misses: number;
      /** So many make a verdict. */
      readonly limit: number;
      readonly attempt: Attempt;
    }
  /** A member's unsigned word: it holds me as removed at this epoch, or takes me back after so many milliseconds. */
  | { readonly what: "told-out"; readonly by: MemberId; readonly epoch: bigint; readonly waitMs: number };
