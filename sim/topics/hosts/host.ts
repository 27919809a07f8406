/**
 * One member's topics in one life: carries out what the machine of topics/ asks, as the client's driver does, over the
 * simulation's network and clock.
 */
import type { MemberId } from "../../../rings/index.js";
import {
  type Effect,
  FRAME_HEAD_BYTES,
  type Interest,
  type LogTag,
  Machine,
  type Place,
  type PublishOptions,
  type Settings,
  type SubscribeOptions,
  type SubscriptionNumber,
} from "../../../topics/index.js";
import type { Chance } from "../../chance.js";
import { batchSignature, isSignedBy } from "../../crypto/batch-signature.js";
import { sha256 } from "../../crypto/sha256.js";
import type { Member } from "../../members/member.js";
import type { Liar } from "../liars/liar.js";
import type { Subscribed } from "../record/history.js";
import type { Hops } from "../record/hops.js";
import type { Recorder } from "../record/recorder.js";
import type { Spent } from "../record/spent.js";
import { Handler, type HandlerOptions } from "./handler.js";
import { Arrival, Lane } from "./lane.js";

/** Milliseconds of a signature's check, as in engine.ts, and of a synced write. */
const CHECK_MS = 0.07;
const STORE_MS = 2;
/** Bytes that wait on a session at most; what is beyond is dropped, and the machine told. */
const LANE_BYTES_MAX = 8 * 1024 * 1024;

/** What is around all hosts. */
export interface Surroundings {
  readonly settings: Settings;
  readonly recorder: Recorder;
  readonly hops: Hops;
  readonly spent: Spent;
  hostOf(id: MemberId): Host | undefined;
  /** Spreads what a member subscribes to, then tells its machine. */
  spread(host: Host, number: number, interests: readonly Interest[]): void;
}

/** Where a durable subscription is, over all lives of its member. */
export interface Places {
  readonly byLog: Map<LogTag, Place>;
  isBegun: boolean;
}

export class Host {
  readonly member: Member;
  readonly life: number;
  /** Of this life, in the records. */
  readonly number: number;
  readonly machine: Machine;
  readonly chance: Chance;
  /** Its member has come in. */
  isIn = false;
  /** What it does with its packets, if it lies. */
  liar: Liar | undefined;
  readonly #around: Surroundings;
  readonly #lanes = new Map<Member, Lane>();
  readonly #handlers = new Map<SubscriptionNumber, Handler>();
  /** Where the places of durable subscriptions are kept, beyond this life. */
  readonly #places = new Map<SubscriptionNumber, Places>();
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(parts: { member: Member; around: Surroundings; chance: Chance }) {
    const { member, around, chance } = parts;
    this.member = member;
    this.life = member.life;
    this.chance = chance;
    this.#around = around;
    const { name, id, isCorrect } = member;
    this.number = around.recorder.began({ name, id, isCorrect, downAt: undefined });
    this.machine = new Machine({
      id,
      life: BigInt(Math.floor(member.wall)) * 1000n + BigInt(member.life),
      ringCount: member.ringCount,
      settings: around.settings,
      ports: {
        sha256,
        random: () => chance.number(),
        sign: (body) => batchSignature(id, body),
        wall: () => Math.floor(member.wall),
      },
    });
  }

  get isUp(): boolean {
    return this.member.life === this.life && this.member.state !== "down";
  }

  /** One input of the machine, and all that follows; one that stands still finds it when it goes on, one that is down never. */
  input(tell: (now: number) => void): void {
    const run = (now: number) => {
      tell(now);
      this.#carryOutAll(now);
    };
    this.member.world.deliver(new Arrival(this.member, this.life, run));
  }

  /** The same, after so many milliseconds. */
  later(ms: number, tell: (now: number) => void): void {
    this.member.world.after(this.member, ms, () => this.input(tell));
  }

  /** It went on after it stood still. */
  resumed(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#arm(this.member.now);
  }

