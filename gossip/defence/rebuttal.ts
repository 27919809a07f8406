/** Which rings a rebuttal disables (rule R9). Pure: the machine tells it who accused and who stands where. */
import { disabledRings, type MemberId, tolerance, withRing } from "../../rings/index.js";

/** An accusation that is to be answered. */
export interface Answered {
  readonly ring: number;
  /** Undefined: somebody whom I do not take for my predecessor, by the word of so many that it is true (rule R20). */
  readonly accuser: MemberId | undefined;
}

/** Who made me disable a ring, the longest disabled first. */
export type DisabledBy = ReadonlyMap<number, MemberId | undefined>;

export interface Rebuttal {
  readonly mask: Uint8Array;
  readonly disabledBy: DisabledBy;
}

/** Who stands directly before me on a ring. */
export type Precedes = (ring: number, accuser: MemberId) => boolean;

/**
 * A ring is disabled when its accuser is my direct predecessor there: then it could accuse again at once. With t rings
 * disabled already, one is enabled again: the oldest whose accuser no longer precedes me, else the oldest whose accuser does
 * so only while those between us are accused. Only for one that precedes me also when they are not (`alone`) the oldest of
 * all: else liars who keep everybody accused would make me open, one after the other, the rings that they hold. A ring whose
 * accuser I do not know is disabled too, and is the first to be enabled again.
 */
export function rebut(
  mask: Uint8Array,
  ringCount: number,
  disabledBy: DisabledBy,
  accusations: readonly Answered[],
  precedesMe: Precedes,
  alone: Precedes = precedesMe,
): Rebuttal {
  let next: Rebuttal = { mask, disabledBy };
  const known = (holds: Precedes) => (ring: number, by: MemberId | undefined) => by !== undefined && holds(ring, by);
  const [isBefore, isAlone] = [known(precedesMe), known(alone)];
  for (const { ring, accuser } of accusations) {
    const counts = accuser === undefined || isBefore(ring, accuser);
    if (!counts || disabledRings(next.mask, ringCount).includes(ring)) continue;
    const room = makeRoom(next, ringCount, isBefore, isAlone, isAlone(ring, accuser));
    if (room) next = disable(room, ring, accuser);
  }
  return next;
}

function disable(state: Rebuttal, ring: number, accuser: MemberId | undefined): Rebuttal {
  const disabledBy = new Map(state.disabledBy).set(ring, accuser);
  return { mask: withRing(state.mask, ring, false), disabledBy };
}

type Stands = (ring: number, by: MemberId | undefined) => boolean;

/** Undefined when there is none for an accuser that is not `alone` before me. */
function makeRoom(
  state: Rebuttal,
  ringCount: number,
  precedesMe: Stands,
  alone: Stands,
  isAlone: boolean,
): Rebuttal | undefined {
  const disabled = disabledRings(state.mask, ringCount);
  if (disabled.length < tolerance(ringCount)) return state;
  const byAge = [...state.disabledBy];
  const passing = byAge.find(([ring, by]) => !precedesMe(ring, by)) ?? byAge.find(([ring, by]) => !alone(ring, by));
  const freed = passing?.[0] ?? (isAlone ? (byAge[0]?.[0] ?? disabled[0]) : undefined);
  // With t = 0 no ring may ever be disabled: others would refuse the note (rule R2).
  if (freed === undefined) return undefined;
  const disabledBy = new Map(state.disabledBy);
  disabledBy.delete(freed);
  return { mask: withRing(state.mask, freed, true), disabledBy };
}
