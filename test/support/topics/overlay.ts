/**
 * Machines of topics on a virtual clock and a network that loses, repeats and reorders what it is told to: every member sees all
 * others at once, and handlers do what the test says. Signatures are digests that nobody else makes.
 */
import { createHash } from "node:crypto";
import { equalBytes, type MemberId, memberIdFromBytes } from "../../../rings/index.js";
import type { Effect } from "../../../topics/effects.js";
import type { Interest } from "../../../topics/interest.js";
import type { Kept } from "../../../topics/keeping.js";
import { Machine } from "../../../topics/machine.js";
import type { PublishOptions, SubscribeOptions } from "../../../topics/machine-options.js";
import { messageOf } from "../../../topics/records/batch.js";
import { LAN, type Settings } from "../../../topics/settings.js";
import { EventQueue } from "../gossip/event-queue.js";

export const sha256 = (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest());
export const idOf = (index: number) => memberIdFromBytes(sha256(Buffer.from(`member ${index}`)));
export const signatureOf = (signer: MemberId, body: Uint8Array) =>
  new Uint8Array(createHash("sha512").update(signer).update(body).digest());
export const text = (data: Uint8Array) => Buffer.from(data).toString();
export const bytesOf = (data: string) => new Uint8Array(Buffer.from(data));

/** What becomes of a packet: milliseconds until each copy of it arrives; none, and it is lost. */
export type Fate = (from: number, to: number, packet: Uint8Array, random: () => number) => readonly number[];

export const reliable: Fate = () => [1];

/** Some are lost, some come twice, all take from 1 to `spread` milliseconds. */
export function lossy(loss: number, repeats: number, spread: number): Fate {
  return (_from, _to, _packet, random) => {
    const one = () => 1 + random() * spread;
    if (random() < loss) return [];
    return random() < repeats ? [one(), one()] : [one()];
  };
}

/** What happened at a member, in order. */
export interface Told {
  readonly at: number;
  readonly effect: Effect;
}

export interface Handed {
  readonly from: MemberId;
  readonly topic: string;
  readonly number: number;
  readonly text: string;
  readonly attempt: number;
}

/** "fail" once for each time that it is returned; "hold" never acknowledges. */
export type Handler = (message: Handed) => "done" | "fail" | "hold";

export interface OverlayOptions {
  readonly members: number;
  readonly ringCount?: number;
  readonly settings?: Partial<Settings>;
  readonly seed?: number;
  readonly fate?: Fate;
  /** By topic, and by the index of the member that holds it. */
  readonly keeping?: (topic: string, index: number) => Kept | undefined;
}

export class Member {
  readonly id: MemberId;
  readonly index: number;
  readonly told: Told[] = [];
  readonly handed = new Map<number, Handed[]>();
  readonly handlers = new Map<number, Handler>();
  /** How often a subscription gave back what it had of a log. */
  readonly failures = new Map<string, number>();
  /** The highest number that a subscription was given of a log. */
  readonly highest = new Map<string, number>();
  machine: Machine;
  isAlive = true;
  sentBytes = 0;
  sentPackets = 0;

  constructor(index: number, machine: Machine) {
    this.index = index;
    this.id = idOf(index);
    this.machine = machine;
  }

  /** Effects of a kind. */
  of<K extends Effect["kind"]>(kind: K): Extract<Effect, { kind: K }>[] {
    return this.told.map(({ effect }) => effect).filter((effect) => effect.kind === kind) as never;
  }

  texts(subscription: number): string[] {
    return (this.handed.get(subscription) ?? []).map((message) => message.text);
  }
}

export class Overlay {
  now = 0;
  readonly members: Member[];
  readonly settings: { -readonly [K in keyof Settings]: Settings[K] };
  fate: Fate;
  /** Milliseconds until a batch is in the store. */
  storeMs = 1;
  readonly #keeping: OverlayOptions["keeping"];
  readonly #byId = new Map<MemberId, Member>();
  readonly #ringCount: number;
  readonly #events = new EventQueue();
  #random: number;
  #lives = 1n;

