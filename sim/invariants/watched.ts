/** What the invariants ask of a simulation beyond what its watchers are told. */
import type { Settings } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Seat } from "../actor.js";
import type { SimCrypto } from "../crypto/crypto.js";
import { WALL_START } from "../dates.js";
import type { Fault } from "../network/fault.js";
import type { Simulation } from "../simulation.js";

export interface Watched {
  readonly members: readonly Seat[];
  /** The member of this id; undefined for a further identity of a liar, and for what nobody has. */
  seat(id: MemberId): Seat | undefined;
  /** Virtual milliseconds. */
  readonly now: number;
  /** Unix milliseconds by a clock that is right. */
  readonly wall: number;
  readonly settings: Settings;
  readonly ringCount: number;
  readonly crypto: SimCrypto;
  readonly network: { readonly faults: readonly Fault[] };
  isBehindNat(seat: Seat): boolean;
  /** Of a member behind a NAT, those that its latest note names. */
  relaysOf(seat: Seat): readonly Seat[];
  /** Does it sit behind a NAT, with liars alone as relays? */
  isCutOff(seat: Seat): boolean;
}

/** A simulation as the invariants see it. `crypto`: to check with, if not with the one that it runs with. */
export function watchedOf(simulation: Simulation, crypto: SimCrypto = simulation.crypto): Watched {
  const { network, settings, ringCount } = simulation;
  const seats = new Map<MemberId, Seat>();
  return {
    network,
    settings,
    ringCount,
    crypto,
    get members() {
      return simulation.members;
    },
    seat(id) {
      const { members } = simulation;
      // They only ever come.
      if (seats.size < members.length) for (const seat of members.slice(seats.size)) seats.set(seat.id, seat);
      return seats.get(id);
    },
    isBehindNat: (seat) => simulation.isBehindNat(seat),
    relaysOf: (seat) => simulation.relaysOf(seat),
    isCutOff(seat) {
      const relays = simulation.relaysOf(seat);
      return relays.length > 0 && relays.every(({ isCorrect }) => !isCorrect);
    },
    get now() {
      return simulation.now;
    },
    get wall() {
      return WALL_START + simulation.now;
    },
  };
}
