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
  | { readonly kind: "proven"; readonly author: Omit<NatsAuthor, "sequence">; readonly messages: readonly Claimed<M>[] }
  | { readonly kind: "false"; readonly why: string; readonly messages: readonly Claimed<M>[] };

interface Open<M> {
  readonly messages: Map<number, Claimed<M>>;
  mark: BatchMark | undefined;
  head: Head | undefined;
  bytes: number;
}

/** Puts batches together, and checks each once it is whole. `root`: DER of the root that vouches for the authors. */
export class ProvenBatches<M> {
  readonly #roots: readonly Uint8Array[];
  readonly #now: () => number;
  readonly #logs = new LogReader(sha256, LOGS_MAX);
  readonly #open = new Map<string, Open<M>>();
  #bytes = 0;
  readonly #proven = new Map<string, { readonly author: Omit<NatsAuthor, "sequence">; readonly digest: string }>();

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
    const open = this.#open.get(key) ?? { messages: new Map(), mark: undefined, head: undefined, bytes: 0 };
    this.#open.set(key, open);
    const before = open.messages.get(claim.sequence)?.data.length ?? 0;
    open.messages.set(claim.sequence, message);
    open.bytes += data.length - before;
    this.#bytes += data.length - before;
    open.mark ??= claim.batch;
    if (open.mark !== undefined) open.head ??= parseHead(open.mark.body, open.mark.signature, this.#logs);
    const count = open.head?.count;
    if (open.mark !== undefined && count === undefined) return this.#close(key, open, "its batch is damaged");
    if (count !== undefined && open.messages.size >= count) return this.#judge(key, open);
    this.#forget();
    return { kind: "waits" };
  }

  #judge(key: string, open: Open<M>): Judged<M> {
    const { head, mark } = open;
    if (head === undefined || mark === undefined) return { kind: "waits" };
    const messages = [...open.messages.values()].toSorted((a, b) => a.claim.sequence - b.claim.sequence);
    const why = this.#problem(head, mark, messages);
    if (typeof why === "string") return this.#close(key, open, why);
    this.#drop(key, open);
    this.#remember(messages, why);
    return { kind: "proven", author: why, messages };
  }

  #problem(head: Head, mark: BatchMark, messages: readonly Claimed<M>[]): string | Omit<NatsAuthor, "sequence"> {
    const isFitting = messages.every(
      ({ claim, topic }, index) =>
        claim.sequence === head.first + index &&
        claim.author === head.log.publisher &&
        claim.log === head.log.tag &&
        topic === head.log.topic,
    );
    if (!isFitting) return "its headers are not those of its batch";
    const payload = encodePayload(messages.map(({ data }) => data));
    if (Buffer.compare(sha256(payload), head.digest) !== 0) return "its batch holds other messages";
    for (const root of this.#roots) {
      const verdict = readChain({ leaf: mark.leaf, issuer: mark.issuer }, root);
      if (!verdict.ok) continue;
      const { id, name, networkId, publicKey, notAfter, notBefore } = verdict.certificate;
      if (id !== head.log.publisher) return "its certificate is another member's";
      if (!verify(publicKey, "topic-batch", networkId, mark.body, mark.signature))
        return "its signature is not its author's";
      // When it was signed is the author's word; a certificate that begins later than now, or ended before that, is none.
      if (notBefore > this.#now() || notAfter < head.at) return "its certificate was not valid then";
      return { id, name, network: Buffer.from(networkId).toString("hex"), at: head.at };
    }
    return "no root that is trusted here vouches for its author";
  }

  #close(key: string, open: Open<M>, why: string): Judged<M> {
    this.#drop(key, open);
    return { kind: "false", why, messages: [...open.messages.values()] };
  }

  #drop(key: string, open: Open<M>): void {
    this.#open.delete(key);
    this.#bytes -= open.bytes;
  }

  #remember(messages: readonly Claimed<M>[], author: Omit<NatsAuthor, "sequence">): void {
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

function digestOf({ topic, data }: Claimed<unknown>): string {
  return `${sha256Hex(data)} ${topic}`;
}
