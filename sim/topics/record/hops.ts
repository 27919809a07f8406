/** On how many links a batch came to each member: told by its signature, which is the same however it travels. */
import { SIGNATURE_BYTES } from "../../../topics/records/batch.js";

/** First byte of a packet that carries a batch; its second says whether a stretch of eight bytes follows (records/packet.ts). */
const BATCH = 1;
const PLAIN_BYTES = 2;
const STRETCH_BYTES = 7;

export class Hops {
  /** By signature, then by member. */
  readonly #hops = new Map<string, Map<number, number>>();

  /** What names the batch in a packet; undefined when none is in it. */
  keyOf(packet: Uint8Array): string | undefined {
    if (packet[0] !== BATCH) return undefined;
    const bodyAt = PLAIN_BYTES + (packet[1] === 1 ? STRETCH_BYTES : 0);
    const signatureAt = bodyAt + 2 + (packet[bodyAt]! << 8) + packet[bodyAt + 1]!;
    return this.keyOfSignature(packet.subarray(signatureAt, signatureAt + SIGNATURE_BYTES));
  }

  keyOfSignature(signature: Uint8Array): string {
    return String.fromCharCode(...signature.subarray(0, 12));
  }

  /** Links from the publisher to this member: 0 for the publisher itself. */
  at(key: string, member: number): number {
    return this.#hops.get(key)?.get(member) ?? 0;
  }

  /** It arrived at a member for the first time, or again. */
  arrived(key: string, member: number, hops: number): void {
    const members = this.#hops.get(key) ?? new Map<number, number>();
    if (members.size === 0) this.#hops.set(key, members);
    if (!members.has(member)) members.set(member, hops);
  }
}