  ended(now: number): void {
    this.#around.recorder.ended(this.number, now);
    for (const { record } of this.#handlers.values()) record.endedAt ??= now;
  }

  // --- Its program ---

  publish(topic: string, data: Uint8Array, options: PublishOptions = {}): void {
    this.input((now) => {
      const published = this.machine.publish(topic, data, options, now);
      if (!published.ok) return this.#around.spent.refused(published.reason);
      const { log, number } = published;
      this.#around.recorder.published(this.number, log, { number, data, level: options.level ?? "some", at: now });
    });
  }

  /** `places`: those of its member's earlier lives, for a durable one; they are kept up to date. */
  subscribe(pattern: string, handler: HandlerOptions = {}, given: SubscribeOptions = {}, places?: Places): void {
    this.input((now) => {
      const isResumed = places?.isBegun === true;
      const options = places ? { ...given, places: [...places.byLog.values()], isResumed } : given;
      const subscribed = this.machine.subscribe(pattern, options, now);
      if (!subscribed.ok) return this.#around.spent.refused(subscribed.reason);
      const { queue } = options;
      const facts = { pattern, queue, isDurable: places !== undefined };
      const record = this.#around.recorder.subscription(this.number, facts, now);
      if (places) {
        places.isBegun = true;
        this.#places.set(subscribed.subscription, places);
      }
      this.#handlers.set(subscribed.subscription, this.#handler(subscribed.subscription, record, handler));
    });
  }

  unsubscribeAll(): void {
    this.input((now) => {
      for (const [subscription, { record }] of this.#handlers) {
        record.endedAt ??= now;
        this.machine.unsubscribe(subscription, now);
      }
    });
  }

  // --- Packets ---

  /** Sends what the machine or a liar says, unless a liar keeps it. `hops`: of the batch in it, as it arrives. */
  send(to: Member, packet: Uint8Array): void {
    const { hops, spent } = this.#around;
    const key = hops.keyOf(packet);
    const links = key === undefined ? 0 : hops.at(key, this.member.number) + 1;
    spent.sent(this.member, packet);
    const lane = this.#laneTo(to);
    if (lane.bytes + packet.length > LANE_BYTES_MAX) {
      this.later(0, (now) => this.machine.unreachable(to.id, now));
      return;
    }
    lane.send(packet, (now) => {
      const host = this.#around.hostOf(to.id);
      if (!host) return;
      if (key !== undefined) hops.arrived(key, to.number, links);
      if (host.liar) host.liar.hears(this.member, packet, now);
      else host.receive(this.member.id, packet, now);
    });
  }

  /** Hands a packet to the machine: within an input of this member. */
  receive(from: MemberId, packet: Uint8Array, now: number): void {
    this.machine.receive(from, packet, now);
    this.#carryOutAll(now);
  }

  #laneTo(to: Member): Lane {
    const known = this.#lanes.get(to);
    if (known?.isOf(this.member, to)) return known;
    const ended = (now: number) => {
      this.machine.unreachable(to.id, now);
      this.#carryOutAll(now);
    };
    const lane = new Lane({ from: this.member, to, ended });
    this.#lanes.set(to, lane);
    return lane;
  }

  // --- Effects ---

