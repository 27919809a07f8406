/**
 * What liars know: all of them together, or one alone. They see who subscribes to what and where everybody stands, and remember
 * the logs and batches that came to them.
 */
import { type MemberId, Rings } from "../../../rings/index.js";
import {
  type Head,
  type LogName,
  LogReader,
  type LogTag,
  matches,
  type Packet,
  parseHead,
  parsePacket,
} from "../../../topics/index.js";
import type { Chance } from "../../chance.js";
import { sha256 } from "../../crypto/sha256.js";
import type { Member } from "../../members/member.js";
import type { Audience } from "./program.js";

/** Batches and logs that liars remember, at most: what they say again comes from these. */
const BATCHES_MAX = 512;
const LOGS_MAX = 512;
/** Milliseconds for which a choice of victims holds: members come and go. */
const VICTIMS_MS = 1_000;

/** A log that came up, and how far at least it goes. */
export interface HeardLog {
  readonly tag: LogTag;
  /** Undefined: it was announced, and no batch of it came. */
  readonly name: LogName | undefined;
  readonly through: number;
  /** Of the batch that goes farthest; undefined: none came. */
  readonly body: Uint8Array | undefined;
}

/** What a mind asks of the run around it. */
export interface Stage {
  readonly now: number;
  readonly members: readonly Member[];
  readonly ringCount: number;
  /** Who subscribes to what, by the interests that were told. */
  interests(): Iterable<readonly [Member, readonly string[]]>;
}

export class Mind {
  readonly reader = new LogReader(sha256, LOGS_MAX);
  readonly logs = new Map<LogTag, HeardLog>();
  /** Packets with a batch in them, the oldest first. */
  readonly batches: Uint8Array[] = [];
  readonly #stage: Stage;
  #victims: ReadonlySet<Member> = new Set();
  #victimsUntil = Number.NEGATIVE_INFINITY;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Reads a packet that came to a liar or that its machine sends. */
  learn(bytes: Uint8Array): Packet | undefined {
    const parsed = parsePacket(bytes, this.reader);
    if (!parsed.ok) return undefined;
    const { packet } = parsed;
    if (packet.kind === "batch") this.#learnBatch(packet.bytes, bytes);
    else if (packet.kind === "announce") for (const { tag, last } of packet.entries) this.#learnLog(tag, last);
    else if (packet.kind === "heads") {
      for (const head of packet.heads) this.#learnLog(head.log.tag, head.first + head.count - 1, head);
    }
    return packet;
  }

  /** Who wrote the log that a packet with a batch is of. */
  publisherOf(batch: Uint8Array): MemberId | undefined {
    return this.#headOf(batch)?.log.publisher;
  }

  is(audience: Audience, member: Member, publisher?: MemberId): boolean {
    switch (audience) {
      case "all":
        return true;
      case "correct":
        return member.isCorrect;
      case "fellows":
        return !member.isCorrect;
      case "victim":
        return this.#present().has(member);
      case "others":
        return member.isCorrect && !this.#present().has(member);
      case "publisher":
        return publisher ? member.id === publisher : this.publishers().has(member.id);
      case "half":
        return member.number % 2 === 0;
    }
  }

  /** Those that are up. */
  audience(audience: Audience): Member[] {
    return this.#stage.members.filter((member) => member.state === "up" && this.is(audience, member));
  }

  publishers(): Set<MemberId> {
    return new Set([...this.logs.values()].flatMap(({ name }) => name?.publisher ?? []));
  }

  someBatch(chance: Chance): Uint8Array | undefined {
    return chance.pick(this.batches);
  }

  #headOf(batch: Uint8Array) {
    const length = (batch[0]! << 8) + batch[1]!;
    return parseHead(batch.subarray(2, 2 + length), batch.subarray(2 + length, 66 + length), this.reader);
  }

  #learnBatch(batch: Uint8Array, packet: Uint8Array): void {
    const head = this.#headOf(batch);
    if (!head) return;
    this.#learnLog(head.log.tag, head.first + head.count - 1, head);
    this.batches.push(packet);
    if (this.batches.length > BATCHES_MAX) this.batches.shift();
  }

  #learnLog(tag: LogTag, last: number, head?: Head): void {
    const known = this.logs.get(tag);
    if (!known && this.logs.size >= LOGS_MAX) return;
    const isNewest = head !== undefined && last >= (known?.through ?? 0);
    const body = isNewest ? head.body : known?.body;
    this.logs.set(tag, { tag, name: head?.log ?? known?.name, through: Math.max(last, known?.through ?? 0), body });
  }

  #present(): ReadonlySet<Member> {
    const { now } = this.#stage;
    if (now < this.#victimsUntil) return this.#victims;
    this.#victimsUntil = now + VICTIMS_MS;
    this.#victims = new Set(this.#topics().flatMap((topic) => this.#weakest(topic) ?? []));
    return this.#victims;
  }

  #topics(): string[] {
    return [...new Set([...this.logs.values()].flatMap(({ name }) => name?.topic ?? []))];
  }

  /** Of a topic's correct subscribers the one with the most liars directly before it, on the rings of the subscribers alone. */
  #weakest(topic: string): Member | undefined {
    const { ringCount } = this.#stage;
    const subscribers = new Map<MemberId, Member>();
    for (const [member, patterns] of this.#stage.interests()) {
      if (member.state === "up" && patterns.some((each) => matches(each, topic))) subscribers.set(member.id, member);
    }
    const rings = new Rings({ count: ringCount, sha256 });
    for (const id of subscribers.keys()) rings.add(id);
    const liarsBefore = (member: Member) => {
      let count = 0;
      for (let ring = 1; ring <= ringCount; ring++) {
        const [before] = rings.predecessors(ring, member.id, 1);
        if (before && subscribers.get(before)?.isCorrect === false) count += 1;
      }
      return count;
    };
    const correct = [...subscribers.values()].filter(({ isCorrect }) => isCorrect);
    const counted = correct.map((member) => ({ member, count: liarsBefore(member) }));
    return counted.sort((a, b) => b.count - a.count || a.member.number - b.member.number)[0]?.member;
  }
}
