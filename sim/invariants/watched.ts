/** What the invariants ask of a simulation beyond what its watchers are told. */
import type { Settings } from "../../gossip/index.js";
import type { Seat } from "../actor.js";
import type { SimCrypto } from "../crypto.js";
import { WALL_START } from "../engine.js";
import { fakeCrypto } from "../fake-crypto.js";
import type { Fault } from "../fault.js";
import type { Simulation } from "../simulation.js";

export interface Watched {
  readonly members: readonly Seat[];
  /** Virtual milliseconds. */
  readonly now: number;
  /** Unix milliseconds by a clock that is right. */
  readonly wall: number;
  readonly settings: Settings;
  readonly ringCount: number;
  readonly crypto: SimCrypto;
  readonly network: { readonly faults: readonly Fault[] };
}

/** A simulation as the invariants see it. `crypto` is the one that it runs with. */
export function watchedOf(simulation: Simulation, crypto: SimCrypto = fakeCrypto()): Watched {
  const { network, settings, ringCount } = simulation;
  return {
    network,
    settings,
    ringCount,
    crypto,
    get members() {
      return simulation.members;
    },
    get now() {
      return simulation.now;
    },
    get wall() {
      return WALL_START + simulation.now;
    },
  };
}
