/** Whether a set of members sees itself as it is. */
import { equalBytes } from "../rings/index.js";
import type { Seat } from "./actor.js";
import type { Member } from "./members/member.js";

/** Correct ones that are up. */
function correctOnes(members: readonly Member[]): Member[] {
  return members.filter((member) => member.isCorrect && member.state === "up" && member.hasStarted);
}

/**
 * Does each of them hold all of them as live, and nobody that is down? Of Byzantine members and of stalled ones, who may
 * be in or out, nothing is asked unless they are among them.
 */
export function isWhole(members: readonly Member[], among: readonly Seat[] = correctOnes(members)): boolean {
  // Some are still to come, at a start by joining.
  if (members.some((member) => !member.hasStarted)) return false;
  const down = members.filter((member) => member.state === "down");
  return among.every((seat) => {
    if (among.some((other) => other !== seat && !seat.machine.member(other.id))) return false;
    return !down.some((other) => seat.machine.member(other.id));
  });
}

/** Do all of them hold the same records? */
export function isEqual(members: readonly Member[], among: readonly Seat[] = correctOnes(members)): boolean {
  const first = among[0]?.machine.fingerprint();
  return among.every((seat) => first !== undefined && equalBytes(seat.machine.fingerprint(), first));
}
