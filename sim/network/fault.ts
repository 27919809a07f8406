/** Faults of the network as values: put one in with `network.add(fault)`, take it away with `network.remove(fault)`. */
import type { Seat } from "../actor.js";

/** Which packets are concerned, and what becomes of them. Absent: everyone, always, nothing. */
export interface Fault {
  /** What reports call it: "partition", "m3 loses most of what it sends". */
  readonly name: string;
  /** Packets that these send ... */
  readonly from?: readonly Seat[];
  /** ... to these. */
  readonly to?: readonly Seat[];
  /** Also the packets that `to` sends to `from`. */
  readonly bothWays?: boolean;
  /** Packets between members of different groups. Who is in none of them, as one who joins later, is not concerned. */
  readonly between?: readonly (readonly Seat[])[];
  /** Share of the links, one way each, that is concerned: drawn from the seed when the fault is added. 0 to 1. */
  readonly links?: number;
  /** Pings and pongs only, or calls and messages only. */
  readonly kind?: "datagrams" | "calls";
  /** On for `onMs`, then off for `offMs`, and so on, from when it was added. Milliseconds, above 0. */
  readonly flap?: { readonly onMs: number; readonly offMs: number };
  /** Share of packets that get lost, 0 to 1; of calls of their segments, which are sent again as by TCP until the deadline. */
  readonly loss?: number;
  /** Share of datagrams that arrive twice, 0 to 1. */
  readonly duplicates?: number;
  /** Milliseconds added on the way ... */
  readonly delayMs?: number;
  /** ... to this share of packets, 0 to 1; default 1. */
  readonly delayed?: number;
}

/** Nothing passes between these groups. */
export function partition(name: string, groups: readonly (readonly Seat[])[]): Fault {
  return { name, between: groups, loss: 1 };
}

/** Nothing passes from these to those; the other way all does. */
export function oneWay(name: string, from: readonly Seat[], to: readonly Seat[]): Fault {
  return { name, from, to, loss: 1 };
}

/** This share of what these send gets lost. */
export function egressLoss(name: string, from: readonly Seat[], loss: number): Fault {
  return { name, from, loss };
}

/** This share of what is sent to these gets lost. */
export function ingressLoss(name: string, to: readonly Seat[], loss: number): Fault {
  return { name, to, loss };
}

/** For `periodMs` nothing reaches these, for as long all does, and so on. */
export function flipFlop(name: string, to: readonly Seat[], periodMs: number): Fault {
  return { name, to, loss: 1, flap: { onMs: periodMs, offMs: periodMs } };
}

/** Throws RangeError when a value is outside its range. */
export function checkFault({ name, links, loss, duplicates, delayed, delayMs, flap }: Fault): void {
  for (const [what, share] of Object.entries({ links, loss, duplicates, delayed })) {
    if (share !== undefined && !(share >= 0 && share <= 1)) throw new RangeError(`${name}: ${what} must be 0 to 1`);
  }
  if (delayMs !== undefined && !(delayMs >= 0 && delayMs < Infinity)) {
    throw new RangeError(`${name}: delayMs must be 0 or more`);
  }
  if (flap && !(flap.onMs > 0 && flap.offMs > 0)) throw new RangeError(`${name}: flap needs times above 0`);
}
