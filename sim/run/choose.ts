/** A plan from chosen options: what is not chosen has a sensible value, and the faults are drawn from the seed. */
import { drawFaultsOf } from "./chosen-faults.js";
import { ringsFor } from "./draw.js";
import { type FaultKind, NAT_FAULTS, type NetworkPlan, type Plan, PRESETS } from "./plan.js";

export interface Choice {
  readonly seed: number;
  readonly members: number;
  /** Below 1 a share of the members, rounded up to whole ones; from 1 on their number. */
  readonly byzantine: number;
  /** "auto": as many as are planned for so many members and liars. */
  readonly rings: number | "auto";
  readonly adversaries: readonly string[];
  readonly seconds: number;
  readonly start: Plan["start"];
  readonly crypto: Plan["crypto"];
  readonly preset: keyof typeof PRESETS;
  readonly network: NetworkPlan;
  /** Share of the members behind NATs, 0 to below 1. Default 0. */
  readonly nat?: number;
  readonly faults: readonly FaultKind[];
}

/** What 0.3 times 10 members may be off by as a double. */
const ROUNDING = 1e-9;

/** Throws RangeError when there is no correct member left, or no ring count bears so many liars. */
export function choosePlan(choice: Choice): Plan {
  const { seed, members, seconds, rings, start, crypto, network, nat = 0 } = choice;
  const { byzantine: wished } = choice;
  const byzantine = wished < 1 ? Math.ceil(wished * members - ROUNDING) : wished;
  if (byzantine >= members) {
    throw new RangeError(`${byzantine} Byzantine members of ${members} leave no correct one`);
  }
  const faults = choice.faults.filter((kind) => nat > 0 || !NAT_FAULTS.includes(kind));
  return {
    seed,
    members,
    byzantine,
    rings: rings === "auto" ? ringsFor(members, byzantine) : rings,
    // A planned count leaves one network in a hundred with such a member; whoever chooses less wants to see what that costs.
    countExposed: rings !== "auto",
    adversaries: byzantine > 0 ? choice.adversaries : [],
    seconds,
    start,
    crypto,
    settings: PRESETS[choice.preset],
    network,
    ...(nat > 0 && { nat }),
    faults: drawFaultsOf(faults, seed, members - byzantine, 1_000 * seconds),
  };
}
