/**
 * What holds of queue groups.
 *
 * T1: what is owed to a subscription (loss.ts) is owed to a group as a whole: one of its members handles it. A correct one that died
 * with a message in its hands has not; a liar that got it has: the group's members are trusted with what they get.
 * T6: while nobody of the group comes, goes or is taken for dead, no message is handed to two of its members.
 */
import type { Violation } from "../../invariants/violation.js";
import type { History, Published, Subscribed, Told } from "../record/history.js";
import { goesOn, isHanded, isOwed, type LossOptions, nameOf } from "./loss.js";

export function unhandled(history: History, { matches, settleMs }: LossOptions): Violation[] {
  const going = history.subscriptions.filter((each) => goesOn(history, each));
  const had = new Set(going.flatMap(({ told }) => told.filter(isHanded).map(nameOf)));
  const owed = history.published.filter((message) => isOwed(history, message, had, settleMs));
  return [...groups(history)].flatMap(([queue, members]) => {
    const isMember = (message: Published) => (member: Subscribed) =>
      goesOn(history, member) && member.resolvedAt! < message.at && matches(member.pattern, message.topic);
    const handled = new Set(members.flatMap((member) => member.told.filter(isDoneBy(history, member)).map(nameOf)));
    const lost = members.reduce((sum, { told }) => sum + lostIn(told), 0);
    const missing = owed.filter((message) => members.some(isMember(message)) && !handled.has(nameOf(message)));
    if (missing.length <= lost) return [];
    const text = `handled ${missing.length} messages too few, the first is ${nameOf(missing[0]!)}`;
    return [{ invariant: "T1", at: history.end, member: `group ${queue}`, text }];
  });
}

/** Only of runs in which nobody comes, goes or is taken for dead. */
export function handedTwice(history: History): Violation[] {
  return [...groups(history)].flatMap(([queue, members]) => {
    const by = new Map<string, Subscribed>();
    return members.flatMap((member) =>
      member.told.filter(isHanded).flatMap((event): Violation[] => {
        const name = nameOf(event);
        const first = by.get(name) ?? member;
        by.set(name, first);
        if (first === member) return [];
        return [{ invariant: "T6", at: event.at, member: `group ${queue}`, text: `two of it were handed ${name}` }];
      }),
    );
  });
}

function groups({ subscriptions }: History): Map<string, Subscribed[]> {
  const groups = new Map<string, Subscribed[]>();
  for (const subscription of subscriptions) {
    const { queue } = subscription;
    if (queue !== undefined) groups.set(queue, [...(groups.get(queue) ?? []), subscription]);
  }
  return groups;
}

/** Has the member handled it by that? A liar says so of what it is handed. */
function isDoneBy({ fates }: History, { member }: Subscribed): (event: Told) => boolean {
  const { isCorrect, downAt } = fates[member]!;
  const isUp = isCorrect && downAt === undefined;
  return ({ kind }) => kind === "acknowledged" || (kind === "handed" && (!isCorrect || isUp));
}

function lostIn(told: readonly Told[]): number {
  return told.reduce((sum, event) => sum + (event.kind === "lost" ? event.count : 0), 0);
}
