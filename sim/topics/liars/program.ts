/**
 * An attack on topics as data: what liars do with the packets that their machines send and get, and what they say by
 * themselves. The named adversaries are such programs, and a search draws others: liars sign with their own keys only, and
 * nothing here can do more.
 */
import type { PacketKind } from "../../../topics/index.js";

/**
 * Other members, as one mind sees them that knows all. "all": everybody. "correct", "fellows": those who do not lie, those who
 * do. "victim": one correct subscriber of each topic, the one with the most liars directly before it among the subscribers;
 * "others": all correct ones but the victims. "publisher": whoever publishes the log that the packet is about. "half": every
 * second one by number.
 */
export type Audience = "all" | "correct" | "fellows" | "victim" | "others" | "publisher" | "half";

/** The queue group of a work (workload.ts). */
export const QUEUE = "workers";

/** From and until when, seconds of virtual time since the topics began; default: from the beginning to the end. */
export interface Span {
  readonly from?: number;
  readonly until?: number;
}

/**
 * What becomes of a packet. "drop": nothing. "delay": it goes on so many milliseconds later. "hoard": it is kept, and goes on
 * when the span ends. "twice": it comes again so many milliseconds later. "alter": one of its bytes is another one.
 */
export type Fate = "drop" | "delay" | "hoard" | "twice" | "alter";

export interface Rule extends Span {
  /** Packets that the liar's machine sends to this audience, or that it gets from it. */
  readonly on: "sends" | "hears";
  readonly kind: PacketKind | "any";
  readonly with: Audience;
  readonly does: Fate;
  /** For "delay" and "twice". */
  readonly ms?: number;
  /** Of so many packets, 0 to 1. Default 1: all. */
  readonly share?: number;
}

/**
 * What it says by itself. "claim": announces all that any liar or its machine has heard of, whether it holds it or not.
 * "held": tells publishers that it holds and has acknowledged everything. "gone": tells of everything that nobody has it.
 * "pull": asks for everything. "ask": asks for all heads. "replay": says again what it once heard, batch by batch. "junk":
 * bytes that are no packet. "flood": publishes batches of its own on the topics that there are. "twice": publishes two batches
 * under one number, one for each half. "heads": shows heads of its own that are far ahead of what it published. "forge": a batch
 * in the name of a correct publisher, with a signature of its own. "handled": tells the members of queue groups that everything is
 * handled, whoever was to handle it. "anything": a packet of a drawn kind with drawn
 * fields.
 */
export type Saying =
  | "claim"
  | "held"
  | "gone"
  | "pull"
  | "ask"
  | "replay"
  | "junk"
  | "flood"
  | "twice"
  | "heads"
  | "forge"
  | "handled"
  | "anything";

export interface Deed extends Span {
  readonly say: Saying;
  readonly to: Audience;
  /** Milliseconds between two times. */
  readonly everyMs: number;
  /** Times at once: of what is said one by one. Default 1. */
  readonly count?: number;
  /** Of "anything": the kinds that it is drawn from, one as often as it is named. Default: all. */
  readonly kinds?: readonly PacketKind[];
}

export interface Program {
  readonly rules: readonly Rule[];
  readonly deeds: readonly Deed[];
  /** What it subscribes to beside what it is told to: patterns; and the queue group that it does so in. */
  readonly interests?: readonly string[];
  readonly queue?: string;
  /** A subscription of its hands nothing to a handler and acknowledges all at once. */
  readonly acknowledges?: boolean;
  /** Liars share all that one of them has heard: what they say by themselves is about all of it. */
  readonly isShared?: boolean;
}
