/** Faults as a search may have them: such as excuse nobody's removal. */

import { CLOCK_TOLERANCE_MS } from "../../gossip/clock.js";
import type { Settings } from "../../gossip/index.js";
import type { Chance } from "../chance.js";
import { harmlessStallMs } from "../invariants/stops.js";
import type { PlannedFault } from "../run/plan.js";

/** A stall lasts as long as costs nobody its place, and a clock is off by what is tolerated (R18). */
export function bounded(fault: PlannedFault, chance: Chance, settings: Settings): PlannedFault {
  if (fault.kind === "stall") return { ...fault, lasts: chance.between(1, harmlessStallMs(settings)) };
  if (fault.kind === "skew") return { ...fault, ms: chance.between(-CLOCK_TOLERANCE_MS, CLOCK_TOLERANCE_MS) };
  return fault;
}
