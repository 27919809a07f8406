/** Which rings a rebuttal disables (rule R9). Pure: the machine tells it who accused and who stands where. */
import { disabledRings, type MemberId, tolerance, withRing } from "../rings/index.js";

/** An accusation that is to be answered. */
export interface Answered {
  readonly ring: number;
  readonly accuser: MemberId;
}

/** Who made me disable a ring, the longest disabled first. */
export type DisabledBy = ReadonlyMap<number, MemberId>;

export interface Rebuttal {
  readonly mask: Uint8Array;
  readonly disabledBy: DisabledBy;
}

/**
 * A ring is disabled when its accuser is my direct predecessor there: then it could accuse again at once. With t rings
 * disabled already, one is enabled again: the oldest whose accuser no longer precedes me, else the oldest of all.
 */
export function rebut(
  mask: Uint8Array,
  ringCount: number,
  disabledBy: DisabledBy,
  accusations: readonly Answered[],
  precedesMe: (ring: number, accuser: MemberId) => boolean,
): Rebuttal {
  let next: Rebuttal = { mask, disabledBy };
  for (const { ring, accuser } of accusations) {
    if (!precedesMe(ring, accuser) || disabledRings(next.mask, ringCount).includes(ring)) continue;
    next = disable(makeRoom(next, ringCount, precedesMe), ring, accuser);
  }
  return next;
}

function disable(state: Rebuttal, ring: number, accuser: MemberId): Rebuttal {
  const disabledBy = new Map(state.disabledBy).set(ring, accuser);
  return { mask: withRing(state.mask, ring, false), disabledBy };
}

function makeRoom(
  state: Rebuttal,
  ringCount: number,
  precedesMe: (ring: number, accuser: MemberId) => boolean,
): Rebuttal {
  const disabled = disabledRings(state.mask, ringCount);
  if (disabled.length < tolerance(ringCount)) return state;
  const byAge = [...state.disabledBy.keys()];
  const freed =
    byAge.find((ring) => !precedesMe(ring, state.disabledBy.get(ring) as MemberId)) ?? byAge[0] ?? disabled[0];
  if (freed === undefined) return state;
  const disabledBy = new Map(state.disabledBy);
  disabledBy.delete(freed);
  return { mask: withRing(state.mask, freed, true), disabledBy };
}
