/** Fills a packet up to its limits and says when something had to stay out. */
import { MEMBER_ID_BYTES } from "../../rings/index.js";
import {
  PACKET_BYTES_MAX,
  PACKET_DIGESTS_MAX,
  PACKET_INTERESTS_MAX,
  PACKET_RANGES_MAX,
  PACKET_STATEMENTS_MAX,
} from "../limits.js";
import type { InterestOffer } from "./interest.js";
import { encodePacket, type Item, LISTED_DIGITS, STATEMENT_HEAD_BYTES } from "./packet.js";

/** Bytes around everything: the version, the heads of what is wanted and of what is offered (kind and count), and "more". */
const FRAME_BYTES = 8;
/** Bytes of a part of the tree before its hashes or digests, at most: kind, length and 32 bytes of its prefix, count. */
const RANGE_HEAD_BYTES = 36;
const CHILDREN_BYTES = 16 * 16;
const DIGEST_BYTES = LISTED_DIGITS / 2;
const OFFER_BYTES = MEMBER_ID_BYTES + 8 + 4 + DIGEST_BYTES;

export class PacketBuilder {
  readonly #items: Item[] = [];
  readonly #digests = new Set<string>();
  readonly #wants = new Set<string>();
  readonly #offers: InterestOffer[] = [];
  readonly #bytesMax: number;
  readonly #wantsMax: number;
  #bytes = FRAME_BYTES;
  #ranges = 0;
  #listed = 0;
  #overflow = false;

  /** A smaller packet asks for less as well: what is asked for comes back in one. */
  constructor(bytesMax = PACKET_BYTES_MAX) {
    this.#bytesMax = bytesMax;
    this.#wantsMax = Math.max(1, Math.floor((PACKET_DIGESTS_MAX * bytesMax) / PACKET_BYTES_MAX));
  }

  get isEmpty(): boolean {
    return this.#items.length + this.#wants.size + this.#offers.length === 0;
  }

  /** Something had to stay out already. */
  get isFull(): boolean {
    return this.#overflow;
  }

  /** Adds a statement once. One that is larger than the limit by itself still goes, alone: a long revocation list. */
  statement(digest: string, bytes: Uint8Array): boolean {
    if (this.#digests.has(digest)) return true;
    const size = bytes.length + STATEMENT_HEAD_BYTES;
    const isFull = this.#digests.size >= PACKET_STATEMENTS_MAX || this.#bytes + size > this.#bytesMax;
    const isHuge = FRAME_BYTES + size > this.#bytesMax;
    if (isFull && (this.#digests.size > 0 || !isHuge)) return this.#refuse();
    this.#digests.add(digest);
    this.#bytes += size;
    this.#items.push({ kind: "statement", bytes });
    return true;
  }

  /**
   * Adds a statement where room is left, and does not say that more is there when none is: for what comes after everything else,
   * in this packet or in one of the next rounds.
   */
  filler(digest: string, bytes: Uint8Array): void {
    const isFull = this.#overflow;
    if (!isFull) this.statement(digest, bytes);
    this.#overflow = isFull;
  }

  /** Offers an interest, where room is left. */
  interest(offer: InterestOffer): void {
    const isFull = this.#offers.length >= PACKET_INTERESTS_MAX || this.#bytes + OFFER_BYTES > this.#bytesMax;
    if (isFull || this.#overflow) return;
    this.#bytes += OFFER_BYTES;
    this.#offers.push(offer);
  }

  item(item: Item): boolean {
    const digests = "digests" in item ? item.digests.length : 0;
    const bytes = itemBytes(item);
    const isFull =
      this.#ranges >= PACKET_RANGES_MAX - 1 ||
      this.#listed + digests > PACKET_DIGESTS_MAX ||
      this.#bytes + bytes > this.#bytesMax;
    if (isFull) return this.#refuse();
    this.#ranges += 1;
    this.#listed += digests;
    this.#bytes += bytes;
    this.#items.push(item);
    return true;
  }

  want(digest: string): boolean {
    if (this.#wants.has(digest)) return true;
    if (
      this.#wants.size >= this.#wantsMax ||
      this.#listed >= PACKET_DIGESTS_MAX ||
      this.#bytes + DIGEST_BYTES > this.#bytesMax
    )
      return this.#refuse();
    this.#listed += 1;
    this.#bytes += DIGEST_BYTES;
    this.#wants.add(digest);
    return true;
  }

  finish(): Uint8Array {
    const items = [...this.#items];
    if (this.#wants.size > 0) items.push({ kind: "want", digests: [...this.#wants] });
    if (this.#offers.length > 0) items.push({ kind: "interests", offers: this.#offers });
    if (this.#overflow) items.push({ kind: "more" });
    return encodePacket(items);
  }

  #refuse(): false {
    this.#overflow = true;
    return false;
  }
}

function itemBytes(item: Item): number {
  if (item.kind === "children") return RANGE_HEAD_BYTES + CHILDREN_BYTES;
  if ("digests" in item) return RANGE_HEAD_BYTES + item.digests.length * DIGEST_BYTES;
  return 64;
}
