/**
 * Packets of all kinds with drawn fields, as a flooder sends them: logs that there are and that there are not, numbers next to
 * what is held and far away, its own signature and others' names under it, batches of a byte and of many.
 */
import {
  encodePacket,
  type Head,
  type LogName,
  type LogTag,
  NO_DIGEST,
  nameLog,
  type Packet,
  type PacketKind,
  type Range,
} from "../../../topics/index.js";
import { ENTRIES_MAX, HEADS_MAX, NUMBER_MAX, PATTERNS_MAX } from "../../../topics/limits.js";
import type { Chance } from "../../chance.js";
import { sha256 } from "../../crypto/sha256.js";
import type { Member } from "../../members/member.js";
import type { Mind } from "./mind.js";
import { QUEUE } from "./program.js";
import { type Sealing, sealed } from "./sealing.js";

/** How often each kind comes when a deed says nothing of kinds. */
const KINDS: readonly PacketKind[] = [
  ...(["batch", "batch", "batch", "announce", "pull", "progress", "gone", "ask", "heads", "start", "proof"] as const),
  ...(["refused", "handled", "awaited", "part"] as const),
];
/** Bytes of a message. */
const SIZES = [1, 100, 100, 1_000, 20_000] as const;
/** Lives and topics that it makes up, each: few come again, many are new. */
const MADE_UP = [4, 64, 100_000] as const;
const PATTERNS = [">", "*", "*.*", "work.>", "work.0", "made.up.>"] as const;
/** Milliseconds for which it says that it is busy. */
const WAITS = [0, 100, 10_000, 2 ** 32 - 1] as const;

export interface Drawer {
  readonly by: Member;
  readonly mind: Mind;
  readonly chance: Chance;
  readonly kinds?: readonly PacketKind[] | undefined;
}

/** One packet. */
export function drawnPacket(drawer: Drawer): Uint8Array {
  return encodePacket(drawn(drawer.chance.pick(drawer.kinds ?? KINDS)!, drawer));
}

function drawn(kind: PacketKind, drawer: Drawer): Packet {
  const { chance } = drawer;
  const many = <T>(max: number, one: () => T): T[] => Array.from({ length: chance.pick([1, 1, 8, max])! }, one);
  switch (kind) {
    case "batch": {
      const { bytes } = batchBy(drawer);
      const stretch = chance.happens(0.3) ? { ring: chance.between(0, 9), until: chance.below(NUMBER_MAX) } : undefined;
      return { kind, stretch, bytes };
    }
    case "announce":
      return { kind, answer: chance.happens(0.5), entries: many(ENTRIES_MAX, () => rangeBy(drawer)) };
    case "pull":
    case "gone":
      return { kind, entries: many(ENTRIES_MAX, () => rangeBy(drawer)) };
    case "progress":
      return {
        kind,
        entries: many(ENTRIES_MAX, () => {
          const { tag, first, last } = rangeBy(drawer);
          return { tag, held: last, acknowledged: first };
        }),
      };
    case "ask":
      return { kind, patterns: many(PATTERNS_MAX, () => chance.pick(PATTERNS)!) };
    case "heads":
      return { kind, heads: many(HEADS_MAX, () => batchBy(drawer).head) };
    case "start":
      return { kind, entries: many(ENTRIES_MAX, () => ({ log: nameBy(drawer), first: numberBy(drawer, 1) })) };
    case "proof":
      return { kind, heads: twoBy(drawer) };
    case "handled":
    case "awaited":
      return { kind, queue: QUEUE, entries: many(ENTRIES_MAX, () => rangeBy(drawer)) };
    case "part":
      return { kind, queue: QUEUE, entries: many(ENTRIES_MAX, () => rangeBy(drawer)) };
    case "refused":
      return { kind, reason: "busy", afterMs: chance.pick(WAITS)! };
  }
}

/** Of a log that it has heard of, of its own, or of one that there is not. */
function rangeBy(drawer: Drawer): Range {
  const { chance, mind } = drawer;
  const heard = chance.happens(0.6) ? chance.pick([...mind.logs.values()].slice(-ENTRIES_MAX)) : undefined;
  const tag = heard?.tag ?? (chance.happens(0.5) ? nameBy(drawer).tag : madeUpTag(chance));
  const [one, other] = [numberBy(drawer, heard?.through ?? 1), numberBy(drawer, heard?.through ?? 1)];
  return { tag, first: Math.min(one, other), last: Math.max(one, other) };
}

/** Its own log, of any life and topic; or that of another one. */
function nameBy({ by, chance, mind }: Drawer): LogName {
  const heard = chance.happens(0.2) ? chance.pick([...mind.logs.values()].slice(-ENTRIES_MAX)) : undefined;
  if (heard?.name) return heard.name;
  const life = BigInt(chance.happens(0.5) ? 1 : chance.below(chance.pick(MADE_UP)!));
  const topic = chance.happens(0.5) ? `work.${chance.below(3)}` : `made.up.${chance.below(chance.pick(MADE_UP)!)}`;
  return nameLog({ publisher: by.id, life, topic }, sha256);
}

/** Next to what there is, the first ones, or anything. */
function numberBy({ chance }: Drawer, through: number): number {
  const numbers = [1, 2, Math.max(1, through), through + 1, through + 1_000, 1 + chance.below(NUMBER_MAX), NUMBER_MAX];
  return Math.min(NUMBER_MAX - 1, chance.pick(numbers)!);
}

/** Signed by itself, whoever's log it is of: in another's it is false. */
function batchBy(drawer: Drawer, changes: Partial<Sealing> = {}): { readonly bytes: Uint8Array; readonly head: Head } {
  const { by, chance } = drawer;
  const first = numberBy(drawer, 1);
  const message = new Uint8Array(chance.pick(SIZES)!).fill(chance.below(256));
  const previous = first === 1 ? NO_DIGEST : sha256(message.subarray(0, 1));
  return sealed(by, { log: nameBy(drawer), first, previous, message, ...changes });
}

/** Two under one number. */
function twoBy(drawer: Drawer): readonly [Head, Head] {
  const log = nameBy(drawer);
  const [one, other] = [
    batchBy(drawer, { log, first: 1, previous: NO_DIGEST }),
    batchBy(drawer, { log, first: 1, previous: NO_DIGEST }),
  ];
  return [one.head, other.head];
}

function madeUpTag(chance: Chance): LogTag {
  const hex = () => chance.uint32().toString(16).padStart(8, "0");
  return `${hex()}${hex()}${hex()}${hex()}` as LogTag;
}
