/**
 * Topics of one member as a machine without I/O: every input is a method that takes the monotonic time `now` in milliseconds,
 * every effect leaves as data, and `deadline` says when to call `tick` again. The driver takes all effects after each input
 * and carries them out in order (effects.ts says how). The same code runs in production and under a simulator.
 *
 * What is published in a turn is one batch: `publish` sets the deadline to now, so the driver calls `tick` when its turn
 * ends, and the batch is signed and sent then.
 */
import type { MemberId } from "../rings/index.js";
import { type Effect, Outbox, type SubscriptionNumber } from "./effects.js";
import type { Interest } from "./interest.js";
import type {
  MachineOptions,
  Published,
  PublishOptions,
  Subscribed,
  SubscribeOptions,
  TopicFigures,
} from "./machine-options.js";
import type { LogTag } from "./records/log.js";
import { checkSettings } from "./settings.js";

export class Machine {
  readonly #outbox = new Outbox();
  #due = Number.POSITIVE_INFINITY;

  /** Throws RangeError on settings out of range. */
  constructor(options: MachineOptions) {
    checkSettings(options.settings);
  }

  // --- What the driver may ask at any time ---

  /** The monotonic instant at which `tick` is due; undefined when nothing waits. */
  get deadline(): number | undefined {
    return this.#due === Number.POSITIVE_INFINITY ? undefined : this.#due;
  }

  /** Live members that subscribe to a topic, me included. */
  subscribers(_topic: string): MemberId[] {
    return [];
  }

  /** Live subscribers that have not acknowledged this message of mine: whom `all` waits for. */
  missing(_log: LogTag, _number: number): MemberId[] {
    return [];
  }

  topics(): TopicFigures[] {
    return [];
  }

  /** To be called after each input, and carried out in order. */
  takeEffects(): Effect[] {
    return this.#outbox.take();
  }

  // --- Inputs of the view ---

  /** A member is live in my view. Again for one that is: nothing. */
  appeared(_id: MemberId, _now: number): void {}

  /** A member is live no more. */
  gone(_id: MemberId, _now: number): void {}

  /** What another member subscribes to, by its newest statement (`parseInterests`); empty when there is none. */
  interested(_id: MemberId, _interests: readonly Interest[], _now: number): void {}

  /** My interest of this number, from an `interest` effect, has spread as far as it will. */
  spread(_number: number, _now: number): void {}

  // --- Inputs of the network ---

  tick(_now: number): void {}

  /** A packet without its length. The machine keeps the bytes: they must not be written to. Never throws for what they are. */
  receive(_from: MemberId, _packet: Uint8Array, _now: number): void {}

  /** Something sent to this member was dropped, or its way broke: what it has not confirmed is sent again when it is asked for. */
  unreachable(_id: MemberId, _now: number): void {}

  /** How a `verify` ended. False also when the signer is unknown. */
  verified(_check: number, _valid: boolean, _now: number): void {}

  // --- Inputs of the program ---

  /** Copies the data; it may be written to afterwards. */
  publish(_topic: string, _data: Uint8Array, _options: PublishOptions, _now: number): Published {
    return { ok: false, reason: "overloaded" };
  }

  /** A `store` is done, for all of the log up to this message. */
  stored(_log: LogTag, _through: number, _now: number): void {}

  /** Batches of mine from an earlier life that the store has: they are sent on. Call it before anything is published. */
  resume(_batches: readonly Uint8Array[], _now: number): void {}

  subscribe(_pattern: string, _options: SubscribeOptions, _now: number): Subscribed {
    return { ok: false, reason: "too-many-subscriptions" };
  }

  /** The handler is done with these messages of a log. In any order; unknown ones are ignored. */
  acknowledge(_subscription: SubscriptionNumber, _log: LogTag, _first: number, _last: number, _now: number): void {}

  /**
   * The handler failed with `number`. Those after it up to `last` of the log were not handed to it, and come again behind it:
   * give back all that you were told to deliver of this log.
   */
  fail(_subscription: SubscriptionNumber, _log: LogTag, _number: number, _last: number, _now: number): void {}

  /** Ends at once: what it has not acknowledged is forgotten here. */
  unsubscribe(_subscription: SubscriptionNumber, _now: number): void {}

  /** Takes nothing new; `ended` follows when all that was delivered is settled. */
  drain(_subscription: SubscriptionNumber, _now: number): void {}
}
