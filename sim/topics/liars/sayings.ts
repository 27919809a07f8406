/** What liars say by themselves about topics, as packets. They sign with their own keys only. */
import { encodePacket, type Head, type LogName, NO_DIGEST, nameLog } from "../../../topics/index.js";
import { ENTRIES_MAX, NUMBER_MAX } from "../../../topics/limits.js";
import type { Chance } from "../../chance.js";
import { sha256 } from "../../crypto/sha256.js";
import type { Member } from "../../members/member.js";
import { drawnPacket } from "./drawn.js";
import type { HeardLog, Mind } from "./mind.js";
import { type Deed, QUEUE } from "./program.js";
import { sealed } from "./sealing.js";

/** Bytes of a message that a flood is of, and of junk. */
const FLOOD_BYTES = 1024;
const JUNK_BYTES = 512;
/** How far ahead of what there is a claim or a head is. */
const AHEAD = 1_000;

/** The logs that one liar writes by itself, beside those of its machine: by topic, and how far each is. */
export class OwnLogs {
  readonly member: Member;
  readonly #life: bigint;
  readonly #written = new Map<string, { readonly log: LogName; next: number; previous: Uint8Array }>();

  constructor(member: Member, life: bigint) {
    this.member = member;
    this.#life = life;
  }

  /** The next batch of one message on a topic, with a proper chain. */
  next(topic: string, message: Uint8Array): Uint8Array {
    const log = this.#log(topic);
    const { bytes, head } = sealed(this.member, { log: log.log, first: log.next, previous: log.previous, message });
    log.next += 1;
    log.previous = sha256(head.body);
    return bytes;
  }

  /** Two batches under one number. */
  twice(topic: string, one: Uint8Array, other: Uint8Array): [Uint8Array, Uint8Array] {
    const { log, next: first, previous } = this.#log(topic);
    this.#written.get(topic)!.next += 1;
    const batchOf = (message: Uint8Array) => sealed(this.member, { log, first, previous, message }).bytes;
    return [batchOf(one), batchOf(other)];
  }

  /** A head far ahead of what was written. */
  head(topic: string): Head {
    const { log, next } = this.#log(topic);
    return sealed(this.member, { log, first: next + AHEAD, previous: NO_DIGEST, message: Uint8Array.of(0) }).head;
  }

  /** The next batch of another one's log, under its own key. */
  forged({ name, through, body }: HeardLog & { readonly name: LogName }, message: Uint8Array): Uint8Array {
    const previous = body ? sha256(body) : NO_DIGEST;
    return sealed(this.member, { log: name, first: through + 1, previous, message }).bytes;
  }

  #log(topic: string) {
    const known = this.#written.get(topic);
    if (known) return known;
    const log = nameLog({ publisher: this.member.id, life: this.#life, topic }, sha256);
    const begun = { log, next: 1, previous: NO_DIGEST };
    this.#written.set(topic, begun);
    return begun;
  }
}

/** What is said to one half of the audience, and to the other one. */
export type Said = readonly [one: Uint8Array, other: Uint8Array];

/** One time of a saying; undefined when nothing has come up yet that it could be about. */
export function said({ say, kinds }: Deed, mind: Mind, own: OwnLogs, chance: Chance): Said | undefined {
  const logs = [...mind.logs.values()].slice(-ENTRIES_MAX);
  const some = chance.pick(logs.filter(({ name }) => name !== undefined));
  const topic = some?.name?.topic;
  switch (say) {
    case "anything":
      return both(drawnPacket({ by: own.member, mind, chance, kinds }));
    case "claim":
      return about(logs, (log) => encodePacket({ kind: "announce", answer: true, entries: log.map(whole) }));
    case "gone":
      return about(logs, (log) => encodePacket({ kind: "gone", entries: log.map(whole) }));
    case "pull":
      return about(logs, (log) => encodePacket({ kind: "pull", entries: log.map(whole) }));
    case "held":
      return about(logs, (log) => encodePacket({ kind: "progress", entries: log.map(done) }));
    case "handled":
      return about(logs, (log) => encodePacket({ kind: "handled", queue: QUEUE, entries: log.map(whole) }));
    case "ask":
      return both(encodePacket({ kind: "ask", patterns: [">"] }));
    case "replay":
      return mind.batches.length > 0 ? both(mind.someBatch(chance)!) : undefined;
    case "junk":
      return both(noise(chance, JUNK_BYTES));
    case "flood":
      return topic ? both(batchPacket(own.next(topic, noise(chance, FLOOD_BYTES)))) : undefined;
    case "heads":
      return topic ? both(encodePacket({ kind: "heads", heads: [own.head(topic)] })) : undefined;
    case "twice": {
      const two = topic ? own.twice(topic, noise(chance, 8), noise(chance, 8)) : undefined;
      return two && [batchPacket(two[0]), batchPacket(two[1])];
    }
    case "forge":
      return isNamed(some) ? both(batchPacket(own.forged(some, noise(chance, 8)))) : undefined;
  }
}

function isNamed(log: HeardLog | undefined): log is HeardLog & { readonly name: LogName } {
  return log?.name !== undefined;
}

function about(logs: readonly HeardLog[], say: (logs: readonly HeardLog[]) => Uint8Array): Said | undefined {
  return logs.length > 0 ? both(say(logs)) : undefined;
}

function both(packet: Uint8Array): Said {
  return [packet, packet];
}

function whole({ tag, through }: HeardLog) {
  return { tag, first: 1, last: through + 1 };
}

function done({ tag }: HeardLog) {
  return { tag, held: NUMBER_MAX, acknowledged: NUMBER_MAX };
}

function batchPacket(bytes: Uint8Array): Uint8Array {
  return encodePacket({ kind: "batch", stretch: undefined, bytes });
}

function noise(chance: Chance, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => chance.below(256));
}
