/** Messages that came with their author's signature, checked: a signature stands over a batch, so its messages wait for each other. */
import { readChain, sha256, sha256Hex, verify } from "../../../identity/index.js";
import { encodePayload, type Head, LogReader, parseHead } from "../../../topics/index.js";
import type { BatchMark, NatsAuthor, Outgoing } from "./marks.js";

/** Batches that are not complete yet ... */
const OPEN_MAX = 256;
/** ... and bytes of them: JetStream hands out what is not acknowledged again. */
const OPEN_BYTES_MAX = 32 * 1024 * 1024;
/** Messages of batches that were proven, remembered by their digests: one that was not taken comes again alone. */
const PROVEN_MAX = 65_536;
/** Names of logs that are remembered. */
const LOGS_MAX = 1_024;

/** One message, with what its bridge held of it. */
export interface Claimed<M> {
  readonly claim: Outgoing;
  readonly topic: string;
  readonly data: Uint8Array;
  readonly held: M;
}

export type Judged<M> =
  | { readonly kind: "waits" }
  | { readonly kind: "proven"; readonly author: Author; readonly messages: readonly Claimed<M>[] }
  /** Not what its author signed, whatever else comes. */
  | { readonly kind: "false"; readonly why: string; readonly messages: readonly Claimed<M>[] }
  /** One of these is not what the author signed, and nothing tells which: they are to come again. */
  | { readonly kind: "doubted"; readonly why: string; readonly messages: readonly Claimed<M>[] };

type Author = Omit<NatsAuthor, "sequence">;

/** What a batch's author signed. */
interface Signed {
  readonly head: Head;
  readonly author: Author;
}

interface Open<M> {
  readonly messages: Map<number, Claimed<M>>;
  /** Undefined until a message brought it. */
  signed: Signed | undefined;
  bytes: number;
}

/**
 * Puts batches together, and checks each once it is whole. Anybody who may publish there can send messages that claim numbers of
 * a batch, before or after the true ones. They cost deliveries, and at worst the author's name, but no true message.
 */
export class ProvenBatches<M> {
  readonly #roots: readonly Uint8Array[];
  readonly #now: () => number;
  readonly #logs = new LogReader(sha256, LOGS_MAX);
  readonly #open = new Map<string, Open<M>>();
  #bytes = 0;
  readonly #proven = new Map<string, { readonly author: Author; readonly digest: string }>();

  /** `roots`: DER of those that vouch for authors. */
  constructor(roots: readonly Uint8Array[], now: () => number) {
    this.#roots = roots;
    this.#now = now;
  }

  add(message: Claimed<M>): Judged<M> {
    const { claim, data } = message;
    const known = this.#proven.get(`${claim.log}:${claim.sequence}`);
    if (known !== undefined) {
      if (known.digest === digestOf(message)) return { kind: "proven", author: known.author, messages: [message] };
      return { kind: "false", why: "another message was proven under its number", messages: [message] };
    }
    const key = `${claim.log}:${claim.first}`;
    const open = this.#open.get(key) ?? { messages: new Map(), signed: undefined, bytes: 0 };
    const signed = open.signed ?? (claim.batch && this.#signed(claim.batch, message));
    if (typeof signed === "string") return { kind: "false", why: signed, messages: [message] };
    const other = open.messages.get(claim.sequence);
    if (other !== undefined && digestOf(other) !== digestOf(message)) {
      return { kind: "doubted", why: "another message claims its number", messages: [message] };
    }
    this.#open.set(key, open);
    open.signed = signed;
    open.messages.set(claim.sequence, message);
    const added = data.length - (other?.data.length ?? 0);
    open.bytes += added;
    this.#bytes += added;
    if (signed !== undefined && open.messages.size >= signed.head.count) return this.#judge(key, open, signed);
    this.#forget();
    return { kind: "waits" };
  }

  #judge(key: string, open: Open<M>, { head, author }: Signed): Judged<M> {
    this.#drop(key, open);
    const messages = [...open.messages.values()].toSorted((a, b) => a.claim.sequence - b.claim.sequence);
    const why = problemOf(head, messages);
    if (why !== undefined) return { kind: messages.length === 1 ? "false" : "doubted", why, messages };
    this.#remember(messages, author);
    return { kind: "proven", author, messages };
  }

  /** What the message brings of its author's signature, checked; or what is wrong with it. */
  #signed(mark: BatchMark, { claim }: Claimed<M>): Signed | string {
    const head = parseHead(mark.body, mark.signature, this.#logs);
    if (head === undefined) return "its batch is damaged";
    const { publisher, tag } = head.log;
    if (claim.author !== publisher || claim.log !== tag || claim.first !== head.first) {
      return "its headers are not those of its batch";
    }
    for (const root of this.#roots) {
      const verdict = readChain({ leaf: mark.leaf, issuer: mark.issuer }, root);
      if (!verdict.ok) continue;
      const { id, name, networkId, publicKey, notAfter, notBefore } = verdict.certificate;
      if (id !== publisher) return "its certificate is another member's";
      if (!verify(publicKey, "topic-batch", networkId, mark.body, mark.signature))
        return "its signature is not its author's";
      // When it was signed is the author's word; a certificate that begins later than now, or ended before that, is none.
      if (notBefore > this.#now() || notAfter < head.at) return "its certificate was not valid then";
      return { head, author: { id, name, network: Buffer.from(networkId).toString("hex"), at: head.at } };
    }
    return "no root that is trusted here vouches for its author";
  }

  #drop(key: string, open: Open<M>): void {
    this.#open.delete(key);
    this.#bytes -= open.bytes;
  }

  #remember(messages: readonly Claimed<M>[], author: Author): void {
    for (const message of messages)
      this.#proven.set(`${message.claim.log}:${message.claim.sequence}`, { author, digest: digestOf(message) });
    for (const key of this.#proven.keys()) {
      if (this.#proven.size <= PROVEN_MAX) return;
      this.#proven.delete(key);
    }
  }

  /** The oldest ones go: they are handed out again, or were no batches. */
  #forget(): void {
    for (const [key, open] of this.#open) {
      if (this.#open.size <= OPEN_MAX && this.#bytes <= OPEN_BYTES_MAX) return;
      this.#drop(key, open);
    }
  }
}

function problemOf(head: Head, messages: readonly Claimed<unknown>[]): string | undefined {
  const { log, first, digest } = head;
  const isFitting = messages.every(
    ({ claim, topic }, index) =>
      claim.sequence === first + index &&
      claim.author === log.publisher &&
      claim.log === log.tag &&
      topic === log.topic,
  );
  if (!isFitting) return "its headers are not those of its batch";
  const payload = encodePayload(messages.map(({ data }) => data));
  return Buffer.compare(sha256(payload), digest) === 0 ? undefined : "its batch holds other messages";
}

function digestOf({ topic, data }: Claimed<unknown>): string {
  return `${sha256Hex(data)} ${topic}`;
}
