/** One fault of a kind, drawn: when it begins, how long it lasts, how bad it is. */
import type { Chance } from "../chance.js";
import type { FaultKind, PlannedFault } from "./plan.js";

/** Faults begin when the network has settled, so many milliseconds after its start, and as many before their phase ends. */
const FIRST_FAULT_MS = 2_000;

/** A rotation takes so long at least, milliseconds: in half of it all have renewed, in the other half all have heard it. */
const ROTATION_MS_MIN = 4_000;

/** One fault of a kind, at a time of its own. */
export function drawFault(chance: Chance, kind: FaultKind, member: number, phaseMs: number): PlannedFault {
  const at = Math.floor(FIRST_FAULT_MS + chance.number() * Math.max(0, phaseMs - 2 * FIRST_FAULT_MS));
  const lasts = Math.floor(500 + chance.number() * Math.max(500, Math.min(30_000, phaseMs - at)));
  switch (kind) {
    case "crash":
      return chance.happens(0.5) ? { kind, at, member } : { kind, at, member, back: drawReturn(chance, lasts) };
    case "stall":
      return { kind, at, member, lasts: Math.min(lasts, 10_000) };
    case "expire":
      return chance.happens(0.5) ? { kind, at, member } : { kind, at, member, renewedAfter: lasts };
    case "rotate":
      return { kind, at, lasts: lasts + ROTATION_MS_MIN };
    case "join":
      return { kind, at };
    case "skew":
      return { kind, at, member, ms: Math.floor((2 * chance.number() - 1) * 3_600_000) };
    case "partition":
      return { kind, at, lasts, share: round(0.1 + 0.4 * chance.number()), oneWay: chance.happens(0.3) };
    case "loss":
      return { kind, at, lasts, loss: round(0.05 + 0.25 * chance.number()) };
    case "egress":
    case "ingress":
      return { kind, at, lasts, member, loss: round(0.3 + 0.7 * chance.number()) };
    case "spikes": {
      const [links, delayed] = [round(0.05 + 0.35 * chance.number()), round(0.02 + 0.28 * chance.number())];
      return { kind, at, lasts, links, delayed, delayMs: chance.between(50, 2_000) };
    }
    case "flapping":
      return { kind, at, lasts, member, period: chance.between(500, 20_000) };
    case "relays":
      return { kind, at, lasts, period: chance.between(3_000, 15_000) };
    default:
      return { kind, at, member };
  }
}

function drawReturn(chance: Chance, after: number) {
  return { after, keepState: chance.happens(0.5) };
}

/** To hundredths: plans are read by people. */
export function round(share: number): number {
  return Math.round(100 * share) / 100;
}
