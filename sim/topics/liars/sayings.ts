/** What liars say by themselves about topics, as packets. They sign with their own keys only. */
import {
  type BatchFacts,
  encodeBatch,
  encodeBody,
  encodePacket,
  encodePayload,
  type Head,
  type LogName,
  NO_DIGEST,
  nameLog,
} from "../../../topics/index.js";
import { ENTRIES_MAX, NUMBER_MAX } from "../../../topics/limits.js";
import type { Chance } from "../../chance.js";
import { batchSignature } from "../../crypto/batch-signature.js";
import { sha256 } from "../../crypto/sha256.js";
import type { Member } from "../../members/member.js";
import type { HeardLog, Mind } from "./mind.js";
import { QUEUE, type Saying } from "./program.js";

/** Bytes of a message that a flood is of, and of junk. */
const FLOOD_BYTES = 1024;
const JUNK_BYTES = 512;
/** How far ahead of what there is a claim or a head is. */
const AHEAD = 1_000;

/** The logs that one liar writes by itself, beside those of its machine: by topic, and how far each is. */
export class OwnLogs {
  readonly #member: Member;
  readonly #life: bigint;
  readonly #written = new Map<string, { readonly log: LogName; next: number; previous: Uint8Array }>();

  constructor(member: Member, life: bigint) {
    this.#member = member;
    this.#life = life;
  }

  /** The next batch of one message on a topic, with a proper chain. */
  next(topic: string, message: Uint8Array): Uint8Array {
    const log = this.#log(topic);
    const [bytes, body] = this.#sealed(log.log, { first: log.next, previous: log.previous }, message);
    log.next += 1;
    log.previous = sha256(body);
    return bytes;
  }

  /** Two batches under one number. */
  twice(topic: string, one: Uint8Array, other: Uint8Array): [Uint8Array, Uint8Array] {
    const { log, next, previous } = this.#log(topic);
    const [first] = this.#sealed(log, { first: next, previous }, one);
    const [second] = this.#sealed(log, { first: next, previous }, other);
    this.#written.get(topic)!.next += 1;
    return [first, second];
  }

  /** A head far ahead of what was written. */
  head(topic: string): Head {
    const { log, next } = this.#log(topic);
    const facts: BatchFacts = { ...this.#facts(log, Uint8Array.of(0)), first: next + AHEAD };
    const body = encodeBody(facts);
    return { ...facts, body, signature: batchSignature(this.#member.id, body) };
  }

  /** The next batch of another one's log, under its own key. */
  forged({ name, through, body }: HeardLog & { readonly name: LogName }, message: Uint8Array): Uint8Array {
    const previous = body ? sha256(body) : NO_DIGEST;
    return this.#sealed(name, { first: through + 1, previous }, message)[0];
  }

  #log(topic: string) {
    const known = this.#written.get(topic);
    if (known) return known;
    const log = nameLog({ publisher: this.#member.id, life: this.#life, topic }, sha256);
    const begun = { log, next: 1, previous: NO_DIGEST };
    this.#written.set(topic, begun);
    return begun;
  }

  #sealed(log: LogName, changes: Partial<BatchFacts>, message: Uint8Array): [bytes: Uint8Array, body: Uint8Array] {
    const payload = encodePayload([message]);
    const body = encodeBody({ ...this.#facts(log, payload), ...changes });
    return [encodeBatch(body, batchSignature(this.#member.id, body), payload), body];
  }

  #facts(log: LogName, payload: Uint8Array): BatchFacts {
    const digest = sha256(payload);
    const at = Math.floor(this.#member.wall);
    return { log, first: 1, count: 1, at, previous: NO_DIGEST, digest, payloadBytes: payload.length, flags: 0 };
  }
}

/** What is said to one half of the audience, and to the other one. */
export type Said = readonly [one: Uint8Array, other: Uint8Array];

/** One time of a saying; undefined when nothing has come up yet that it could be about. */
export function said(saying: Saying, mind: Mind, own: OwnLogs, chance: Chance): Said | undefined {
  const logs = [...mind.logs.values()].slice(-ENTRIES_MAX);
  const some = chance.pick(logs.filter(({ name }) => name !== undefined));
  const topic = some?.name?.topic;
  switch (saying) {
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
