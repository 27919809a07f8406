/**
 * The way of a foreign batch onto the shelf: is it wanted, is it new, is it what its digest says, and only then is its
 * signature checked. Room is made for what was checked only. Heads and proofs come the same way.
 */
import {
  type Bucket,
  type BucketRate,
  equalBytes,
  fullBucket,
  type MemberId,
  type Sha256,
  spend,
} from "../../rings/index.js";
import type { Outbox } from "../effects.js";
import {
  CHECKED_BYTES_MAX,
  CHECKED_BYTES_PER_MEMBER_MAX,
  CHECKED_BYTES_RESERVED,
  CHECKS_MAX,
  CHECKS_PER_MEMBER_MAX,
  CHECKS_RESERVED,
  LIE_REFILL_MS,
  LIES_BURST,
} from "../limits.js";
import { type Batch, type Head, parseBatch, peekHead } from "../records/batch.js";
import type { LogReader, LogTag } from "../records/log.js";
import type { Stretch } from "../records/packet.js";

const LIES: BucketRate = { burst: LIES_BURST, refillMs: LIE_REFILL_MS };
/** Bytes beyond which a batch that shares its buffer with others keeps it: below, it is copied, so that it holds nothing else. */
const SHARED_FACTOR = 2;

interface PendingBatch {
  readonly kind: "batch";
  readonly from: MemberId;
  readonly batch: Batch;
  /** Set when the same batch comes again with one, while it is being checked. */
  stretch: Stretch | undefined;
}

/** What is being checked of what one member sent. */
interface Load {
  checks: number;
  bytes: number;
}

/** What waits for the check of a signature. */
export type Pending =
  | PendingBatch
  | { readonly kind: "head"; readonly from: MemberId; readonly head: Head }
  | { readonly kind: "proof"; readonly from: MemberId; readonly head: Head; readonly proof: number };

