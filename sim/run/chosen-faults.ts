/** The faults of a plan whose options were chosen: so many that there is something to measure, and not what is measured. */
import { Chance } from "../chance.js";
import { drawFault } from "./fault-draw.js";
import type { FaultKind, PlannedFault } from "./plan.js";

/** Streams of a seed, apart from those of the simulation itself. */
const FAULTS_STREAM = 0x706c616e;
const CRASH_STREAM = 0x63726173;

/** Members crash one after the other, so many that the times of detection mean something. */
const CRASHED_SHARE = 0.05;
/** Of a large network in a short run: each costs it a statement on every ring for every member, and takes seconds of a core at N = 1,000. */
const CRASHES_IN_SHORT_MAX = 10;
const CRASHES_MAX = 200;
const CRASH_EVERY_MS = 10_000;
/** A crashed one is back after this long: the network keeps its size, and comebacks are seen too. */
const DOWN_MS = 30_000;
/** One and the same member crashes no more often: from the second removal in two minutes or the third in ten on it would have to wait (R13). */
const CRASH_AGAIN_MS = 300_000;
/** With fewer correct members nobody is left to detect anything. */
const CORRECT_MIN = 3;

/** New facts about a member this often, on average: enough to see them spread, too few to be what the bytes are spent on. */
const DESCRIBE_EVERY_MS = 10_000;

/** Crashes for a plan whose options were chosen: at even steps, each member at its turn. */
function drawCrashes(seed: number, correct: number, phaseMs: number): PlannedFault[] {
  if (correct < CORRECT_MIN) return [];
  const chance = new Chance(seed, CRASH_STREAM);
  const inShort = Math.min(CRASHES_IN_SHORT_MAX, CRASHED_SHARE * correct);
  const wished = Math.max(1, inShort, phaseMs / CRASH_EVERY_MS);
  const downAtOnce = Math.max(1, Math.floor(CRASHED_SHARE * correct));
  const bearable = Math.max(1, (downAtOnce * phaseMs) / DOWN_MS);
  const fair = correct * Math.max(1, phaseMs / CRASH_AGAIN_MS);
  const count = Math.floor(Math.min(CRASHES_MAX, wished, bearable, fair));
  const order = chance.shuffled(Array.from({ length: correct }, (_, index) => index));
  const step = (0.8 * phaseMs) / count;
  return Array.from({ length: count }, (_, index) => {
    const at = Math.floor(0.1 * phaseMs + step * (index + 0.5 * chance.number()));
    const crash: PlannedFault = { kind: "crash", at, member: order[index % correct]! };
    const isBack = at + DOWN_MS < phaseMs;
    return isBack ? { ...crash, back: { after: DOWN_MS, keepState: chance.happens(0.5) } } : crash;
  });
}

/** Faults of these kinds for a plan whose options were chosen: many crashes and new facts, two of each other kind. */
export function drawFaultsOf(
  kinds: readonly FaultKind[],
  seed: number,
  correct: number,
  phaseMs: number,
): PlannedFault[] {
  const chance = new Chance(seed, FAULTS_STREAM);
  const any = () => chance.below(Math.max(1, correct));
  const count = (kind: FaultKind) => (kind === "describe" ? Math.ceil(phaseMs / DESCRIBE_EVERY_MS) : 2);
  const others = kinds.filter((kind) => kind !== "crash" && (correct >= CORRECT_MIN || kind === "join"));
  const drawn = others.flatMap((kind) =>
    Array.from({ length: count(kind) }, () => drawFault(chance, kind, any(), phaseMs)),
  );
  return kinds.includes("crash") ? [...drawCrashes(seed, correct, phaseMs), ...drawn] : drawn;
}
