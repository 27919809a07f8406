/**
 * T3: what a correct subscription is handed in the name of a correct publisher, that one published: there, under that number,
 * and a pattern of the subscription names its topic. A liar may sign two messages under one number; then some correct member
 * can prove it, as long as it has not been proven as often as is remembered.
 */

import type { MemberId } from "../../../rings/index.js";
import { PROOFS_PER_PUBLISHER_MAX } from "../../../topics/limits.js";
import type { Violation } from "../../invariants/violation.js";
import { type History, type Matches, publisherOf, topicOf } from "../record/history.js";

export interface ForgeryOptions {
  readonly matches: Matches;
  /** Milliseconds after which a contradiction that correct members were handed has to be proven. */
  readonly settleMs: number;
}

export function forgeries(history: History, options: ForgeryOptions): Violation[] {
  return [...forged(history, options.matches), ...unproven(history, options.settleMs)];
}

function forged({ fates, published, subscriptions }: History, matches: Matches): Violation[] {
  const correct = new Set(fates.filter(({ isCorrect }) => isCorrect).map(({ id }) => id));
  const genuine = new Map(published.map(({ log, number, digest }) => [`${log} ${number}`, digest]));
  return subscriptions.flatMap(({ member, pattern, told }) => {
    const { isCorrect, name } = fates[member]!;
    if (!isCorrect) return [];
    return told.flatMap((event): Violation[] => {
      if (event.kind !== "handed") return [];
      const { log, number, digest, at } = event;
      const say = (text: string): Violation[] => [{ invariant: "T3", at, member: name, text }];
      if (!matches(pattern, topicOf(log))) return say(`was handed ${number} of ${log}, which ${pattern} does not name`);
      if (!correct.has(publisherOf(log)) || genuine.get(`${log} ${number}`) === digest) return [];
      return say(`was handed ${number} of ${log}, which its publisher never published`);
    });
  });
}

/** Two were handed different messages under one number, and nobody can prove it. */
function unproven({ fates, subscriptions, proven, end }: History, settleMs: number): Violation[] {
  const provenOf = new Set(proven.map(({ log }) => log));
  const against = new Map<MemberId, number>();
  for (const log of provenOf) against.set(publisherOf(log), (against.get(publisherOf(log)) ?? 0) + 1);
  const isKnownLiar = (publisher: MemberId) => (against.get(publisher) ?? 0) >= PROOFS_PER_PUBLISHER_MAX;
  const first = new Map<string, string>();
  const found = new Map<string, Violation>();
  for (const { member, told } of subscriptions) {
    const { isCorrect, name } = fates[member]!;
    if (!isCorrect) continue;
    for (const event of told) {
      if (event.kind !== "handed" || event.at + settleMs > end) continue;
      const { log, number, digest, at } = event;
      const known = first.get(`${log} ${number}`) ?? digest;
      first.set(`${log} ${number}`, known);
      if (known === digest || provenOf.has(log) || isKnownLiar(publisherOf(log))) continue;
      const text = `was handed ${number} of ${log} otherwise than another member, and nobody can prove it`;
      found.set(log, { invariant: "T3", at, member: name, text });
    }
  }
  return [...found.values()];
}
