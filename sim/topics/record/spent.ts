/** What topics cost in a run: bytes by kind of packet, and what machines did not take. */
import type { PacketKind } from "../../../topics/index.js";
import type { Seat } from "../../actor.js";

/** By the first byte of a packet (records/packet.ts). */
const KINDS: readonly (PacketKind | "junk")[] = [
  ...(["junk", "batch", "announce", "pull", "progress", "gone", "ask", "heads", "start", "proof", "refused"] as const),
  ...(["handled", "awaited", "part"] as const),
];
/** Bytes of a packet's length on the stream. */
const FRAME_BYTES = 4;

export type PacketName = PacketKind | "junk";

export function kindOf(packet: Uint8Array): PacketName {
  return KINDS[packet[0] ?? 0] ?? "junk";
}

export class Spent {
  /** Bytes that correct members and liars sent, by kind. */
  readonly correct = new Map<PacketName, number>();
  readonly liars = new Map<PacketName, number>();
  readonly packets = new Map<PacketName, number>();
  /** What correct machines did not take, and why: counts. */
  readonly rejections = new Map<string, number>();
  /** Packets that liars sent. */
  liarPackets = 0;
  /** Signatures that correct machines had checked. */
  checks = 0;
  /** What machines did not do for their program: counts by reason. */
  readonly refusals = new Map<string, number>();

  sent(by: Seat, packet: Uint8Array): void {
    const kind = kindOf(packet);
    add(by.isCorrect ? this.correct : this.liars, kind, packet.length + FRAME_BYTES);
    if (by.isCorrect) add(this.packets, kind, 1);
    else this.liarPackets += 1;
  }

  rejected(by: Seat, what: string, reason: string): void {
    if (by.isCorrect) add(this.rejections, `${what} ${reason}`, 1);
  }

  checked(by: Seat): void {
    if (by.isCorrect) this.checks += 1;
  }

  refused(reason: string): void {
    add(this.refusals, reason, 1);
  }

  /** Bytes that correct members sent. */
  get bytes(): number {
    return [...this.correct.values()].reduce((sum, bytes) => sum + bytes, 0);
  }
}

function add<K>(counts: Map<K, number>, key: K, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