export interface IntakeOptions {
  readonly outbox: Outbox;
  readonly sha256: Sha256;
  readonly logs: LogReader;
  /** Why this batch, of which only the body was read, is not taken; undefined when it is. */
  readonly objection: (
    head: Head,
    from: MemberId,
    bytes: number,
    stretch: Stretch | undefined,
    now: number,
  ) => string | undefined;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #byMember = new Map<MemberId, Load>();
  /** Batches that are being checked, by log and first number: the same one is not checked twice at once. */
  readonly #checking = new Map<LogTag, Map<number, PendingBatch>>();
  readonly #lies = new Map<MemberId, Bucket>();
  /** Heads that are being checked, by the member who sent them. */
  readonly #heads = new Map<MemberId, number>();
  #pendingBytes = 0;
  #next = 1;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** What is being checked, in all and for the member that sent most of it. */
  get counts(): {
    readonly checkedBytes: number;
    readonly checkedBytesOfOne: number;
    readonly checks: number;
    readonly checksOfOne: number;
  } {
    let [checksOfOne, checkedBytesOfOne] = [0, 0];
    for (const { checks, bytes } of this.#byMember.values()) {
      checksOfOne = Math.max(checksOfOne, checks);
      checkedBytesOfOne = Math.max(checkedBytesOfOne, bytes);
    }
    return { checkedBytes: this.#pendingBytes, checkedBytesOfOne, checks: this.#pending.size, checksOfOne };
  }

  isCheckingHeads(from: MemberId): boolean {
    return this.#heads.has(from);
  }

  batch(from: MemberId, given: Uint8Array, stretch: Stretch | undefined, now: number): void {
    if (this.#isMuted(from, now)) {
      this.#reject(from, "batch", "muted");
      return;
    }
    const bytes = given.buffer.byteLength > SHARED_FACTOR * given.length ? given.slice() : given;
    const head = peekHead(bytes, this.#options.logs);
    if (!head) {
      this.#lie(from, "batch-malformed", now);
      return;
    }
    const reason = this.#options.objection(head, from, bytes.length, stretch, now) ?? this.#crowded(from, bytes.length);
    if (reason) {
      this.#reject(from, "batch", reason);
      return;
    }
    const { tag } = head.log;
    const known = this.#checking.get(tag)?.get(head.first);
    if (known && equalBytes(known.batch.body, head.body)) {
      known.stretch ??= stretch;
      return;
    }
    const batch = parseBatch(bytes, this.#options.logs, this.#options.sha256, head);
    if (!batch) {
      this.#lie(from, "batch-malformed", now);
      return;
    }
    const pending: PendingBatch = { kind: "batch", from, batch, stretch };
    if (!known) {
      const checking = this.#checking.get(tag) ?? new Map<number, PendingBatch>();
      this.#checking.set(tag, checking.set(head.first, pending));
    }
    this.#check(pending, batch, bytes.length);
  }

  head(from: MemberId, head: Head, now: number): void {
    const reason = this.#isMuted(from, now) ? "muted" : this.#crowded(from);
    if (reason) {
      this.#reject(from, "head", reason);
      return;
    }
    this.#heads.set(from, (this.#heads.get(from) ?? 0) + 1);
    this.#check({ kind: "head", from, head }, head);
  }

  /** One of the two statements of a proof, whose number is the caller's. False when it is not checked. */
  proof(from: MemberId, head: Head, proof: number, now: number): boolean {
    const reason = this.#isMuted(from, now) ? "muted" : this.#crowded(from);
    if (reason) this.#reject(from, "proof", reason);
    else this.#check({ kind: "proof", from, head, proof }, head);
    return reason === undefined;
  }

  /** Whose statement a check is of; undefined when it is none of mine. */
  fromOf(check: number): MemberId | undefined {
    return this.#pending.get(check)?.from;
  }

  /** What waited for this check, when its signature is valid. Undefined: the signer is unknown here, which is no lie of the sender. */
  verified(check: number, isValid: boolean | undefined, now: number): Pending | undefined {
    const pending = this.#pending.get(check);
    if (!pending) return undefined;
    this.#pending.delete(check);
    this.#lighten(pending);
    if (pending.kind === "batch") this.#checked(pending);
    else if (pending.kind === "head") countDown(this.#heads, pending.from);
    if (isValid) return pending;
    if (isValid === undefined) this.#reject(pending.from, pending.kind, "signer-unknown");
    else this.#lie(pending.from, "signature", now);
    return undefined;
  }

  #checked(pending: PendingBatch): void {
    const { log, first } = pending.batch;
    const { tag } = log;
    const checking = this.#checking.get(tag);
    if (checking?.get(first) === pending) checking.delete(first);
    if (checking?.size === 0) this.#checking.delete(tag);
  }

  #check(pending: Pending, { log, body, signature }: Head, bytes = 0): void {
    const check = this.#next++;
    const load = this.#byMember.get(pending.from) ?? { checks: 0, bytes: 0 };
    this.#byMember.set(pending.from, load);
    load.checks += 1;
    load.bytes += bytes;
    this.#pendingBytes += bytes;
    this.#pending.set(check, pending);
    this.#options.outbox.emit({ kind: "verify", check, signer: log.publisher, body, signature });
  }

  #lighten(pending: Pending): void {
    const bytes = pending.kind === "batch" ? pending.batch.bytes.length : 0;
    const load = this.#byMember.get(pending.from)!;
    load.checks -= 1;
    load.bytes -= bytes;
    this.#pendingBytes -= bytes;
    if (load.checks === 0) this.#byMember.delete(pending.from);
  }

  #crowded(from: MemberId, bytes = 0): string | undefined {
    const own = this.#byMember.get(from);
    const sent = (own?.bytes ?? 0) + bytes;
    const isFull = this.#pending.size >= CHECKS_MAX && (own?.checks ?? 0) >= CHECKS_RESERVED;
    const isHeavy = this.#pendingBytes + bytes > CHECKED_BYTES_MAX && sent > CHECKED_BYTES_RESERVED;
    if (isFull || isHeavy) return "busy";
    const isOver = own !== undefined && (own.checks >= CHECKS_PER_MEMBER_MAX || sent > CHECKED_BYTES_PER_MEMBER_MAX);
    return isOver ? "too-many" : undefined;
  }

  #isMuted(from: MemberId, now: number): boolean {
    const bucket = this.#lies.get(from);
    return bucket !== undefined && spend(bucket, LIES, now) === undefined;
  }

  /** A lie of the one who sent it: correct members pass on what they have checked. */
  #lie(from: MemberId, reason: string, now: number): void {
    const left = spend(this.#lies.get(from) ?? fullBucket(LIES, now), LIES, now);
    if (left) this.#lies.set(from, left);
    this.#reject(from, "batch", reason);
  }

  memberGone(id: MemberId): void {
    this.#lies.delete(id);
  }

  #reject(from: MemberId, what: string, reason: string): void {
    this.#options.outbox.emit({ kind: "rejected", from, what, reason });
  }
}

function countDown(counts: Map<MemberId, number>, id: MemberId): void {
  const left = (counts.get(id) ?? 1) - 1;
  if (left > 0) counts.set(id, left);
  else counts.delete(id);
}
