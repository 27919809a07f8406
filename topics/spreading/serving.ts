/**
 * What others are given of what I hold when they pull: so many bytes for each of them and for all in a second. When all together
 * want more, who has had less than its fair share goes on being served, so that nobody keeps others from repairing.
 */
import {
  affordableAt,
  type Bucket,
  type BucketRate,
  fullBucket,
  type MemberId,
  refilled,
  spend,
} from "../../rings/index.js";
import type { Shelf } from "../holding/shelf.js";
import { PULL_BYTES_MAX, SERVED_BURST_BYTES, SERVED_BYTES_PER_SECOND, SERVED_WINDOW_BYTES } from "../limits.js";
import type { Range } from "../records/packet.js";
import type { Post } from "./post.js";

const RATE: BucketRate = { burst: SERVED_BURST_BYTES, refillMs: 1000 / SERVED_BYTES_PER_SECOND };
/** Milliseconds of a window in which the bytes of all are counted. */
const WINDOW_MS = 1000;

export interface ServingOptions {
  readonly shelf: Shelf;
  readonly post: Post;
}

export class Serving {
  readonly #options: ServingOptions;
  readonly #buckets = new Map<MemberId, Bucket>();
  /** What each was given in this window. */
  readonly #given = new Map<MemberId, number>();
  #total = 0;
  #windowEnd = 0;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  /** Is asked for batches. */
  pulled(from: MemberId, entries: readonly Range[], now: number): void {
    const { shelf, post } = this.#options;
    const gone: Range[] = [];
    let room = PULL_BYTES_MAX;
    let wait = 0;
    for (const { tag, first, last } of entries) {
      const log = shelf.get(tag);
      if (!log?.find(first)) gone.push({ tag, first, last: Math.min(last, (log?.heldAfter(first) ?? last + 1) - 1) });
      for (const batch of log?.between(first, last) ?? []) {
        if (room <= 0 || wait > 0) break;
        wait = this.take(from, batch.bytes.length, now);
        if (wait > 0) break;
        post.batch([from], batch, undefined);
        room -= batch.bytes.length;
      }
    }
    if (gone.length > 0) post.packet([from], { kind: "gone", entries: gone });
    if (wait > 0) post.packet([from], { kind: "refused", reason: "busy", afterMs: Math.ceil(wait) });
  }

  /** Takes so many bytes of a member's share: milliseconds until there are so many, 0 when they were taken. */
  take(member: MemberId, bytes: number, now: number): number {
    if (now >= this.#windowEnd) this.#newWindow(now);
    const bucket = refilled(this.#buckets.get(member) ?? fullBucket(RATE, now), RATE, now);
    const given = (this.#given.get(member) ?? 0) + bytes;
    const members = this.#given.size + (this.#given.has(member) ? 0 : 1);
    const isFair = this.#total + bytes <= SERVED_WINDOW_BYTES || given <= SERVED_WINDOW_BYTES / members;
    const left = spend(bucket, RATE, now, bytes);
    if (!left || !isFair) return Math.max(affordableAt(bucket, RATE, bytes), isFair ? now : this.#windowEnd) - now;
    this.#buckets.set(member, left);
    this.#given.set(member, given);
    this.#total += bytes;
    return 0;
  }

  memberGone(id: MemberId): void {
    this.#buckets.delete(id);
  }

  #newWindow(now: number): void {
    this.#given.clear();
    this.#total = 0;
    this.#windowEnd = now + WINDOW_MS;
  }
}
