/**
 * Everything that the machine of topics can ask of its driver or tell it, as one closed union: a driver that forgets a kind
 * does not compile. Effects are carried out in their order, and that is a promise: a place is saved before the
 * acknowledgement that follows is sent.
 */
import type { MemberId } from "../rings/index.js";
import type { Interest } from "./interest.js";
import { EFFECTS_MAX } from "./limits.js";
import type { Batch, Head } from "./records/batch.js";
import type { LogName } from "./records/log.js";

/** A subscription of this machine, by the number that `subscribe` gave it. */
export type SubscriptionNumber = number;

/** Two statements that no correct publisher signs both: they overlap and differ, or follow each other and do not chain. */
export interface Equivocation {
  readonly publisher: MemberId;
  readonly heads: readonly [Head, Head];
}

/** Where a durable subscription goes on: all up to `through` is acknowledged, and the numbers of `above` as well. */
export interface Place {
  readonly log: LogName;
  readonly through: number;
  /** Ascending. */
  readonly above: readonly number[];
}

/** For how much of a log a promise of `publish()` is kept. */
export type Safety =
  /** Held by so many others that a correct one is among them with the planned risk. */
  | "some"
  /** Acknowledged by every live subscriber. */
  | "all";

export type Effect =
  /**
   * Write `frame`, then `rest` when there is one, to each of these members, in order with what was sent to it before: one
   * packet, its length before it (records/frames.ts). Open a way when there is none. Neither may be written to; the same
   * bytes go to all. What cannot be sent is told by `unreachable`; what waits for a way is bounded by the driver, and
   * dropping it is allowed at any time.
   */
  | {
      readonly kind: "send";
      readonly to: readonly MemberId[];
      readonly frame: Uint8Array;
      readonly rest: Uint8Array | undefined;
    }
  /**
   * Check the signer's signature over a batch's body, off the loop or at once; answer with `verified`: true, false, or undefined
   * when no certificate of the signer is known or it must not be believed any more.
   */
  | {
      readonly kind: "verify";
      readonly check: number;
      readonly signer: MemberId;
      readonly body: Uint8Array;
      readonly signature: Uint8Array;
    }
  /**
   * What I subscribe to has changed: sign and spread it (interest.ts has the body), then answer with `spread` and its number
   * when enough members have acknowledged it, or the bound of dissemination is over. A later one replaces it.
   */
  | { readonly kind: "interest"; readonly number: number; readonly interests: readonly Interest[] }
  /** `subscribe()` resolves: what is published from now on by whoever has heard of my interest is mine. Once. */
  | { readonly kind: "subscribed"; readonly subscription: SubscriptionNumber }
  /**
   * Hand the messages `first` to `last` of a batch to the handler, one after the other; `messageOf` yields each. Tell how it
   * went with `acknowledge` or `fail`. Those of one log follow each other in order, for each subscription; between logs there
   * is no order. A message that comes again has a higher `attempt`, from 1 on, and comes alone.
   */
  | {
      readonly kind: "deliver";
      readonly subscription: SubscriptionNumber;
      readonly batch: Batch;
      readonly first: number;
      readonly last: number;
      readonly attempt: number;
    }
  /** These messages were owed to the subscription, and nobody holds them any more. */
  | {
      readonly kind: "lost";
      readonly subscription: SubscriptionNumber;
      readonly log: LogName;
      readonly first: number;
      readonly last: number;
    }
  /**
   * These were owed to the subscription, and nobody holds them any more; but they may be kept elsewhere (`Machine.keptElsewhere`).
   * Call `seek`, give what is found by `recover`, and end with `recovered`: only then, what was not found is lost.
   */
  | { readonly kind: "missed"; readonly subscription: SubscriptionNumber }
  /** The handler failed as often as it may: the message goes to the dead-letter handler and counts as acknowledged. */
  | {
      readonly kind: "dead";
      readonly subscription: SubscriptionNumber;
      readonly batch: Batch;
      readonly number: number;
      readonly attempts: number;
    }
  /** A drained subscription has settled what it had, or an unsubscribed one is forgotten. Nothing follows for it. */
  | { readonly kind: "ended"; readonly subscription: SubscriptionNumber }
  /**
   * The messages of my log up to `through` are sealed and were sent to all that were reachable (level `none`). Rises only. Those
   * of durable batches are stored by then.
   */
  | { readonly kind: "sent"; readonly log: LogName; readonly through: number }
  /** The messages of my log up to `through` are safe by this level. Rises only. Those of durable batches are stored by then. */
  | { readonly kind: "safe"; readonly log: LogName; readonly level: Safety; readonly through: number }
  /** There is room again after `publish` answered "overloaded" or "topic-full". */
  | { readonly kind: "room" }
  /** Write my own batch to the store, synced; answer with `stored`. It counts as safe after that only. */
  | { readonly kind: "store"; readonly batch: Batch }
  /** My batches of this log up to `through` need no place in the store any more. */
  | { readonly kind: "forget"; readonly log: LogName; readonly through: number }
  /** Save where a durable subscription is, before any later effect is carried out. */
  | { readonly kind: "place"; readonly subscription: SubscriptionNumber; readonly place: Place }
  /** A publisher signed two things under one number. Once for each log. */
  | { readonly kind: "equivocation"; readonly proof: Equivocation }
  /** Something a member sent was not taken. For counters; nothing needs to be done. */
  | { readonly kind: "rejected"; readonly from: MemberId; readonly what: string; readonly reason: string };

/** Effects on their way to the driver, in order. */
export class Outbox {
  #effects: Effect[] = [];

  emit(effect: Effect): void {
    if (this.#effects.length >= EFFECTS_MAX) {
      throw new Error("effects were not taken: call takeEffects() after each input");
    }
    this.#effects.push(effect);
  }

  take(): Effect[] {
    const taken = this.#effects;
    this.#effects = [];
    return taken;
  }
}
