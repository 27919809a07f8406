/** T5: within one life, a subscription is not handed again what its handler has acknowledged. */
import type { Violation } from "../../invariants/violation.js";
import type { History } from "../record/history.js";
import { forgettable } from "./forgotten.js";

export function duplicates(history: History): Violation[] {
  const { fates, subscriptions } = history;
  const forgotten = forgettable(history);
  return subscriptions.flatMap(({ member, told }) => {
    const { isCorrect, name } = fates[member]!;
    if (!isCorrect) return [];
    const acknowledged = new Set<string>();
    return told.flatMap((event): Violation[] => {
      if (event.kind === "lost" || forgotten.has(event.log)) return [];
      const { log, number, at } = event;
      if (event.kind === "acknowledged") acknowledged.add(`${log} ${number}`);
      else if (acknowledged.has(`${log} ${number}`)) {
        const text = `was handed ${number} of ${log} again, though it had acknowledged it`;
        return [{ invariant: "T5", at, member: name, text }];
      }
      return [];
    });
  });
}
