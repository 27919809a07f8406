/** What the invariants ask of a simulation beyond what its watchers are told. */
import type { Settings } from "../../gossip/index.js";
import type { Seat } from "../actor.js";
import type { SimCrypto } from "../crypto.js";
import type { Fault } from "../fault.js";

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