  constructor({ members, ringCount = 9, settings = {}, seed = 1, fate = reliable, keeping }: OverlayOptions) {
    this.settings = { ...LAN, ...settings };
    this.#ringCount = ringCount;
    this.fate = fate;
    this.#keeping = keeping;
    this.#random = seed;
    this.members = Array.from({ length: members }, (_, index) => new Member(index, this.#machine(idOf(index), index)));
    for (const member of this.members) this.#byId.set(member.id, member);
    for (const member of this.members) this.#introduce(member);
  }

  readonly random = (): number => {
    // mulberry32
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  #machine(id: MemberId, index: number): Machine {
    const life = this.#lives++;
    const ports = {
      sha256,
      random: this.random,
      sign: (body: Uint8Array) => signatureOf(id, body),
      wall: (now: number) => 1_790_000_000_000 + Math.floor(now),
    };
    return new Machine({
      id,
      life,
      ringCount: this.#ringCount,
      settings: this.settings,
      ports,
      keeping: (topic) => this.#keeping?.(topic, index),
    });
  }

  #introduce(member: Member): void {
    for (const other of this.members) {
      if (other !== member && other.isAlive) this.input(member, (machine) => machine.appeared(other.id, this.now));
    }
  }

  /** One input, and all that follows from it at once. */
  input<T>(member: Member, act: (machine: Machine) => T): T {
    const result = act(member.machine);
    this.#carryOut(member);
    return result;
  }

  publish(member: Member, topic: string, data: string | Uint8Array, options: PublishOptions = {}) {
    const bytes = typeof data === "string" ? bytesOf(data) : data;
    return this.input(member, (machine) => machine.publish(topic, bytes, options, this.now));
  }

  /** Resolves in virtual time: call `run` or `settle` after it. */
  subscribe(member: Member, pattern: string, options: SubscribeOptions = {}, handler: Handler = () => "done"): number {
    const subscribed = member.machine.subscribe(pattern, options, this.now);
    if (!subscribed.ok) throw new Error(subscribed.reason);
    member.handlers.set(subscribed.subscription, handler);
    member.handed.set(subscribed.subscription, []);
    this.#carryOut(member);
    return subscribed.subscription;
  }

  kill(member: Member): void {
    member.isAlive = false;
    for (const other of this.members) {
      if (other.isAlive) this.input(other, (machine) => machine.gone(member.id, this.now));
    }
  }

  /** The member begins another life, without anything of the one before; it is seen by all at once. */
  restart(member: Member): void {
    if (member.isAlive) this.kill(member);
    member.machine = this.#machine(member.id, member.index);
    member.isAlive = true;
    this.#introduce(member);
    for (const other of this.members) {
      if (other === member || !other.isAlive) continue;
      this.input(other, (machine) => machine.appeared(member.id, this.now));
      const interests = other.of("interest").at(-1)?.interests ?? [];
      this.input(member, (machine) => machine.interested(other.id, interests, this.now));
    }
  }

  /** Lets so much time go by. */
  run(ms: number): void {
    const end = this.now + ms;
    while (this.#step(end));
    this.now = end;
  }

  later(ms: number, run: () => void): void {
    this.#events.push(this.now + ms, run);
  }

  /** The next thing that happens: a machine's deadline, or what was planned. */
  #step(end: number): boolean {
    let first: Member | undefined;
    let due = end;
    for (const member of this.members) {
      const at = member.isAlive ? member.machine.deadline : undefined;
      if (at === undefined || at > due || (first && at === due)) continue;
      [first, due] = [member, at];
    }
    const event = this.#events.pop(first ? Math.max(due, this.now) : end);
    if (event) {
      this.now = event.at;
      event.run();
    } else if (first) {
      this.now = Math.max(this.now, due);
      this.input(first, (machine) => machine.tick(this.now));
    }
    return event !== undefined || first !== undefined;
  }

  #carryOut(member: Member): void {
    for (const effect of member.machine.takeEffects()) {
      member.told.push({ at: this.now, effect });
      this.#one(member, effect);
    }
  }

  #one(member: Member, effect: Effect): void {
    if (effect.kind === "send") {
      const { frame, rest } = effect;
      const packet = rest ? Buffer.concat([frame.subarray(4), rest]) : frame.subarray(4);
      for (const to of effect.to) this.#send(member, to, packet);
    } else if (effect.kind === "verify") {
      const { check, signer, body, signature } = effect;
      const isValid = equalBytes(signatureOf(signer, body), signature);
      this.later(0, () => this.#alive(member, (machine) => machine.verified(check, isValid, this.now)));
    } else if (effect.kind === "interest") this.#spreadInterest(member, effect.number, effect.interests);
    else if (effect.kind === "deliver") this.#handOut(member, effect);
    else if (effect.kind === "store") {
      const { log, last } = effect.batch;
      this.later(this.storeMs, () => this.#alive(member, (machine) => machine.stored(log.tag, last, this.now)));
    }
  }

  #alive(member: Member, act: (machine: Machine) => void): void {
    if (member.isAlive) this.input(member, act);
  }

  #send(from: Member, to: MemberId, packet: Uint8Array): void {
    const target = this.#byId.get(to);
    if (!target) return;
    from.sentBytes += packet.length + 4;
    from.sentPackets += 1;
    for (const ms of this.fate(from.index, target.index, packet, this.random)) {
      this.later(ms, () => this.#alive(target, (machine) => machine.receive(from.id, packet, this.now)));
    }
  }

  #spreadInterest(member: Member, number: number, interests: readonly Interest[]): void {
    this.later(5, () => {
      for (const other of this.members) {
        if (other !== member) this.#alive(other, (machine) => machine.interested(member.id, interests, this.now));
      }
      this.#alive(member, (machine) => machine.spread(number, this.now));
    });
  }

  #handOut(member: Member, { subscription, batch, first, last, attempt }: Extract<Effect, { kind: "deliver" }>): void {
    const handler = member.handlers.get(subscription)!;
    const { log } = batch;
    const key = `${subscription}/${log.tag}`;
    const failures = member.failures.get(key) ?? 0;
    member.highest.set(key, Math.max(last, member.highest.get(key) ?? 0));
    this.later(0, () => {
      // Given back since.
      if (!member.isAlive || failures !== (member.failures.get(key) ?? 0)) return;
      for (let number = first; number <= last; number++) {
        const message = {
          from: log.publisher,
          topic: log.topic,
          number,
          text: text(messageOf(batch, number)),
          attempt,
        };
        member.handed.get(subscription)!.push(message);
        const outcome = handler(message);
        if (outcome === "hold") continue;
        if (outcome === "fail") {
          member.failures.set(key, failures + 1);
          this.input(member, (machine) =>
            machine.fail(subscription, log.tag, number, member.highest.get(key)!, this.now),
          );
          return;
        }
        this.input(member, (machine) => machine.acknowledge(subscription, log.tag, number, number, this.now));
      }
    });
  }
}
