/**
 * T2: a subscription is handed the messages of each log in the order of their numbers, those apart that it was handed before, and
 * those that a member of a queue group takes over from another one. A liar that makes up more lives on a topic than a member
 * keeps has its own logs forgotten, and with them how far they were (forgotten.ts).
 */
import type { Violation } from "../../invariants/violation.js";
import type { History, LogKey } from "../record/history.js";
import { forgettable } from "./forgotten.js";

export function disorders(history: History): Violation[] {
  const { fates, subscriptions } = history;
  const forgotten = forgettable(history);
  return subscriptions.flatMap(({ member, queue, told }) => {
    const { isCorrect, name } = fates[member]!;
    if (!isCorrect || queue !== undefined) return [];
    const last = new Map<LogKey, number>();
    const seen = new Set<string>();
    const found: Violation[] = [];
    for (const event of told) {
      if (event.kind !== "handed" || forgotten.has(event.log)) continue;
      const { log, number, at } = event;
      const before = last.get(log);
      const isAgain = seen.has(`${log} ${number}`);
      if (before !== undefined && number < before && !isAgain) {
        found.push({ invariant: "T2", at, member: name, text: `was handed ${number} of ${log} after ${before}` });
      }
      seen.add(`${log} ${number}`);
      if (before === undefined || number > before) last.set(log, number);
    }
    return found;
  });
}
