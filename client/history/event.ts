/** One event of the protocol as this member saw it: the public shapes of `Client.history()`. */

/**
 * - joined, updated, left: as `changes()` tells them; "moved" is this member at other addresses.
 * - accused: `by` signed that `member` does not answer, on `ring`, of `epoch`; `from` brought it. Also one that does not stand.
 * - suspected: an accusation stands in this view, that of `by` on `ring`.
 * - rebutted: `member` has answered with the note of `epoch`, or what stood against it does not any more (`reason`).
 * - removed: out of the view: accused for 2 Delta (`by`, `ring`), made to wait, or not heard of any more (`reason`).
 * - revoked, expired, equivocated: out of the view for good, or until it has another certificate.
 * - summoned: `by` told `member` that it stands accused. One of the two is this member.
 * - missed: `member` did not answer a ping of `by`, this member.
 * - told-out: `by` says that it holds `member`, this one, as removed or waiting. An unsigned word.
 * - isolated, back: this member is not among the others, by `reason`; that is over.
 * - rejected: `member` sent what no correct member sends, and it was not taken.
 */
export type HistoryKind =
  | "joined"
  | "updated"
  | "moved"
  | "left"
  | "accused"
  | "suspected"
  | "rebutted"
  | "removed"
  | "revoked"
  | "expired"
  | "equivocated"
  | "summoned"
  | "missed"
  | "told-out"
  | "isolated"
  | "back"
  | "rejected";

/** Something that this member saw happen in the protocol. Kept for a day, and bounded. */
export interface HistoryEvent {
  /** Rises by one with each event of this process's life, from 1 on. */
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly kind: HistoryKind;
  /** Whom it is about: 64 hex digits, as all ids here. */
  readonly member: string;
  readonly name?: string;
  /** The accuser, the judge, the monitor or the teller; see `HistoryKind`. */
  readonly by?: string;
  readonly byName?: string;
  /** The partner that brought the signed statement; it need not have made it. Absent for what this member signed. */
  readonly from?: string;
  /** 1 to the ring count. */
  readonly ring?: number;
  /** Of the note that it is about, decimal: up to 2^63-1. */
  readonly epoch?: string;
  /** In a few words, for people: at most 200 characters. */
  readonly reason?: string;
  /** Of a missed ping: how the member was last reached. At most 200 characters. */
  readonly path?: string;
}

/** `count` events between the last one that was read and the next are not kept any more. */
export interface HistoryGap {
  readonly kind: "dropped";
  readonly count: number;
  readonly at: number;
}

/** Of a reader of the history. */
export interface HistoryOptions {
  /** The sequence of the last event that was read: what came after it. Default: all that is kept. */
  readonly since?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
