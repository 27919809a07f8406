/** Pushes: what is new goes at once to a few ring neighbours, what is mine to all of them, batched per partner. */
import type { MemberId, Timers } from "../../rings/index.js";
import { NEWS_STATEMENTS_MAX, PUSH_BYTES_MAX } from "../limits.js";
import type { Outbox } from "../outputs.js";
import type { Random } from "../ports.js";
import { PacketBuilder } from "../records/packet-builder.js";
import { sample } from "../sample.js";
import type { Partner, View } from "../view/view.js";
import { CALL_TIMEOUT_MS, type Courier, type Pushed } from "./courier.js";
import type { Partners } from "./partners.js";

/** Fresh statements gather for this long before they are pushed, milliseconds: one packet instead of several. */
const PUSH_DELAY_MS = 10;
/** Two pushes of what others said are this far apart at least, milliseconds: in a storm of joins packets grow, not calls. */
const PUSH_PAUSE_MS = 150;
/** Random ring neighbours that a fresh statement is pushed to: reaches 98 % by infect and die, the rest reconciles. */
const PUSH_FANOUT = 4;
/** And one that saves a member from its removal, which has a deadline: 99.97 %. */
const URGENT_FANOUT = 8;
/**
 * Fresh records that go to the same neighbours. Each still goes to as many and as random ones, so it reaches as many; with
 * neighbours of its own for each, every push of a storm was a call to all of them.
 */
const PUSH_GROUP = 16;

export interface MailerParts {
  readonly view: View;
  readonly courier: Courier;
  readonly partners: Partners;
  readonly timers: Timers;
  readonly random: Random;
  readonly outbox: Outbox;
}

export class Mailer {
  readonly #parts: MailerParts;
  /** Records to push on, each with the number of neighbours. */
  readonly #fresh = new Map<string, number>();
  /** Of interests, to push on as any other record. */
  readonly #freshInterests = new Set<string>();
  /** My latest announcements, of a note and of an interest, and who has answered that it got it. */
  readonly #announced = { push: nothingHeard(""), interest: nothingHeard("") };
  /** Calls under way that carry it. */
  readonly #carrying = new Map<number, string>();
  #pushedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: MailerParts) {
    this.#parts = parts;
  }

  /** Nothing waits for its push. */
  get isIdle(): boolean {
    return this.#fresh.size === 0 && this.#freshInterests.size === 0;
  }

  /** A record that others may not have yet: pushed with the next batch. */
  spread(digest: string, now: number): void {
    this.#fresh.set(digest, PUSH_FANOUT);
    this.#soon(now);
  }

  /** The record of an interest: pushed with the next batch, in calls of its own (rule R22). */
  spreadInterest(digest: string, now: number): void {
    this.#freshInterests.add(digest);
    this.#soon(now);
  }

  #soon(now: number): void {
    this.#parts.timers.setEarlier("push", Math.max(now + PUSH_DELAY_MS, this.#pushedAt + PUSH_PAUSE_MS));
  }

  /** The same, to more neighbours and without a pause: a rebuttal, which must be everywhere before the removal. */
  spreadUrgently(digest: string, now: number): void {
    this.#fresh.set(digest, URGENT_FANOUT);
    this.#parts.timers.setEarlier("push", now + PUSH_DELAY_MS);
  }

  /** The batch is due. */
  push(now: number): void {
    const { view, random } = this.#parts;
    // What has a deadline goes first.
    const fresh = [...this.#fresh].sort(([, fewer], [, more]) => more - fewer);
    this.#fresh.clear();
    while (fresh.length > 0) {
      const chosen = sample(random, view.neighbours(), URGENT_FANOUT);
      for (const [digest, fanout] of fresh.splice(0, PUSH_GROUP)) {
        for (const id of chosen.slice(0, fanout)) this.post(id, digest);
      }
    }
    const interests = [...this.#freshInterests];
    this.#freshInterests.clear();
    while (interests.length > 0) {
      const chosen = sample(random, view.neighbours(), PUSH_FANOUT);
      for (const digest of interests.splice(0, PUSH_GROUP)) {
        for (const id of chosen) this.post(id, digest, "interest");
      }
    }
    this.#pushedAt = now;
    this.deliver(now);
  }

  /** To the neighbours on all rings; `again`: but for those that have answered that they got it. */
  announce(digest: string, again = false, as: Pushed = "push"): void {
    if (!again || this.#announced[as].digest !== digest) this.#announced[as] = nothingHeard(digest);
    const { heard } = this.#announced[as];
    for (const id of this.#parts.view.neighbours()) if (!heard.has(id)) this.post(id, digest, as);
  }

  /** Who has answered that it got my announcement; nobody if that was another one. */
  heard(as: Pushed, digest: string): ReadonlySet<MemberId> {
    return this.#announced[as].digest === digest ? this.#announced[as].heard : new Set();
  }

  /** A push was answered by this member, or by nobody. */
  ended(call: number, by: MemberId | undefined): void {
    const digest = this.#carrying.get(call);
    this.#carrying.delete(call);
    if (!by) return;
    for (const announced of Object.values(this.#announced)) if (digest === announced.digest) announced.heard.add(by);
  }

  /** To one member, with the next `deliver`. */
  post(to: MemberId, digest: string, as: Pushed = "push"): void {
    this.#parts.courier.post(to, digest, as);
  }

  /** Sends what waits, to every partner that is not busy with an earlier push. */
  deliver(now: number): void {
    this.#deliver("push", now);
    this.#deliver("interest", now);
  }

  #deliver(as: Pushed, now: number): void {
    const { courier, view } = this.#parts;
    for (const id of courier.recipients(as)) {
      const to = view.partner(id);
      const call = to && courier.begin(as, to, now);
      if (!to) courier.discard(id, as);
      if (to && call) this.#send(call.number, to, as);
    }
  }

  #send(call: number, to: Partner, as: Pushed): void {
    const { courier, view, outbox, partners } = this.#parts;
    // With more it would be a transfer, and go no further; the rest follows when this call has ended.
    const waiting = courier.waiting(to.id, NEWS_STATEMENTS_MAX, as);
    const builder = new PacketBuilder(PUSH_BYTES_MAX * partners.share(to.id));
    const sent = waiting.filter((digest) => {
      const record = view.evidence.record(digest);
      return !record || builder.statement(digest, record.bytes);
    });
    courier.posted(to.id, sent, as);
    const { digest } = this.#announced[as];
    if (sent.includes(digest)) this.#carrying.set(call, digest);
    outbox.emit({ kind: "send", call, to, packet: builder.finish(), timeoutMs: CALL_TIMEOUT_MS });
  }
}

function nothingHeard(digest: string): { readonly digest: string; readonly heard: Set<MemberId> } {
  return { digest, heard: new Set() };
}
