/** Pushes: what is new goes at once to a few ring neighbours, what is mine to all of them, batched per partner. */
import type { MemberId, Timers } from "../../rings/index.js";
import { NEWS_STATEMENTS_MAX, PUSH_BYTES_MAX } from "../limits.js";
import type { Outbox } from "../outputs.js";
import type { Random } from "../ports.js";
import { PacketBuilder } from "../records/packet-builder.js";
import { sample } from "../sample.js";
import type { Partner, View } from "../view/view.js";
import { CALL_TIMEOUT_MS, type Courier } from "./courier.js";
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
  /** My latest announcement, and who has answered that it got it. */
  #announced = { digest: "", heard: new Set<MemberId>() };
  /** Calls under way that carry it. */
  readonly #carrying = new Map<number, string>();
  #pushedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: MailerParts) {
    this.#parts = parts;
  }

  /** Nothing waits for its push. */
  get isIdle(): boolean {
    return this.#fresh.size === 0;
  }

  /** A record that others may not have yet: pushed with the next batch. */
  spread(digest: string, now: number): void {
    this.#fresh.set(digest, PUSH_FANOUT);
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
    this.#pushedAt = now;
    this.deliver(now);
  }

  /** To the neighbours on all rings; `again`: but for those that have answered that they got it. */
  announce(digest: string, again = false): void {
    if (!again || this.#announced.digest !== digest) this.#announced = { digest, heard: new Set() };
    for (const id of this.#parts.view.neighbours()) if (!this.#announced.heard.has(id)) this.post(id, digest);
  }

  /** A push was answered by this member, or by nobody. */
  ended(call: number, by: MemberId | undefined): void {
    const digest = this.#carrying.get(call);
    this.#carrying.delete(call);
    if (by && digest === this.#announced.digest) this.#announced.heard.add(by);
  }

  /** To one member, with the next `deliver`. */
  post(to: MemberId, digest: string): void {
    this.#parts.courier.post(to, digest);
  }

  /** Sends what waits, to every partner that is not busy with an earlier push. */
  deliver(now: number): void {
    const { courier, view } = this.#parts;
    for (const id of courier.recipients()) {
      const to = view.partner(id);
      const call = to && courier.begin("push", to, now);
      if (!to) courier.discard(id);
      // With more it would be a transfer, and go no further; the rest follows when this call has ended.
      if (to && call) this.#send(call.number, to, courier.waiting(id, NEWS_STATEMENTS_MAX));
    }
  }

  #send(call: number, to: Partner, waiting: readonly string[]): void {
    const { courier, view, outbox, partners } = this.#parts;
    const builder = new PacketBuilder(PUSH_BYTES_MAX * partners.share(to.id));
    const sent = waiting.filter((digest) => {
      const record = view.evidence.record(digest);
      return !record || builder.statement(digest, record.bytes);
    });
    courier.posted(to.id, sent);
    if (sent.includes(this.#announced.digest)) this.#carrying.set(call, this.#announced.digest);
    outbox.emit({ kind: "send", call, to, packet: builder.finish(), timeoutMs: CALL_TIMEOUT_MS });
  }
}
