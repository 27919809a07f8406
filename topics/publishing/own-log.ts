/** A log of this member: the batch that is being filled, what was sealed, and how far each receiver is. */
import type { MemberId } from "../../rings/index.js";
import type { HeldLog } from "../holding/held-log.js";
import { NO_DIGEST } from "../records/batch.js";
import type { OpenBatch } from "./open-batch.js";

/** Somebody who is to have the log: a subscriber, or a holder that the rings chose. */
export interface Receiver {
  readonly id: MemberId;
  /** It holds for others, and is no subscriber: it settles nothing. */
  readonly isHolder: boolean;
  /** The first number that it is owed. */
  readonly start: number;
  /** Sent to it straight, up to here. */
  sent: number;
  /** It says that it holds all up to here. */
  held: number;
  /** It says that its subscriptions have acknowledged all up to here. */
  settled: number;
  /** Monotonic milliseconds: when one of these rose last. */
  movedAt: number;
  /** It has told of its progress since it came, or came back: until then it may not have heard where its share begins. */
  isTold: boolean;
  /** It is too far behind: batches are not kept for it, and nobody waits for it. */
  isCut: boolean;
}

export class OwnLog {
  readonly held: HeldLog;
  /** Of an earlier life: its batches come from the store. */
  readonly isResumed: boolean;
  readonly receivers = new Map<MemberId, Receiver>();
  open: OpenBatch | undefined;
  /** The number of the last sealed message. */
  head = 0;
  /** SHA-256 of the last sealed body. */
  digest: Uint8Array = NO_DIGEST;
  /** Bytes of the messages of the batch before: what the next one is likely to have. */
  lastBytes = 0;
  /** Sealed, sent, and stored as far as it is durable. */
  sentThrough = 0;
  someThrough = 0;
  allThrough = 0;
  /** Somebody waits until all subscribers have acknowledged all up to here. */
  awaited = 0;
  /** All durable batches up to here are in the store. */
  storedThrough = 0;
  /** The first number of a durable batch that is not in the store yet; Infinity when there is none. */
  unstored = Number.POSITIVE_INFINITY;
  /** Repetitions of the announcement to those that are behind, since one of them moved. */
  repeats = 0;
  /** What is counted from `receivers`, once it was asked for. */
  #least: { readonly held: number; readonly settled: number } | undefined;
  #subscribers = 0;

  constructor(held: HeldLog, isResumed = false) {
    this.held = held;
    this.isResumed = isResumed;
  }

  get subscribers(): number {
    return this.#subscribers;
  }

  add(receiver: Receiver): void {
    const before = this.receivers.get(receiver.id);
    if (before && !before.isHolder) this.#subscribers -= 1;
    this.receivers.set(receiver.id, receiver);
    if (!receiver.isHolder) this.#subscribers += 1;
    this.#least = undefined;
  }

  remove(id: MemberId): boolean {
    const receiver = this.receivers.get(id);
    if (!receiver) return false;
    this.receivers.delete(id);
    if (!receiver.isHolder) this.#subscribers -= 1;
    this.#least = undefined;
    return true;
  }

  /** A receiver's figures rose, or it was cut or taken back. */
  changed(before: { readonly held: number; readonly settled: number }): void {
    const least = this.#least;
    if (least && (before.held <= least.held || before.settled <= least.settled)) this.#least = undefined;
  }

  /** All receivers that are not cut hold all up to here. */
  get heldByAll(): number {
    return this.#leasts().held;
  }

  /** All subscribers have acknowledged all up to here. Those that are cut count: `all` means all. */
  get settledByAll(): number {
    return this.#leasts().settled;
  }

  #leasts(): { readonly held: number; readonly settled: number } {
    if (this.#least) return this.#least;
    let [held, settled] = [this.head, this.head];
    for (const receiver of this.receivers.values()) {
      if (!receiver.isCut) held = Math.min(held, receiver.held);
      if (!receiver.isHolder) settled = Math.min(settled, receiver.settled);
    }
    this.#least = { held, settled };
    return this.#least;
  }

  /** The head rose. */
  forgetLeast(): void {
    this.#least = undefined;
  }
}
