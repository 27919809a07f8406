/**
 * L1 to L4: what must follow once faults have stopped. Asked at an instant, as a question without a memory: a runner asks
 * again until the answer is empty or its patience ends, and what is said then are the violations.
 *
 * L1 the crashed leave all views: no correct member that is up holds one that is down, or revoked, as live, Byzantine
 *    ones included; nor a correct one whose certificate is not good any more, by its own clock (certificates.ts).
 * L2 all correct views are equal: the same fingerprint, when no liar is up, and no certificate past its dates for anybody;
 *    else the same live members, liars apart, by L3, and the same liars but for a while (splits.ts).
 * L3 the joined are in all views: every correct member that is up, not revoked and with a good certificate, restarted ones
 *    too, in the view of every other.
 * L4 partitions heal: as L3, for two members that a fault of the network once kept apart: it says so, because the cure
 *    is another one (rule R15).
 */
import { type MemberId, toHex } from "../../rings/index.js";
import type { Seat } from "../actor.js";
import type { Certificates } from "./certificates.js";
import type { InvariantName, Violation } from "./violation.js";
import type { Watched } from "./watched.js";

/** Pairs that were ever apart. */
export type WereApart = (a: Seat, b: Seat) => boolean;

/** What was seen of a run: who is out by right, and whom faults have parted. */
export interface Past {
  readonly revoked: ReadonlySet<MemberId>;
  readonly certificates: Certificates;
  readonly wereApart: WereApart;
}

/** Correct members that are up, and out neither by the authority's word nor by their certificates. */
export function viewersOf({ members, wall }: Watched, { revoked, certificates }: Omit<Past, "wereApart">): Seat[] {
  const isIn = (seat: Seat) => seat.isCorrect && seat.state === "up" && !revoked.has(seat.id);
  return members.filter((seat) => isIn(seat) && [wall, seat.wall].every((at) => certificates.isGood(seat, at)));
}

export function liveness(watched: Watched, past: Past): Violation[] {
  const { members, now } = watched;
  const { revoked, certificates, wereApart } = past;
  const seats = new Map(members.map((seat) => [seat.id, seat]));
  const viewers = viewersOf(watched, past);
  const found: Violation[] = [];
  const say = (invariant: InvariantName, member: string, text: string) =>
    found.push({ invariant, at: now, member, text });
  for (const viewer of viewers) {
    const live = new Set<MemberId>(viewer.machine.members().map(({ id }) => id));
    for (const id of live) {
      const seat = seats.get(id);
      const isEnded = seat?.isCorrect && !certificates.isGood(seat, viewer.wall);
      const fate =
        seat?.state === "down" ? "down" : revoked.has(id) ? "revoked" : isEnded ? "past its dates" : undefined;
      if (fate) say("L1", viewer.name, `still holds ${seat?.name}, which is ${fate}, as live`);
    }
    for (const other of viewers) {
      if (other === viewer || live.has(other.id) || !certificates.isGood(other, viewer.wall)) continue;
      const isApart = wereApart(viewer, other);
      const text = `has not ${other.name} in its view (${viewer.machine.standing(other.id)})`;
      say(isApart ? "L4" : "L3", viewer.name, isApart ? `${text}, from which it was cut off` : text);
    }
  }
  const isQuiet =
    members.every((seat) => seat.isCorrect || seat.state === "down") &&
    !viewers.some((viewer) => certificates.someEnded(viewer.wall));
  for (const seat of isQuiet ? oddOnes(viewers) : []) say("L2", seat.name, "holds other records than most");
  return found;
}

/** Those whose fingerprint is not the commonest. */
function oddOnes(viewers: readonly Seat[]): Seat[] {
  const groups = new Map<string, Seat[]>();
  for (const seat of viewers) {
    const root = toHex(seat.machine.fingerprint());
    groups.set(root, [...(groups.get(root) ?? []), seat]);
  }
  const [, ...others] = [...groups.values()].sort((a, b) => b.length - a.length);
  return others.flat();
}