  #carryOutAll(now: number): void {
    for (let effects = this.machine.takeEffects(); effects.length > 0; effects = this.machine.takeEffects()) {
      for (const effect of effects) this.#carryOut(effect, now);
    }
    this.#arm(now);
  }

  #arm(now: number): void {
    const { deadline } = this.machine;
    if (deadline === undefined || deadline >= this.#wakeAt) return;
    this.#wakeAt = deadline;
    this.member.world.after(this.member, Math.max(0, deadline - now), () => this.#wake(deadline));
  }

  #wake(planned: number): void {
    if (this.#wakeAt !== planned) return;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const { deadline } = this.machine;
    if (deadline !== undefined && deadline <= this.member.now) this.input((now) => this.machine.tick(now));
    else this.#arm(this.member.now);
  }

  #carryOut(effect: Effect, now: number): void {
    const { recorder, spent } = this.#around;
    switch (effect.kind) {
      case "send":
        this.#send(effect);
        return;
      case "verify":
        this.#verify(effect);
        return;
      case "interest":
        this.#around.spread(this, effect.number, effect.interests);
        return;
      case "subscribed":
        this.#record(effect.subscription, (record) => {
          record.resolvedAt = now;
        });
        return;
      case "deliver":
        this.#deliver(effect);
        return;
      case "lost": {
        const { log, first, last } = effect;
        this.#record(effect.subscription, ({ told }) =>
          told.push({ kind: "lost", at: now, log: recorder.keyOf(log), count: last - first + 1 }),
        );
        return;
      }
      case "ended":
        this.#record(effect.subscription, (record) => {
          record.endedAt ??= now;
        });
        return;
      case "safe":
        recorder.safe(effect.log, effect.level, effect.through, now);
        return;
      case "store": {
        const { batch } = effect;
        this.later(STORE_MS, (then) => this.machine.stored(batch.log.tag, batch.last, then));
        return;
      }
      case "equivocation":
        recorder.proven(effect.proof.heads[0].log, now);
        return;
      case "rejected":
        spent.rejected(this.member, effect.what, effect.reason);
        return;
      case "place":
        this.#places.get(effect.subscription)?.byLog.set(effect.place.log.tag, effect.place);
        return;
      case "dead":
      case "sent":
      case "room":
      case "forget":
        return;
    }
  }

  #send({ to, frame, rest }: Extract<Effect, { kind: "send" }>): void {
    const packet = packetOf(frame, rest);
    for (const id of to) {
      const target = this.member.world.byId.get(id);
      if (!target) continue;
      if (this.liar) this.liar.sends(target, packet);
      else this.send(target, packet);
    }
  }

  #verify({ check, signer, body, signature }: Extract<Effect, { kind: "verify" }>): void {
    this.#around.spent.checked(this.member);
    const isKnown = signer === this.member.id || this.member.machine.certificateOf(signer) !== undefined;
    const isValid = isKnown ? isSignedBy(signer, body, signature) : undefined;
    this.later(CHECK_MS, (now) => this.machine.verified(check, isValid, now));
  }

  #record(subscription: SubscriptionNumber, write: (record: Subscribed) => void): void {
    const known = this.#handlers.get(subscription);
    if (known) write(known.record);
  }

  #deliver({ subscription, ...portion }: Extract<Effect, { kind: "deliver" }>): void {
    if (this.liar?.acknowledges) {
      const { batch, first, last } = portion;
      this.#handlers.get(subscription)?.swallow(portion);
      this.later(0, (now) => this.machine.acknowledge(subscription, batch.log.tag, first, last, now));
    } else this.#handlers.get(subscription)?.take(portion);
  }

  #handler(subscription: SubscriptionNumber, record: Subscribed, options: HandlerOptions): Handler {
    const { recorder, hops } = this.#around;
    const { member, machine } = this;
    return new Handler(record, options, {
      get now() {
        return member.now;
      },
      hopsOf: ({ signature }) => hops.at(hops.keyOfSignature(signature), member.number),
      keyOf: ({ log }) => recorder.keyOf(log),
      later: (ms, run) => this.later(ms, run),
      acknowledge: (tag, first, last) => machine.acknowledge(subscription, tag, first, last, member.now),
      fail: (tag, number, last) => machine.fail(subscription, tag, number, last, member.now),
    });
  }
}

/** A packet without its length: the same bytes for all that get it. */
function packetOf(frame: Uint8Array, rest: Uint8Array | undefined): Uint8Array {
  const head = frame.subarray(FRAME_HEAD_BYTES);
  if (!rest) return head;
  const packet = new Uint8Array(head.length + rest.length);
  packet.set(head);
  packet.set(rest, head.length);
  return packet;
}
